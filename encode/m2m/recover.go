package m2m

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// How a device is opened anew. While the old one closes it may be the only one
// that can be open: what fails then is tried again and not counted.
const (
	firstBackoff  = 100 * time.Millisecond
	maxBackoff    = 2 * time.Second
	closePatience = 10 * time.Second
)

// recover opens the device anew after cause. The pictures that were inside are
// lost. It returns the end of ctx, or ErrDead.
func (r *run) recover(ctx context.Context, cause error) error {
	planned := errors.Is(cause, errReopen)
	if !planned {
		r.e.stats.healthy.Store(false)
		r.e.log.Warn("the hardware encoder failed and is opened anew", "cause", cause, "pictures", len(r.inside))
	}
	closed := r.abandon()
	if !planned {
		if err := r.failed(ctx, cause); err != nil {
			return err
		}
		r.e.stats.recoveries.Add(1)
	}
	for began := time.Now(); ; {
		r.e.stats.alive(false)
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := r.e.openSession()
		if err == nil {
			r.s, r.bitrate = s, s.bitrate
			r.change.wanted, r.trial.wanted = false, false
			r.e.stats.name(s.dev)
			return nil
		}
		r.e.log.Debug("the hardware encoder cannot be opened", "error", err)
		if isOpen(closed) && time.Since(began) < closePatience {
			sleep(ctx, closed, firstBackoff)
			continue
		}
		if err := r.failed(ctx, err); err != nil {
			return err
		}
	}
}

// failed counts a failure, and waits before what follows from the second on.
func (r *run) failed(ctx context.Context, cause error) error {
	if r.failures++; r.failures > maxRecoveries {
		return fmt.Errorf("m2m: %w: opened anew %d times without one picture: %w", ErrDead, maxRecoveries, cause)
	}
	if r.failures > 1 {
		sleep(ctx, nil, min(maxBackoff, firstBackoff<<(r.failures-2)))
	}
	return ctx.Err()
}

// abandon gives the session up without waiting for the driver. The channel is
// closed when it has been closed and its frames are released.
func (r *run) abandon() <-chan struct{} {
	s, held := r.s, r.held
	r.lose(len(r.inside))
	r.gap, r.useless = true, time.Time{}
	r.s, r.held, r.started = nil, map[int]media.Frame{}, false
	r.e.pool.detach(s.gen)
	closed := make(chan struct{})
	r.closes.Go(func() {
		defer close(closed)
		s.close(r.e)
		for _, f := range held {
			f.Release()
		}
	})
	r.old, r.since = closed, time.Now()
	return closed
}

// sleep waits for d, the end of ctx, or early.
func sleep(ctx context.Context, early <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-ctx.Done():
	}
}

func isOpen(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}
