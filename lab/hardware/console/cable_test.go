package console

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/pty"
)

// cable is three wires from a box's UART to a serial device of this machine: neither side
// is told when it is pulled out, and what is said meanwhile is lost.
type cable struct {
	t   *testing.T
	box io.Writer // the box's receiver

	mu   sync.Mutex // guards the field below
	port *pty.Port  // nil while it is pulled out
	done sync.WaitGroup
}

// startBox starts a box with a cable at its UART, that is not plugged in yet.
func startBox(t *testing.T, o box.Options) (*box.Box, *cable) {
	t.Helper()
	c := &cable{t: t}
	o.Console = c
	b := box.Start(t, o)
	c.box = b.ConsoleInput()
	t.Cleanup(c.pull)
	return b, c
}

// plug plugs the cable into this machine, and returns the device.
func (c *cable) plug() string {
	c.t.Helper()
	c.pull()
	port, err := pty.NewPort()
	require.NoError(c.t, err)
	c.mu.Lock()
	c.port = port
	c.mu.Unlock()
	c.done.Go(func() { _, _ = io.Copy(c.box, port) })
	return port.Device
}

// pull pulls it out of this machine.
func (c *cable) pull() {
	c.mu.Lock()
	if c.port != nil {
		_ = c.port.Close()
		c.port = nil
	}
	c.mu.Unlock()
	c.done.Wait()
}

// Write is what the box sends. A UART sends whether or not anybody takes it.
func (c *cable) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.port != nil {
		_ = c.port.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.port.Write(b)
	}
	return len(b), nil
}
