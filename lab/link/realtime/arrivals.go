package realtime

import (
	"sync"
	"time"
)

// arrivals are the pictures that a receiver has whole.
type arrivals struct {
	now func() time.Duration // on the link's clock

	mu    sync.Mutex // guards the fields below
	at    map[int]time.Duration
	names map[int]string // files that they came in
	torn  int            // pictures that came in part
}

func newArrivals(now func() time.Duration) *arrivals {
	return &arrivals{now: now, at: map[int]time.Duration{}, names: map[int]string{}}
}

// take notes the picture of an access unit.
func (a *arrivals) take(unit []byte) {
	now := a.now()
	s, _, ok := find(unit)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !s.whole {
		a.torn++
		return
	}
	if _, known := a.at[s.number]; !known {
		a.at[s.number] = now
	}
}

// takeFile notes all pictures of a file.
func (a *arrivals) takeFile(name string, at time.Duration, text []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range numbers(text) {
		if _, known := a.at[n]; !known {
			a.at[n], a.names[n] = at, name
		}
	}
}
