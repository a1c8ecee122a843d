package box_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

// childVariable makes TestChild a program that starts a box and then waits to be killed.
const childVariable = "BOX_TEST_CHILD"

func TestDiskKeepsWhatWasSyncedThroughPowerCut(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(disk, nil, 0o600))
	require.NoError(t, os.Truncate(disk, 8<<20))
	options := box.Options{Disks: []box.Disk{{Path: disk}}}
	b := box.Start(t, options)
	b.LoadModule("virtio_blk")
	b.Must("sh", "-c", "echo written | dd of=/dev/vda conv=fsync 2>/dev/null")
	running := b.Command("sleep", "1000")
	require.NoError(t, running.Start(t.Context()))
	b.PowerCut()
	b.PowerCut()
	require.Error(t, running.Wait())
	_, err := b.Run(soon(t), "true")
	require.ErrorContains(t, err, "the box has ended")

	b = box.Start(t, options)
	b.LoadModule("virtio_blk")
	assert.Equal(t, "written\n", b.Must("head", "-n", "1", "/dev/vda"))
	require.NoError(t, b.PowerOff(soon(t)))
	<-b.Done()
}

// reboot has the box restart in order; the command may not live to tell.
func reboot(t *testing.T, b *box.Box) {
	t.Helper()
	c := b.Command("reboot")
	require.NoError(t, c.Start(soon(t)))
	t.Cleanup(func() { _ = c.Wait() })
}

func TestResetAndReboot(t *testing.T) {
	b := box.Start(t, box.Options{Reboots: true})
	boot := func() string { return b.Must("cat", "/proc/sys/kernel/random/boot_id") }
	first := boot()
	require.NoError(t, b.Reset(soon(t)))
	second := boot()
	assert.NotEqual(t, first, second)
	n := b.Resets()
	reboot(t, b)
	require.NoError(t, b.AwaitReboot(soon(t), n))
	assert.NotEqual(t, second, boot())
}

func TestRebootEndsABoxThatShallNot(t *testing.T) {
	b := box.Start(t, box.Options{})
	require.NoError(t, b.Reset(soon(t)), "the button works")
	reboot(t, b)
	select {
	case <-b.Done():
	case <-soon(t).Done():
		t.Fatal("it runs on")
	}
}

func TestWatchdogThatNobodyFeeds(t *testing.T) {
	b := box.Start(t, box.Options{Watchdog: "poweroff"})
	b.LoadModule("i6300esb", "heartbeat=2")
	b.Must("sh", "-c", "echo >/dev/watchdog")
	select {
	case <-b.Done():
	case <-soon(t).Done():
		t.Fatal("it runs on")
	}
}

func TestSerialPort(t *testing.T) {
	b := box.Start(t, box.Options{Serial: true})
	reader := b.Command("sh", "-c", "exec 3<>/dev/ttyS0; stty raw -echo <&3; echo ready >&3; head -n 1 <&3")
	var got strings.Builder
	reader.Stdout = &got
	require.NoError(t, reader.Start(soon(t)))
	require.NoError(t, b.Serial().SetDeadline(time.Now().Add(patient)))
	line, err := bufio.NewReader(b.Serial()).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ready", strings.TrimSpace(line))
	_, err = fmt.Fprintln(b.Serial(), "to the box")
	require.NoError(t, err)
	require.NoError(t, reader.Wait())
	assert.Equal(t, "to the box\n", got.String())
}

// TestChild is no test of its own: the next one runs it in a process that it kills.
func TestChild(t *testing.T) {
	addr := os.Getenv(childVariable)
	if addr == "" {
		return
	}
	b := box.Start(t, box.Options{})
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	fmt.Fprintln(c, b.PID())
	<-b.Done()
}

func TestBoxEndsWithTheProcessThatStartedIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), childVariable+"="+l.Addr().String())
	require.NoError(t, child.Start())
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(patient)))
	c, err := l.Accept()
	if err != nil {
		child.Process.Kill()
	}
	require.NoError(t, err)
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	bystander := box.Start(t, box.Options{})

	require.NoError(t, child.Process.Kill())
	child.Wait()
	assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH || zombie(pid) }, patient, 20*time.Millisecond,
		"QEMU %d outlived the test process", pid)
	bystander.Must("true")
}

// zombie tells whether a process has ended and only waits to be collected.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
