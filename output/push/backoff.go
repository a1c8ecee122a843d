package push

import (
	"math/rand/v2"
	"time"
)

// stableAfter is how long a connection must have been active for the failures
// before it to be forgotten.
const stableAfter = 30 * time.Second

// backoff counts failed attempts in a row and says how long to wait.
type backoff struct {
	failures int
	draw     func(bound time.Duration) time.Duration // evenly from [0, bound]
}

func drawEvenly(bound time.Duration) time.Duration {
	return rand.N(bound + 1)
}

func (b *backoff) reset() { b.failures = 0 }

// next counts one more failure and returns the wait before the next attempt:
// exponential with full jitter. After a rejection the longest bound holds at
// once, and the wait is drawn from its upper half.
func (b *backoff) next(s Spec, rejected bool) time.Duration {
	b.failures++
	if rejected {
		return s.RetryMax/2 + b.draw(s.RetryMax/2)
	}
	bound := s.RetryDelay
	for i := 1; i < b.failures && bound < s.RetryMax; i++ {
		bound *= 2
	}
	return b.draw(min(bound, s.RetryMax))
}

// exhausted says that RetryLimit is reached.
func (b *backoff) exhausted(s Spec) bool {
	return s.RetryLimit > 0 && b.failures >= s.RetryLimit
}
