package console

import (
	"fmt"
	"sync"
	"time"
)

// How guessing passwords is slowed down.
const (
	firstDelay  = time.Second // after the first failure; doubles with each
	maxDelay    = 8 * time.Second
	failures    = 5 // until nobody may try for a while
	firstLock   = time.Minute
	maxLock     = 15 * time.Minute
	forgotAfter = time.Hour // without a failure
)

// Guard slows down the guessing of passwords, across all sessions that share it. The
// zero value is ready; it is safe for concurrent use.
type Guard struct {
	mu     sync.Mutex // guards the fields below
	failed int        // since the last success or lock
	locks  int        // in a row
	until  time.Time  // no attempts before
	last   time.Time  // failure
}

// Locked is how long nobody may try; 0 when somebody may.
func (g *Guard) Locked() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(0, time.Until(g.until))
}

// Failed counts a failure, and tells how long its answer must wait.
func (g *Guard) Failed() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Sub(g.last) > forgotAfter {
		g.failed, g.locks = 0, 0
	}
	g.last = now
	delay := min(maxDelay, firstDelay<<g.failed)
	if g.failed++; g.failed >= failures {
		g.until = now.Add(min(maxLock, firstLock<<min(g.locks, 8)))
		g.failed = 0
		g.locks++
	}
	return delay
}

// Succeeded forgets the failures.
func (g *Guard) Succeeded() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed, g.locks, g.until = 0, 0, time.Time{}
}

// locked says for how long nobody may log in.
func locked(d time.Duration) error {
	return fmt.Errorf("too many failed logins: try again in %s", d.Round(time.Second))
}
