// Package ctl runs the daemon in a virtual ARM box and gives it commands there by
// encoderctl, for tests of a box whose network the daemon manages.
package ctl

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

// Patience is how long a test waits for what must happen. The box is emulated, and the
// machine may be busy.
const Patience = 3 * time.Minute

// Programs are the paths of the daemon and of encoderctl, for arm64.
type Programs struct{ Encoderd, Encoderctl string }

// Main is a test's main function that compiles them first.
func (p *Programs) Main(m *testing.M) int {
	return box.Main(m, box.Program{Package: "cmd/encoderd", Path: &p.Encoderd}, box.Program{Package: "cmd/encoderctl", Path: &p.Encoderctl})
}

const socket = "/tmp/live/control.sock"

// Factory is a configuration that manages the network and encodes next to nothing; state
// is the folder of state. More of [network] may follow it.
func Factory(state string) string {
	return fmt.Sprintf(`[http]
listen = ":8080"
[storage]
live = "/tmp/live"
state = %q
[streams.main.input]
width = 320
height = 180
frame_rate = 5
[streams.main.video]
encoder = "software"
[network]
manage = true
`, state)
}

// Daemon is one that runs in a box.
type Daemon struct {
	t   *testing.T
	box *box.Box
	cmd *box.Cmd
}

// Start starts one with a configuration file of the box that Factory begins. It returns
// once that takes commands, and is killed at the test's end.
func (p *Programs) Start(t *testing.T, b *box.Box, config string) *Daemon {
	t.Helper()
	d := &Daemon{t: t, box: b, cmd: b.Command(b.Share(p.Encoderd), "-config", config)}
	d.cmd.Stdout, d.cmd.Stderr = box.LogTo(t, "encoderd: "), box.LogTo(t, "encoderd: ")
	b.Share(p.Encoderctl)
	require.NoError(t, d.cmd.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(d.Kill)
	var said string
	d.Await(func() bool {
		_, err := d.Try("network", "show")
		if err != nil {
			said = err.Error()
		}
		return err == nil
	}, func() string { return "the daemon to take commands: " + said })
	return d
}

// Kill ends the daemon at once, unless it has ended.
func (d *Daemon) Kill() {
	select {
	case <-d.cmd.Done():
	default:
		_ = d.cmd.Signal(syscall.SIGKILL) // the box may be off
	}
	_ = d.cmd.Wait()
}

// Do gives the daemon a command, as somebody does who has logged in to the box, and
// returns the answer. One that fails ends the test.
func (d *Daemon) Do(words ...string) string {
	d.t.Helper()
	said, err := d.Try(words...)
	require.NoError(d.t, err, "encoderctl %s", strings.Join(words, " "))
	return said
}

// Try is Do for a command that may fail.
func (d *Daemon) Try(words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), Patience)
	defer cancel()
	c := d.box.Command(append([]string{"/share/encoderctl"}, words...)...)
	c.Env = []string{"ENCODERBOX_ADDRESS=unix:" + socket}
	got, err := c.Run(ctx)
	return got.Stdout, err
}

// Await asks until it is so, and ends the test where it is not in time, or the daemon has
// ended. what says what was waited for, and what there is instead.
func (d *Daemon) Await(holds func() bool, what func() string) {
	d.t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("waited %v for %s", Patience, what())
		}
		select {
		case <-d.cmd.Done():
			d.t.Fatalf("encoderd ended: %v", d.cmd.Wait())
		default:
		}
	}
}
