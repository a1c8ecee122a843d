package network

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/box/disk"
)

// rig is a box whose network the daemon manages, and whose configuration and state are on
// a disk as real ones are: what is not flushed when power is cut is lost.
type rig struct {
	t    *testing.T
	disk *disk.Disk
	box  *box.Box
	cmd  *box.Cmd
}

// factory is a configuration that encodes nothing.
const factory = `[http]
listen = ":8080"
[storage]
live = "/tmp/live"
state = "/mnt/state"
[streams.main.input]
width = 320
height = 180
frame_rate = 5
[streams.main.video]
encoder = "software"
[network]
manage = true
`

// newRig has a box with the configuration of factory, and more of [network].
func newRig(t *testing.T, more string) *rig {
	t.Helper()
	r := &rig{t: t, disk: newDisk(t)}
	r.boot()
	require.NoError(t, r.box.WriteFile(t.Context(), "/mnt/encoderd.toml", strings.NewReader(factory+more), 0o600))
	r.box.Must("sync")
	r.start()
	return r
}

func newDisk(t *testing.T) *disk.Disk {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 32<<20))
	out, err := exec.CommandContext(t.Context(), "/usr/sbin/mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image).CombinedOutput()
	require.NoError(t, err, "mkfs.ext4: %s", out)
	d, err := disk.Open(image)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// boot starts a box with the disk in it.
func (r *rig) boot() {
	r.t.Helper()
	r.box = box.Start(r.t, box.Options{Systemd: true, Disks: []box.Disk{{Socket: r.disk.Socket()}}})
	r.booted()
}

// booted is what a distribution does at the start.
func (r *rig) booted() {
	r.t.Helper()
	r.box.LoadModule("virtio_blk")
	r.box.LoadModule("ext4")
	r.box.Must("mount", "-t", "ext4", "/dev/vda", "/mnt")
	r.box.LaySystemd()
}

// start starts the daemon, and returns once it takes commands.
func (r *rig) start() {
	r.t.Helper()
	r.cmd = r.box.Command(r.box.Share(binary), "-config", "/mnt/encoderd.toml")
	r.cmd.Stdout, r.cmd.Stderr = box.LogTo(r.t, "encoderd: "), box.LogTo(r.t, "encoderd: ")
	r.box.Share(control)
	require.NoError(r.t, r.cmd.Start(context.WithoutCancel(r.t.Context())))
	r.t.Cleanup(r.kill)
	r.await("the daemon to take commands", func() bool {
		_, err := r.try("network show")
		return err == nil
	})
}

// kill ends the daemon at once, unless it has ended.
func (r *rig) kill() {
	select {
	case <-r.cmd.Done():
	default:
		_ = r.cmd.Signal(syscall.SIGKILL) // the box may be off
	}
	_ = r.cmd.Wait()
}

// do gives the daemon a command, as somebody does who has logged in to the box.
func (r *rig) do(line string) string {
	r.t.Helper()
	said, err := r.try(line)
	require.NoError(r.t, err, "encoderctl %s", line)
	return said
}

func (r *rig) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c := r.box.Command(append([]string{"/share/encoderctl"}, strings.Fields(line)...)...)
	c.Env = []string{"ENCODERBOX_ADDRESS=unix:/tmp/live/control.sock"}
	got, err := c.Run(ctx)
	return got.Stdout, err
}

// has waits until the kernel says of an interface's links and addresses what is wanted.
func (r *rig) has(device string, want ...string) {
	r.t.Helper()
	var said string
	r.awaitf(func() bool {
		said = ""
		for _, what := range []string{"link", "addr"} {
			got, _ := r.box.Run(r.t.Context(), "ip", "-d", what, "show", "dev", device) // it may not be there yet
			said += got.Stdout
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				return false
			}
		}
		return true
	}, func() string {
		return "interface " + device + " to have " + strings.Join(want, ", ") + "; it has\n" + said
	})
}

// hasOnly waits for an IPv4 address, and wants no other.
func (r *rig) hasOnly(device, address string) {
	r.t.Helper()
	var said string
	r.awaitf(func() bool {
		got, err := r.box.Run(r.t.Context(), "ip", "-4", "-o", "addr", "show", "dev", device)
		said = got.Stdout
		return err == nil && strings.Count(said, "inet ") == 1 && strings.Contains(said, "inet "+address+" ")
	}, func() string { return device + " to have " + address + " alone; it has\n" + said })
}

// isCalled waits until the box has a name.
func (r *rig) isCalled(name string) {
	r.t.Helper()
	var said string
	r.awaitf(func() bool {
		said = strings.TrimSpace(r.box.Must("hostname"))
		return said == name
	}, func() string { return "the box to be called " + name + "; it is called " + said })
}

// saved is the configuration that the box starts with.
func (r *rig) saved() string {
	r.t.Helper()
	return r.box.Must("cat", "/mnt/encoderd.toml")
}

func (r *rig) await(what string, holds func() bool) {
	r.t.Helper()
	r.awaitf(holds, func() string { return what })
}

func (r *rig) awaitf(holds func() bool, what func() string) {
	r.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited %v for %s", patience, what())
		}
		select {
		case <-r.cmd.Done():
			r.t.Fatalf("encoderd ended: %v", r.cmd.Wait())
		default:
		}
	}
}
