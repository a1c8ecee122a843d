package rate

import "time"

// A link that is given far more than it carries loses most of it. Acknowledgements stand
// still before the first hole then, and all that the link carries was sent before, so
// that nothing is acknowledged for as long as that lasts: the sender gives up what is too
// late just before the receiver does. This is no outage: the receiver still asks for what
// it misses, or it acknowledged something until the sender began to give up.
const (
	// chokeSpan is what is looked at, and how far cuts are apart, beyond the path's delay.
	chokeSpan = 300 * time.Millisecond
	// chokedShare of the target, in packets that are sent again, is more than random loss
	// makes; leastChoked of them are more than a TCP sends that hears nothing.
	chokedShare = 0.25
	leastChoked = 8
	// leastChokedAge is more than a moment in which nobody gets to run.
	leastChokedAge = 100 * time.Millisecond
	// packetSize is about what a packet holds, bytes.
	packetSize = 1300
	// A choked link carries, of the target, at most mostChoked; at least leastOfChoked is
	// tried next.
	mostChoked, leastOfChoked = 0.5, 0.25
)

// chokes finds how many packets were sent again lately, and what was acknowledged
// meanwhile, and before nothing was any more.
func (m *meter) chokes(v *measure) {
	now, then := m.hist.last(), m.hist.before(v.at-chokeSpan)
	if now.resent > then.resent {
		v.again = float64(now.resent - then.resent)
	}
	v.trickle = bitRate(now.acked-then.acked, now.at-then.at)
	if v.dropped {
		m.dropAt = v.at
	}
	v.giving = m.dropAt > 0 && v.at-m.dropAt < chokeSpan
	then = m.hist.before(m.progress - ackSpan)
	v.before = bitRate(now.acked-then.acked, m.progress-then.at)
}

// isChoked: the link is given far more than it carries.
func (c *Controller) isChoked(v measure) bool {
	target := float64(c.advice.Target) * c.gain
	if c.stall.on || v.at < c.stall.grace || v.trickle > leastOfChoked*target || v.age < max(leastChokedAge, 2*v.trip) {
		return false
	}
	many := chokedShare * target / 8 * chokeSpan.Seconds() / packetSize
	return v.again > max(many, leastChoked) || v.giving && v.silence > 0
}

// choke lowers the target to what was carried before the link was choked, and more where
// it stays so.
func (c *Controller) choke(v measure) {
	c.clean = v.at
	if v.at < c.cutAt+v.base+chokeSpan {
		return
	}
	target := float64(c.advice.Target) * c.gain
	if v.before > target && v.silence < v.budget*3/4 {
		return // it is low enough: what was sent before the last cut is in the way
	}
	rate := mostChoked * target
	if v.at-v.silence > c.cutAt {
		rate = min(max(v.before, leastOfChoked*target), rate)
	}
	c.stall.flow = min(c.stall.flow, rate)
	c.link = estimate{} // that was a guess: what it carries is measured as soon as it is full
	c.cutAt = v.at
	c.same = sameQueue{}
	why := Queueing
	if v.giving {
		why = Dropping
	}
	c.issue(rate/c.gain, why)
}
