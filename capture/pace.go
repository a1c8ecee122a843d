package capture

import (
	"context"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Pacer holds a source that is not live to the clock. It belongs to one
// goroutine.
type Pacer struct {
	clock *media.Clock
	timer *time.Timer
}

// NewPacer returns a Pacer on clock.
func NewPacer(clock *media.Clock) *Pacer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &Pacer{clock, t}
}

// Wait sleeps until t by the clock. It returns ctx's error when ctx has ended.
func (p *Pacer) Wait(ctx context.Context, t time.Duration) error {
	d := p.clock.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	p.timer.Reset(d)
	select {
	case <-p.timer.C:
	case <-ctx.Done():
		p.timer.Stop()
	}
	return ctx.Err()
}

// Late is how far t has passed, zero or less when it has not.
func (p *Pacer) Late(t time.Duration) time.Duration { return -p.clock.Until(t) }

// MaxLate is how far a source may fall behind the clock and still catch up by
// delivering everything. Beyond it, after the machine slept, it jumps to the
// present.
const MaxLate = time.Second
