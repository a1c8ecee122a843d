package console

import (
	"fmt"
	"sync"
	"time"
)

// How guessing passwords is slowed down.
const (
	firstDelay  = time.Second // after the first failure at a port; doubles with each
	maxDelay    = 8 * time.Second
	failures    = 5 // at a port, until nobody may try there for a while
	firstLock   = time.Minute
	maxLock     = 4 * time.Minute
	many        = 20        // at all ports: from then on each failure takes maxDelay
	forgotAfter = time.Hour // without a failure
	maxSources  = 64        // that are remembered
)

// Guard slows down the guessing of passwords. Each source, which is a port, has its own
// count: who guesses at one does not lock the owner out at another. Many failures at all
// of them together make each wait longer, and lock nobody out. Some 70 guesses an hour
// remain at a port.
//
// It forgets with the daemon: whoever can end that, or cut the power, stands before the
// box. Nobody logs in with a password by TCP; the token of the line protocol there is long
// enough not to be guessed. The zero value is ready; it is safe for concurrent use.
type Guard struct {
	mu      sync.Mutex           // guards the fields below
	sources map[string]*attempts // with a failure, by name
	failed  int                  // at all of them, within forgotAfter of each other
	last    time.Time            // failure
}

// attempts are the failures of one source.
type attempts struct {
	failed int       // since the last success or lock
	locks  int       // in a row
	until  time.Time // no attempts before
	last   time.Time // failure
}

// Locked is how long nobody may try at a source; 0 when somebody may.
func (g *Guard) Locked(source string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.sources[source]
	if a == nil {
		return 0
	}
	return max(0, time.Until(a.until))
}

// Failed counts a failure at a source, and tells how long its answer must wait.
func (g *Guard) Failed(source string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Sub(g.last) > forgotAfter {
		g.failed = 0
	}
	g.last = now
	g.failed++
	a := g.of(source, now)
	a.last = now
	delay := min(maxDelay, firstDelay<<a.failed)
	if g.failed > many {
		delay = maxDelay
	}
	if a.failed++; a.failed >= failures {
		a.until = now.Add(min(maxLock, firstLock<<min(a.locks, 8)))
		a.failed = 0
		a.locks++
	}
	return delay
}

// of are the attempts of a source. Those that are long ago are forgotten, and the oldest
// where there are too many.
func (g *Guard) of(source string, now time.Time) *attempts {
	if g.sources == nil {
		g.sources = map[string]*attempts{}
	}
	oldest := ""
	for name, a := range g.sources {
		if now.Sub(a.last) > forgotAfter {
			delete(g.sources, name)
		} else if oldest == "" || a.last.Before(g.sources[oldest].last) {
			oldest = name
		}
	}
	a := g.sources[source]
	if a == nil {
		if len(g.sources) >= maxSources {
			delete(g.sources, oldest)
		}
		a = &attempts{}
		g.sources[source] = a
	}
	return a
}

// Succeeded forgets the failures of a source.
func (g *Guard) Succeeded(source string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sources, source)
}

// locked says for how long nobody may log in.
func locked(d time.Duration) error {
	return fmt.Errorf("too many failed logins: try again in %s", d.Round(time.Second))
}
