package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// clock has things happen in the order of their times.
type clock struct {
	now    time.Duration
	events []event // a heap, the first on top
	serial uint64
	links  []*wire
}

type event struct {
	at     time.Duration
	serial uint64 // of those at the same time, the first to be asked for comes first
	do     func()
}

// wire is a link and who waits at its other end.
type wire struct {
	*bottleneck.Link
	receive func(bottleneck.Packet)
}

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.serial < o.serial }

// at has something happen at a time, or now if that has passed.
func (c *clock) at(t time.Duration, do func()) {
	c.serial++
	h := append(c.events, event{max(t, c.now), c.serial, do})
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	c.events = h
}

// every has something happen at regular times, the first time at the one given.
func (c *clock) every(first, interval time.Duration, do func()) {
	var again func()
	next := first
	again = func() {
		do()
		next += interval
		c.at(next, again)
	}
	c.at(first, again)
}

func (c *clock) pop() event {
	h := c.events
	top, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < last && h[down].before(h[least]) {
				least = down
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	c.events = h
	return top
}

// run has everything happen until a time.
func (c *clock) run(until time.Duration) {
	for {
		var due *wire
		at := until + 1
		if len(c.events) > 0 {
			at = c.events[0].at
		}
		for _, w := range c.links {
			if t, ok := w.Next(); ok && t <= at {
				due, at = w, t
			}
		}
		if at > until {
			c.now = until
			return
		}
		c.now = max(c.now, at)
		if due == nil {
			c.pop().do()
			continue
		}
		for p, ok := due.Take(c.now); ok; p, ok = due.Take(c.now) {
			due.receive(p)
		}
	}
}
