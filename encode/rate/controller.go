package rate

import (
	"math"
	"time"
)

// Controller is the product's law; the comment of this package's doc.go tells how it
// works. It keeps no more than its history's ring, and a Step allocates nothing.
type Controller struct {
	limits Limits
	probe  bool
	advice Advice
	meter  meter
	link   estimate
	stall  stall
	hush   bool // next to nothing is sent
	rescue rescue
	drain  float64 // bits per second at which what waits is gone in half a budget, where nothing is lost

	want float64 // what the target goes to; it follows when the change is worth it
	// gain is what the encoder puts out of what it is told: 2 for one that puts out
	// twice that. Not much less than 1: what it leaves in an easy scene, it will want
	// in the next.
	gain   float64
	cutAt  time.Duration // of the last cut
	clean  time.Duration // when there was a queue last
	roomy  time.Duration // when segments took no more than is to be, last
	same   sameQueue
	regret regret

	patience     time.Duration // how long to stay at the limit before it is tried
	lastPatience time.Duration // after the last cut
}

var _ Law = (*Controller)(nil)

// New returns a controller of a path that nothing is known of.
func New(l Limits) *Controller {
	l = l.valid()
	c := &Controller{limits: l, probe: true, want: float64(l.Start), gain: 1, cutAt: longAgo, clean: longAgo}
	c.patience, c.lastPatience = leastPatience, leastPatience
	c.rescue = rescue{keyAt: longAgo, flushAt: longAgo}
	c.advice = Advice{Target: l.Start, Reason: Starting}
	c.pace()
	return c
}

// longAgo is before all that a controller's clock, which begins at 0, ever tells.
const longAgo = -time.Hour

// mostRate keeps a pace within an int of 32 bits.
const mostRate = 500_000_000

// valid makes limits keep their contract: Min counts before Max, both before Start.
func (l Limits) valid() Limits {
	l.Min = min(max(l.Min, 1), mostRate)
	l.Max = min(max(l.Max, l.Min), mostRate)
	l.Start = min(max(l.Start, l.Min), l.Max)
	return l
}

// SetLimits changes the limits; what is known of the path stays.
func (c *Controller) SetLimits(l Limits) {
	c.limits = l.valid()
	if t := c.bounded(float64(c.advice.Target)); t != c.advice.Target {
		c.advice.Target, c.want = t, float64(t)
	}
	c.pace()
}

// MayProbe says whether the target may rise: of several paths of one uplink, one at
// a time may. True at first.
func (c *Controller) MayProbe(may bool) { c.probe = may }

// Reconnected has the next sample begin new counters: another connection of the same
// path. The estimate is kept, as after an outage.
func (c *Controller) Reconnected() {
	c.meter.restart()
	if c.stall.flow <= 0 {
		return
	}
	if !c.stall.on {
		c.stall.begin(0, 0)
	}
	if rate := c.stall.frozen / 2 / c.gain; rate < float64(c.advice.Target) {
		c.issue(rate, Restarting)
		c.pace()
	}
}

// Step implements Law. A sample that is not later than the one before it, or comes
// after counters or clock have jumped, changes nothing.
func (c *Controller) Step(s Sample) Advice {
	c.meter.held = c.advice.Skip
	v, ok := c.meter.take(s, float64(c.advice.Target), float64(c.limits.Max))
	if !ok {
		return c.advice
	}
	c.learn(v)
	c.settle(v)
	switch {
	case v.segment > 0:
		c.segmentStep(v)
	case c.isChoked(v):
		c.choke(v)
	case c.isSilent(v):
		c.outage(v)
	case c.stall.on:
		c.resume(v)
	case c.isFull(v):
		c.cut(v)
	case v.queue > holdAt(v):
		c.clean, c.want = v.at, float64(c.advice.Target)
	case c.undo(v):
	default:
		c.grow(v)
	}
	c.rescue.step(&c.advice, v, c)
	c.drain = 0
	if v.repair == 0 && v.again == 0 {
		c.drain = float64(v.waiting) * 8 / (v.budget.Seconds() / 2)
	}
	c.hush = c.isHush(v)
	c.pace()
	c.advice.Acked, c.advice.Queue, c.advice.Estimate = int(min(v.acked, math.MaxInt32)), v.queue, int(c.link.rate)
	return c.advice
}

// learn takes what a measure tells of the encoder and of the link.
func (c *Controller) learn(v measure) {
	if v.useKnown && v.at-c.cutAt > v.useSpan && !c.stall.on {
		memory := gainMemory
		if v.use > 1.3 {
			memory /= 4
		}
		c.gain += (min(max(v.use, 0.9), 3) - c.gain) * min(v.since.Seconds()/memory.Seconds(), 1)
	}
	if c.stall.on {
		return
	}
	if v.silence == 0 {
		c.stall.flow += (v.flow - c.stall.flow) * min(v.since.Seconds()/flowMemory.Seconds(), 1)
	}
	c.stall.mending = c.stall.mending && (v.repair > 0 || v.at < c.stall.grace)
	if v.full > 0 && !c.stall.mending {
		c.link.take(v, float64(c.advice.Pace), float64(c.limits.Max))
	}
}

const (
	gainMemory = 4 * time.Second // some GOPs
	flowMemory = 500 * time.Millisecond
)

// issue makes rate, within the limits, the target.
func (c *Controller) issue(rate float64, why Reason) {
	c.advice.Reason = why
	c.advice.Target = c.bounded(rate)
	c.want = float64(c.advice.Target)
}

func (c *Controller) bounded(rate float64) int {
	return int(min(max(rate, float64(c.limits.Min)), float64(c.limits.Max)))
}

// stay keeps the target as it is, and says why.
func (c *Controller) stay(why Reason) {
	c.want, c.advice.Reason = float64(c.advice.Target), why
}

// pace lets a transport send faster than the target: key pictures, what is sent
// again, and what piled up must go too. More than that would only fill the buffers
// on the way, where nothing can be given up any more. Small changes are not worth a
// system call.
func (c *Controller) pace() {
	if c.hush {
		c.advice.Pace = int(max(hushShare*c.stall.flow, leastHush))
		return
	}
	p := paceRatio * min(max(float64(c.advice.Target), c.link.rate, c.drain), float64(c.limits.Max))
	if old := float64(c.advice.Pace); p > old*1.05 || p < old*0.8 {
		c.advice.Pace = int(p)
	}
}

const paceRatio = 1.5
