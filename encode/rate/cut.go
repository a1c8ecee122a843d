package rate

import "time"

const (
	// A queue above queueCut, per second of budget, is cut; above queueHold, nothing is
	// raised: a path with more time can wait for a clearer sign. Less than the least is
	// what a busy box makes of an empty path.
	queueCut, leastQueueCut   = 75 * time.Millisecond, 80 * time.Millisecond
	queueHold, leastQueueHold = 40 * time.Millisecond, 50 * time.Millisecond

	// What waits takes this share of the budget at the present rate: from certain on it
	// must not wait; below doubt, the average of a second tells more than the last moment.
	doubt, certain = 0.05, 0.20

	// A queue is to be gone in this share of the budget. What is left for the picture
	// meanwhile, of what is carried, is at least leastCut: what a link that varies takes now,
	// it soon gives back, and each deep cut is a movement twice, down and up.
	drainShare = 0.8
	leastCut   = 0.65
	mostCut    = 0.95
	// unsure is what is left of the target, at least, where bytes have waited for less than
	// sure: what was acknowledged is what was written then, and another cut can follow.
	unsure, sure = 0.5, 180 * time.Millisecond
	// trusted is the share of the estimate that a single measure among gaps does not shake:
	// a link that carries far less shows by the next one, or is choked.
	trusted = 0.92

	// reaction is how long, beyond the path's own delay, a change takes to be seen: the
	// encoder's lag and what it wrote before.
	reaction = 150 * time.Millisecond
	// stalling: with no acknowledgement for so long, though some bytes are overdue, nobody
	// knows what the link carries until some have come again for ackSpan. A link that is too
	// slow acknowledges all the time; this is one that stands still for a moment, as between
	// two masts, or somebody who does not get to run. TCP's may be late by 40 ms.
	stalling = 50 * time.Millisecond
	// sitOut is how long bytes may wait for a link that stands still again and again, after
	// which it is one that is too slow, and acknowledges in bunches; and how long they may
	// wait while the round trip says that there is no queue on the way. BBR sends next to
	// nothing for 200 ms, each 10 s, to measure just that.
	sitOut = 400 * time.Millisecond
)

func cutAt(v measure) time.Duration  { return perBudget(v, queueCut, leastQueueCut) }
func holdAt(v measure) time.Duration { return perBudget(v, queueHold, leastQueueHold) }

func perBudget(v measure, perSecond, least time.Duration) time.Duration {
	return max(time.Duration(v.budget.Seconds()*float64(perSecond)), least)
}

// isFull: the target is more than the link carries.
func (c *Controller) isFull(v measure) bool {
	return v.queue > cutAt(v) || v.queue > holdAt(v) && v.backlog() > certain && v.busy > sure
}

// standsStill: nobody knows now what the link carries, since for a moment it carried
// nothing.
func (v measure) standsStill() bool {
	return v.pause > stalling || v.repair == 0 && v.sinceGap < ackSpan
}

// cut lowers the target to what the link is seen to carry, less what drains the queue.
func (c *Controller) cut(v measure) {
	c.clean = v.at
	if c.mustWait(v) || c.handOver(v) {
		return
	}
	target := float64(c.advice.Target)
	carried := c.carried(v)
	c.setPatience(carried, v)
	late := v.queue.Seconds()
	if v.repair == 0 {
		late = max(late, float64(v.waiting)*8/max(carried, 1)-(v.base+leastDue).Seconds())
	}
	drain := 1 - late/(drainShare*v.budget.Seconds())
	rate := carried * min(max(drain, leastCut), mostCut) / c.gain
	if v.busy < sure {
		rate = max(rate, unsure*target)
	}
	link := c.link // what a cut for nothing goes back to
	if carried > 0 && (v.repair == 0 || v.jammed > 0) {
		c.link.set(max(carried, rate*c.gain), v.at)
	}
	if rate > 0.97*target {
		return // it drains already
	}
	c.same.note(v, c.cutAt, c.advice.Target)
	c.regret.note(v, c.advice.Target, link, c.meter.hist.last().acked)
	c.cutAt = v.at
	c.issue(rate, c.cutReason(v))
}

// cutReason says why the target is lowered.
func (c *Controller) cutReason(v measure) Reason {
	switch {
	case v.dropped:
		return Dropping
	case v.age > v.budget/2:
		return TooOld
	case c.advice.Target == c.limits.Min && c.gain > inertRatio:
		return Inert
	}
	return Queueing
}

// mustWait: nobody knows yet what the link carries, or what the last cut has come to.
func (c *Controller) mustWait(v measure) bool {
	if v.at < c.stall.grace || v.silence > 2*stalling || (v.standsStill() || v.shortTrip) && v.busy < sitOut {
		return true
	}
	// What was written before the last cut tells nothing of it, unless it is plain that
	// the link carries far less.
	return v.heard < c.cutAt+reaction &&
		(v.at-c.cutAt < v.base+reaction || v.repair > 0 || v.acked > 0.7*float64(c.advice.Target)*c.gain)
}

// inertRatio is when it is the encoder's fault.
const inertRatio = 1.5

// carried is what the link, which is full, carries.
func (c *Controller) carried(v measure) float64 {
	switch {
	case v.repair == 0:
		// A short dip of a link that varies is best sat out, as long as there is time.
		sure := min(max((v.backlog()-doubt)/(certain-doubt), 0), 1)
		if v.sinceGap < ackSpan {
			sure = 0 // a moment may be one between two bunches
		}
		return sure*v.acked + (1-sure)*max(v.acked, v.flow)
	case v.jammed > 0:
		return v.jammed
	}
	// Gaps hold acknowledgements up: what was known before counts too.
	return max(v.acked, trusted*c.link.rate)
}

// setPatience: a limit that held twice is left alone for longer.
func (c *Controller) setPatience(carried float64, v measure) {
	c.patience = leastPatience
	if c.link.rate > 0 && carried > 0.85*c.link.rate && v.at-c.cutAt < 4*mostPatience {
		c.patience = min(c.lastPatience*3/2, mostPatience)
	}
	c.lastPatience = c.patience
}

// sameQueue looks out for a queue that cuts do not shorten: that is no queue, but the
// delay of another way.
type sameQueue struct {
	cuts   int
	queue  time.Duration // at the first of them
	target int           // before it
}

// note takes a cut.
func (q *sameQueue) note(v measure, last time.Duration, target int) {
	if q.cuts == 0 || v.at-last > sameSpan {
		*q = sameQueue{queue: v.queue, target: target}
	}
	q.cuts++
}

// sameSpan is how close cuts are that belong together.
const sameSpan = 4 * time.Second

// handOver: after two cuts the queue is what it was, though no more is acknowledged
// than is written: the path has another delay now, and carries what it carried.
func (c *Controller) handOver(v measure) bool {
	q := &c.same
	if q.cuts < 2 || v.at-c.cutAt < time.Second || v.at-c.cutAt > sameSpan || v.repair > 0 ||
		v.queue < q.queue*3/4 || v.queue > q.queue*5/4+Interval || v.flow > 1.1*float64(c.advice.Target)*c.gain {
		return false
	}
	c.meter.relearn(v)
	c.link.set(float64(q.target)*c.gain, v.at)
	c.same = sameQueue{}
	c.stay(HandOver)
	return true
}
