package hardware

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
)

// guarded is a stream of a box that a hardware watchdog guards.
const guarded = `
[board]
watchdog = "/dev/watchdog0"
` + smallCapture + `encoder = "hardware"
`

// watchdogBites is after how long without food the box is off, with the
// emulation's slowness.
const watchdogBites = 90 * time.Second

// An encoder that does not come back is given up: the watchdog is not fed any
// more, and the box is reset by it (here: goes off).
func TestADeadEncoderResetsTheBox(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, fault string }{
		{"it hangs, whoever opens it", set("hang_mode", 2, "hang_after", 1)},
		{"EIO, whoever opens it", set("eio", 3)},
		{"unplugged", "echo vh264 >" + vh264Driver + "unbind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := box.Start(t, box.Options{Watchdog: "poweroff"})
			b.LoadModule("i6300esb")
			loadBridge(b)
			d := start(t, b, guarded)
			d.awaitFrames(15)
			b.Must("sh", "-c", c.fault)
			failed := false
			for deadline := time.After(patience + watchdogBites); ; {
				select {
				case <-b.Done():
					_ = d.cmd.Wait() // it went with the box
					if !failed {
						t.Error("the box went off without a word of why")
					}
					return
				case <-deadline:
					text, _ := d.get("/api/v1/status")
					t.Fatalf("the box is still on:\n%s", text)
				case <-time.After(300 * time.Millisecond):
				}
				failed = failed || d.says("encoder.dead")
			}
		})
	}
}

// says tells whether the stream has a condition now; false when it cannot be asked.
func (d *daemon) says(code string) bool {
	text, err := d.get("/api/v1/status")
	return err == nil && strings.Contains(string(text), `"`+code+`"`)
}

// As long as the encoder comes back, and after the daemon was stopped in order,
// the box stays on.
func TestTheWatchdogSparesAWorkingBox(t *testing.T) {
	t.Parallel() // it mostly waits
	b := box.Start(t, box.Options{Watchdog: "poweroff"})
	b.LoadModule("i6300esb")
	loadBridge(b)
	d := start(t, b, guarded)
	d.awaitFrames(15)
	before := d.stream()
	b.Must("sh", "-c", set("hang_mode", 1, "hang_after", 5))
	d.await("a recovery", func() bool { return reopens(before, d.stream()) })
	stays := func(how string) {
		select {
		case <-b.Done():
			t.Fatalf("%s: the box went off", how)
		case <-time.After(25 * time.Second): // of the box's clock it is as much
		}
	}
	stays("with the daemon running")
	d.stop()
	stays("after the daemon was stopped")
	if out := b.Must("cat", "/sys/class/watchdog/watchdog0/state"); strings.TrimSpace(out) != "inactive" {
		t.Errorf("the watchdog is %s", out)
	}
}

// A daemon that is killed leaves no buffer behind, and the next one finds its
// devices free.
func TestKilledInMidStream(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadBridge(b)
	for range 3 {
		d := start(t, b, smallCapture)
		if s := d.awaitSignal("ok"); s.Transfer != "zero-copy" {
			t.Errorf("the transfer is %q: %s", s.Transfer, s.TransferReason)
		}
		d.awaitFrames(30)
		if err := d.cmd.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := d.cmd.Wait(); err == nil {
			t.Error("it ended in order")
		}
		nothingHeld(t, b)
	}
	d := start(t, b, smallCapture)
	d.awaitSignal("ok")
	d.awaitFrames(30)
	d.await("HLS", func() bool { h := d.stream().HLS; return h != nil && h.Segments > 0 })
	d.stop()
	nothingHeld(t, b)
}

// nothingHeld fails the test unless encoder and capture device are free.
func nothingHeld(t *testing.T, b *box.Box) {
	t.Helper()
	const file = "/sys/kernel/debug/vh264/stats"
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		held := map[string]bool{}
		for line := range strings.Lines(b.Must("cat", file)) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasSuffix(name, "_now") && value != "0" {
				held[strings.TrimSpace(line)] = true
			}
		}
		if len(held) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the encoder holds %v", held)
		}
	}
	// Only the owner of its queue could stream from it.
	b.Must("v4l2-ctl", "-d", "/dev/video0", "--stream-mmap", "--stream-count=1", "--stream-to=/dev/null")
}
