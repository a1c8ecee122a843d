package bottleneck

import (
	"math"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// Parameters of RFC 8289, section 4.3 and 4.2.
const (
	codelTarget   = 5 * time.Millisecond
	codelInterval = 100 * time.Millisecond
)

// codel is the state of RFC 8289, section 5.3.
type codel struct {
	firstAbove time.Duration // when the sojourn time will have been above target for an interval; 0: it is below
	dropNext   time.Duration
	count      int
	lastCount  int
	dropping   bool
}

// dequeue is RFC 8289, section 5.5.
func (c *codel) dequeue(now time.Duration, f *fifo, drop func(queued)) (queued, bool) {
	q, ok, late := c.look(now, f)
	if c.dropping {
		if !late {
			c.dropping = false
		}
		for c.dropping && now >= c.dropNext {
			drop(q)
			c.count++
			if q, ok, late = c.look(now, f); !late {
				c.dropping = false
			} else {
				c.dropNext = law(c.dropNext, c.count)
			}
		}
		return q, ok
	}
	if late {
		drop(q)
		q, ok, _ = c.look(now, f)
		c.dropping = true
		delta := c.count - c.lastCount
		c.count = 1
		if delta > 1 && now-c.dropNext < 16*codelInterval {
			c.count = delta
		}
		c.dropNext = law(now, c.count)
		c.lastCount = c.count
	}
	return q, ok
}

// look takes the next packet and says whether it may be dropped: RFC 8289, section 5.6.
func (c *codel) look(now time.Duration, f *fifo) (q queued, ok, late bool) {
	q, ok = f.pop()
	if !ok {
		c.firstAbove = 0
		return q, false, false
	}
	if now-q.at < codelTarget || f.bytesUpTo(trace.Opportunity) <= trace.Opportunity {
		c.firstAbove = 0
		return q, true, false
	}
	if c.firstAbove == 0 {
		c.firstAbove = now + codelInterval
		return q, true, false
	}
	return q, true, now >= c.firstAbove
}

// law is the control law of RFC 8289, section 5.3.
func law(t time.Duration, count int) time.Duration {
	return t + time.Duration(float64(codelInterval)/math.Sqrt(float64(count)))
}
