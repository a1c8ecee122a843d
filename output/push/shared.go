package push

import (
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// Backoff says how long to wait between attempts: exponential with full
// jitter, for destinations with a life cycle of their own. The zero Jitter
// draws evenly. It is for one goroutine.
type Backoff struct {
	Delay, Max time.Duration
	Jitter     func(bound time.Duration) time.Duration
	state      backoff
}

// Next counts one more failure in a row and returns the wait before the next
// attempt. After a rejection it is the longest at once.
func (b *Backoff) Next(rejected bool) time.Duration {
	if b.state.draw = b.Jitter; b.state.draw == nil {
		b.state.draw = drawEvenly
	}
	return b.state.next(Spec{RetryDelay: b.Delay, RetryMax: max(b.Max, b.Delay)}, rejected)
}

// Failures in a row.
func (b *Backoff) Failures() int { return b.state.failures }

// Reset is called after a success.
func (b *Backoff) Reset() { b.state.reset() }

// Describe is err as one line that names the destination and holds no secret of
// the target, whatever the library below has put into it.
func Describe(t output.Target, err error) string { return describe(t, err) }
