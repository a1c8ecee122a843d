package box

import (
	"fmt"
	"io"
	"sync"
)

// consoleKept is how much of the console's end is kept; what came before is dropped.
const consoleKept = 256 << 10

// console keeps what the box writes on its first serial port.
type console struct {
	wire *wireEnd
	copy io.Writer // nil for none
	done chan struct{}

	mu      sync.Mutex // guards the fields below
	kept    []byte
	dropped int
}

func readConsole(w *wireEnd, copied io.Writer) *console {
	c := &console{wire: w, copy: copied, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		b := make([]byte, 4096)
		for {
			n, err := w.Read(b)
			c.add(b[:n])
			if c.copy != nil {
				_, _ = c.copy.Write(b[:n]) // who watches may be gone; the box goes on
			}
			if err != nil {
				return
			}
		}
	}()
	return c
}

func (c *console) add(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, b...)
	if over := len(c.kept) - consoleKept; over > 0 {
		c.kept = append(c.kept[:0], c.kept[over:]...)
		c.dropped += over
	}
}

func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped > 0 {
		return fmt.Sprintf("(%d bytes dropped)\n%s", c.dropped, c.kept)
	}
	return string(c.kept)
}

func (c *console) close() {
	c.wire.close()
	<-c.done
}
