package console

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a line of 115200 baud on which bytes are counted.
type counted struct {
	io.ReadWriteCloser
	n *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(len(p)) * time.Second / 11520)
	c.n.Add(int64(len(p)))
	return c.ReadWriteCloser.Write(p)
}

// Two boxes on one cable, with a login and without one: they fall silent, and the owner
// can log in elsewhere.
func TestTwoBoxesOnOneCableFallSilent(t *testing.T) {
	for _, login := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			one, other := newBox(), newBox()
			if login {
				one, other = one.withLogin(), other.withLogin()
			}
			a, b := net.Pipe()
			var n atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { _ = New(one.options).Run(ctx, "a", counted{a, &n}) })
			all.Go(func() { _ = New(other.options).Run(ctx, "b", counted{b, &n}) })
			time.Sleep(time.Hour)
			t.Logf("login %v: %d bytes in an hour", login, n.Load())
			if n.Load() > 1<<20 {
				t.Errorf("login %v: %d bytes in an hour", login, n.Load())
			}
			if login {
				if d := max(one.options.Guard.Locked("a"), other.options.Guard.Locked("b")); d > 0 {
					t.Errorf("nobody can log in for %s", d)
				}
			}
			cancel()
			all.Wait()
		})
	}
}
