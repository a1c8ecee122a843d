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
// once, and the wait is drawn from its upper half. With the circuit breaker open
// it is the breaker's pause.
func (b *backoff) next(s Spec, rejected bool) time.Duration {
	b.failures++
	switch {
	case b.open(s):
		return s.BreakerPause + b.draw(s.BreakerPause/10)
	case rejected:
		return s.RetryMax/2 + b.draw(s.RetryMax/2)
	}
	multiplier := time.Duration(s.RetryMultiplier)
	if multiplier <= 0 {
		multiplier = DefaultRetryMultiplier
	}
	bound := s.RetryDelay
	for i := 1; multiplier > 1 && i < b.failures && bound < s.RetryMax; i++ {
		bound *= multiplier
	}
	return b.draw(min(bound, s.RetryMax))
}

// open says that the circuit breaker has tripped: what follows is one attempt
// after a pause, and then another pause if that fails or does not last.
func (b *backoff) open(s Spec) bool {
	return s.BreakerFailures > 0 && b.failures >= s.BreakerFailures
}

// exhausted says that RetryLimit is reached.
func (b *backoff) exhausted(s Spec) bool {
	return s.RetryLimit > 0 && b.failures >= s.RetryLimit
}
