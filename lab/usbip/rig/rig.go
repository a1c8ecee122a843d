// Package rig plugs the USB grabber made of software into a virtual ARM box.
package rig

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

const patience = time.Minute // for what takes long only when something is broken

// Grabber is one that runs in a box. Its video node is /dev/video0 and its card
// hw:0,0 when the box has no others.
type Grabber struct {
	t     *testing.T
	box   *box.Box
	in    io.WriteCloser
	lines chan string
}

// Start loads the drivers and plugs a grabber in. args are those of the command
// lab/usbip/grabber, such as "-serial=2". It ends with the test.
func Start(t *testing.T, b *box.Box, args ...string) *Grabber {
	t.Helper()
	for _, m := range []string{"vhci-hcd", "uvcvideo", "snd-usb-audio"} {
		b.LoadModule(m)
	}
	in, write := io.Pipe()
	read, out := io.Pipe()
	c := b.Command(append([]string{b.Shared("lab/usbip/grabber")}, args...)...)
	c.Stdin, c.Stdout, c.Stderr = in, out, box.LogTo(t, "grabber: ")
	ctx, cancel := context.WithCancel(context.Background())
	g := &Grabber{t: t, box: b, in: write, lines: make(chan string, 16)}
	if err := c.Start(ctx); err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(read); s.Scan(); {
			g.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = write.Close()
		cancel()
		_ = c.Wait() // killed
		_ = out.Close()
		<-done
	})
	g.answer("plug it in")
	return g
}

// Do gives the grabber a command, such as "unplug", and wants it done.
func (g *Grabber) Do(command string) {
	g.t.Helper()
	_, err := io.WriteString(g.in, command+"\n")
	require.NoError(g.t, err)
	g.answer(command)
}

func (g *Grabber) answer(command string) {
	g.t.Helper()
	select {
	case line := <-g.lines:
		require.Equal(g.t, "ok", line, command)
	case <-time.After(patience):
		require.FailNow(g.t, "no answer of the grabber", command)
	}
}

// Await waits until a shell command of the box's succeeds.
func (g *Grabber) Await(command string) {
	g.t.Helper()
	require.Eventually(g.t, func() bool {
		_, err := g.box.Run(g.t.Context(), "sh", "-c", command)
		return err == nil
	}, patience, 200*time.Millisecond, command)
}

// AwaitPlugged waits for the nodes of a grabber that is plugged in.
func (g *Grabber) AwaitPlugged() {
	g.t.Helper()
	g.Await("ls /dev/video* /dev/snd/pcmC*D0c")
}

// AwaitUnplugged waits until they are gone, where no other device has such.
func (g *Grabber) AwaitUnplugged() {
	g.t.Helper()
	g.Await(strings.Join([]string{"! ls /dev/video*", "! ls /dev/snd/pcmC*"}, " && "))
}
