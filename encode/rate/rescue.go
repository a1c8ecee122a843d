package rate

import "time"

// rescue decides what is done about pictures that will be, or were, late.
type rescue struct {
	keyAt   time.Duration // when a key picture was asked for last
	keyPos  uint64        // what was written by then
	flushAt time.Duration
	keyDue  bool
}

const (
	// rescueSpacing is the least time between two key pictures that are asked for; in an
	// outage it is a tenth of how long that lasts, or of the budget, between these.
	rescueSpacing = 400 * time.Millisecond
	rescueLeast   = 150 * time.Millisecond
	rescueMost    = time.Second
	// A picture that would wait for more than skipOver of the budget is not coded, until
	// it would wait for less than skipUnder.
	skipOver, skipUnder = 0.6, 0.3
)

func (r *rescue) step(a *Advice, v measure, c *Controller) {
	r.skip(a, v, c)
	r.keys(a, v, c)
	r.flush(a, v)
}

// skip: what is written now waits for all that waits already.
func (r *rescue) skip(a *Advice, v measure, c *Controller) {
	if v.segment > 0 && v.segment < v.budget {
		a.Skip = segmentSkip(a.Skip, v)
		return
	}
	rate := v.acked
	if c.stall.on || v.at < c.stall.grace {
		rate = c.stall.frozen
	}
	if c.isChoked(v) { // acknowledgements tell nothing then
		rate = max(rate, c.link.rate)
	}
	rate = max(rate, float64(c.limits.Min)/4)
	wait := float64(v.waiting) * 8 / rate
	budget := v.budget.Seconds()
	switch {
	case !a.Skip:
		a.Skip = wait > skipOver*budget && v.queue.Seconds() > skipOver/2*budget
	case wait < skipUnder*budget:
		a.Skip = false
	}
}

// keys asks for a key picture after a gap, unless one is behind the gap already; and
// during an outage ahead of the gap there will be: the transport drops what is too
// old from the front, and the first key picture behind that is where the receiver
// goes on.
func (r *rescue) keys(a *Advice, v measure, c *Controller) {
	gone := c.meter.hist.last().gone
	if v.dropped && (v.at-r.keyAt > rescueSpacing || gone >= r.keyPos) {
		r.keyDue = true
	}
	spacing := rescueSpacing
	if c.stall.on && v.age > v.budget*2/5 {
		spacing = min(max(v.budget/10, rescueLeast, (v.at-c.stall.since)/10), rescueMost)
		r.keyDue = r.keyDue || v.at-r.keyAt >= spacing
	}
	if r.keyDue && v.at-r.keyAt >= spacing {
		r.keyDue = false
		r.keyAt, r.keyPos = v.at, c.meter.hist.last().written
		a.Key++
	}
}

// flush: the oldest of what waits is too late, and so is, three quarters of a budget
// later, what came after it.
func (r *rescue) flush(a *Advice, v measure) {
	if v.age > v.budget && v.at-r.flushAt > v.budget*3/4 {
		r.flushAt = v.at
		a.Flush++
	}
}
