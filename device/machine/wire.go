package machine

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// wire is a connection whose reads and writes can be woken up.
type wire struct {
	conn      io.ReadWriter
	interrupt func()
	deadline  interface{ SetDeadline(time.Time) error } // nil: the connection has none
	stall     time.Duration

	mu    sync.Mutex // guards the fields below and the order of deadlines
	woken bool
}

func newWire(conn io.ReadWriter, o Options) (*wire, error) {
	w := &wire{conn: conn, interrupt: o.Interrupt, stall: o.Stall}
	if d, ok := conn.(interface{ SetDeadline(time.Time) error }); ok && d.SetDeadline(time.Time{}) == nil {
		w.deadline = d
	}
	if w.interrupt != nil || w.deadline != nil {
		return w, nil
	}
	c, ok := conn.(io.Closer)
	if !ok {
		return nil, fmt.Errorf("machine: a read of %T can never be ended: give Options.Interrupt", conn)
	}
	w.interrupt = func() { _ = c.Close() }
	return w, nil
}

// wake ends a read and a write that wait, and all later ones.
func (w *wire) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = true
	if w.interrupt != nil {
		w.interrupt()
	}
	if w.deadline != nil {
		_ = w.deadline.SetDeadline(time.Unix(1, 0))
	}
}

// reset leaves the connection as it was, for whoever uses it next.
func (w *wire) reset() {
	if w.deadline != nil {
		_ = w.deadline.SetDeadline(time.Time{})
	}
}

func (w *wire) Read(p []byte) (int, error) {
	if w.ended() {
		return 0, errWoken
	}
	return w.conn.Read(p)
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.woken {
		w.mu.Unlock()
		return 0, errWoken
	}
	if d, ok := w.conn.(interface{ SetWriteDeadline(time.Time) error }); ok && w.stall > 0 {
		_ = d.SetWriteDeadline(time.Now().Add(w.stall))
	}
	w.mu.Unlock()
	n, err := w.conn.Write(p)
	if err != nil {
		return n, fmt.Errorf("machine: write to the client: %w", err)
	}
	return n, nil
}

func (w *wire) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.woken
}

// errWoken is never told: the reason is the context's.
var errWoken = fmt.Errorf("machine: woken: %w", io.ErrClosedPipe)
