package media

import (
	"sync/atomic"
	"time"
)

// Clock is the one time line of a stream: zero when it was made, never
// stepping, never stopping. Sources stamp by it, outputs map its times to
// wall-clock time by Wall. Safe for concurrent use.
type Clock struct {
	start  time.Time // with monotonic reading
	anchor atomic.Pointer[time.Time]
}

// NewClock returns a Clock that starts now.
func NewClock() *Clock { return &Clock{start: time.Now()} }

// Now is the time since the clock was made.
func (c *Clock) Now() time.Duration { return time.Since(c.start) }

// Until is how long from now t comes; negative when it has passed.
func (c *Clock) Until(t time.Duration) time.Duration { return t - c.Now() }

// earliest is a day before which no box of this product was made: a system
// clock that shows less has not been set.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Wall is t as wall-clock time. ok is false while the system's clock is not
// set. The mapping is fixed the first time it is known, so that later steps
// of the system clock do not tear playlists apart.
func (c *Clock) Wall(t time.Duration) (wall time.Time, ok bool) {
	a := c.anchor.Load()
	if a == nil {
		now := time.Now()
		if now.Before(earliest) {
			return time.Time{}, false
		}
		zero := now.Round(0).Add(-now.Sub(c.start)).UTC()
		c.anchor.CompareAndSwap(nil, &zero)
		a = c.anchor.Load()
	}
	return a.Add(t), true
}
