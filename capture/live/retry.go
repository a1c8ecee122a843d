package live

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// The waits between two attempts to open a device: doubled from the first to
// the last.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 2 * time.Second
)

// retry spaces attempts out. It belongs to one goroutine.
type retry struct {
	wake <-chan struct{} // nil: none, or ended
	next time.Duration
}

func newRetry(ctx context.Context, wake func(context.Context) <-chan struct{}) *retry {
	r := &retry{next: firstWait}
	if wake != nil {
		r.wake = wake(ctx)
	}
	return r
}

// reset makes the next wait a short one: something worked.
func (r *retry) reset() { r.next = firstWait }

// wait returns when the next attempt is due, or ctx's error.
func (r *retry) wait(ctx context.Context) error {
	timer := time.NewTimer(r.next)
	defer timer.Stop()
	r.next = min(2*r.next, lastWait)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case _, ok := <-r.wake:
			if ok {
				r.reset() // the device may need a moment yet
				return nil
			}
			r.wake = nil
		}
	}
}

// protect runs f on a goroutine of this package's own. What panics there is an
// error of the input, not the end of the daemon.
func protect(log *slog.Logger, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("live input: internal error: %v", p)
			log.Error("live input panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return f()
}
