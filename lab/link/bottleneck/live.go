package bottleneck

import (
	"errors"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// SetTrace has the link carry what t says from a moment on, which is t's moment 0. A
// packet that is being served goes on where it was.
func (l *Link) SetTrace(now time.Duration, t *trace.Trace) error {
	if t == nil {
		return errors.New("a link without a trace")
	}
	l.serve(now)
	l.c.Trace, l.begin = t, now
	l.slot, l.slotAt = 0, now+t.At(0)
	return nil
}

// SetDelay sets the delay and jitter of packets that leave the queue from a moment on;
// steps that were still to come are forgotten.
func (l *Link) SetDelay(now, delay, jitter time.Duration) error {
	if delay < 0 || jitter < 0 {
		return fmt.Errorf("a link's delay %v or jitter %v is below 0", delay, jitter)
	}
	l.serve(now)
	l.c.Delay, l.c.Jitter, l.c.Delays = delay, jitter, nil
	return nil
}

// SetDelays sets changes of the delay to come, counted from a moment.
func (l *Link) SetDelays(now time.Duration, steps []DelayStep) {
	l.serve(now)
	l.c.Delay, l.c.Delays = l.DelayAt(now), nil
	for _, s := range steps {
		l.c.Delays = append(l.c.Delays, DelayStep{From: now + s.From, Delay: s.Delay})
	}
}

// SetLoss sets the loss of packets that leave the queue from a moment on.
func (l *Link) SetLoss(now time.Duration, loss Loss) error {
	if err := loss.check(); err != nil {
		return err
	}
	l.serve(now)
	l.c.Loss, l.loss = loss, lossState{}
	return nil
}
