package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// sh is a command of the shell, with a line "ready" to wait for.
func sh(script string) peer.Command {
	return peer.Command{Name: "sh", Args: []string{"sh", "-c", script}}
}

func awaitLog(t *testing.T, p interface{ Log() string }, want string) {
	t.Helper()
	eventually(t, "log says "+want, func() bool { return strings.Contains(p.Log(), want) })
}

// eventually waits, up to 20 s, until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestStopAsksFirstAndTakesTheGroupAlong(t *testing.T) {
	p := peer.Start(t, sh(`trap 'echo asked; exit 0' TERM; sleep 1000 & echo child $!; echo ready; wait`))
	awaitLog(t, p, "ready")
	var child int
	if _, err := fmt.Sscanf(p.Log(), "child %d", &child); err != nil || !alive(child) {
		t.Fatalf("child %d of %q, error %v", child, p.Log(), err)
	}
	p.Stop()
	p.Stop() // again does nothing
	if !strings.Contains(p.Log(), "asked") || alive(p.PID()) {
		t.Errorf("log %q, alive %v", p.Log(), alive(p.PID()))
	}
	eventually(t, "the child is gone", func() bool { return !running(child) })
	if err := p.Wait(t.Context()); err != nil {
		t.Errorf("exit code 0 gives %v", err)
	}
}

// running is false for zombies too, which init may be slow to collect.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

func TestStopKillsWhatWillNotEnd(t *testing.T) {
	p := peer.Start(t, sh(`trap '' TERM; echo ready; while :; do sleep 1; done`))
	awaitLog(t, p, "ready")
	p.Stop()
	if err := p.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("error %v", err)
	}
}

func TestWaitTellsWhyAProcessFailed(t *testing.T) {
	p := peer.Start(t, sh(`echo the disk is on fire; exit 3`))
	err := p.Wait(t.Context())
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p = peer.Start(t, sh(`sleep 1000`))
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) || running(p.PID()) {
		t.Errorf("error %v, running %v", err, running(p.PID()))
	}
}

func TestUsageCountsTheProcessAlone(t *testing.T) {
	ballast := make([]byte, 256<<20) // what the kernel's own peak of a child would start at
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	p := peer.Start(t, sh(`i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo ready; sleep 1000`))
	awaitLog(t, p, "ready")
	u, err := p.Usage()
	if err != nil || u.CPU < 20*time.Millisecond || u.PeakRSS < 200<<10 || u.PeakRSS > 64<<20 {
		t.Errorf("usage %+v, error %v", u, err)
	}
	p.Stop()
	after, err := p.Usage()
	if err != nil || after.CPU < 20*time.Millisecond || after.PeakRSS < u.PeakRSS {
		t.Errorf("usage after the end %+v, before %+v, error %v", after, u, err)
	}
	_ = ballast[len(ballast)-1]
}

// TestPeerDiesWithItsProgram kills a copy of this program that started a peer.
func TestPeerDiesWithItsProgram(t *testing.T) {
	if os.Getenv("PEER_TEST_ORPHAN") != "" {
		p := peer.Start(t, sh(`sleep 1000`))
		fmt.Printf("peer %d\n", p.PID())
		<-p.Done()
		return
	}
	self := peer.Start(t, peer.Command{Name: "self", Env: []string{"PEER_TEST_ORPHAN=1"},
		Args: []string{os.Args[0], "-test.run=^TestPeerDiesWithItsProgram$"}})
	awaitLog(t, self, "\n")
	_, num, _ := strings.Cut(self.Log(), "peer ")
	pid, err := strconv.Atoi(strings.Fields(num)[0])
	if err != nil || !running(pid) {
		t.Fatalf("peer %d in %q, error %v", pid, self.Log(), err)
	}
	if err := syscall.Kill(self.PID(), syscall.SIGKILL); err != nil { // it alone, not its group
		t.Fatal(err)
	}
	eventually(t, "the peer is gone", func() bool { return !running(pid) })
}

func TestAnAbsentProgramIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := peer.Run(t.Context(), peer.Command{Args: []string{"srt-live-transmit"}})
	if err == nil || !strings.Contains(err.Error(), "apt-get install srt-tools") {
		t.Errorf("error %v", err)
	}
}

func TestDo(t *testing.T) {
	var log bytes.Buffer
	var order []string
	var proc *peer.Process
	err := peer.Do(t.TempDir(), &log, func(tb peer.TB) {
		tb.Cleanup(func() { order = append(order, "first") })
		proc = peer.Start(tb, sh(`echo last words; sleep 1000`))
		awaitLog(t, proc, "last words")
		tb.Cleanup(func() { order = append(order, "last"); tb.Fatalf("and %d", 2) })
		tb.Fatalf("broke %d", 1)
	})
	if err == nil || !strings.Contains(err.Error(), "broke 1") || !strings.Contains(err.Error(), "and 2") {
		t.Errorf("error %v", err)
	}
	if got := strings.Join(order, " "); got != "last first" {
		t.Errorf("clean-ups ran in the order %q", got)
	}
	if running(proc.PID()) || !strings.Contains(log.String(), "last words") {
		t.Errorf("running %v; log %q", running(proc.PID()), &log)
	}
	if err := peer.Do(t.TempDir(), &log, func(peer.TB) {}); err != nil {
		t.Errorf("nothing went wrong, error %v", err)
	}
}
