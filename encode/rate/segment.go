package rate

import (
	"math"
	"time"
)

// A path that is given whole segments is followed by what an upload comes to while it
// lasts: a segment of the target is to take most of the time in which the next one is
// made, and no longer. What a link does for a moment is of no interest: an upload
// averages it, and there are segments to spare.
const (
	// segmentShare of a segment's duration is what its upload is to take. What is above
	// segmentMost is trimmed; between the two, the target stays.
	segmentShare, segmentMost = 0.80, 0.90
	// segmentNear is the share of the limit from which on growth is slow.
	segmentNear = 0.92
	// An upload that will take longer than its segment lasts, by segmentLate of that, is
	// behind. It is to be made good within segmentMend segments; what is left for the
	// next ones meanwhile is segmentLeast of what is carried.
	segmentLate  = 0.15
	segmentMend  = 2
	segmentLeast = 0.25
	// segmentFast is the growth per second below half of the limit, which is plain.
	segmentFast = 0.7
	// mostSilence is what a new connection takes, with TLS and a request, where the link is
	// slow; with segments to spare nothing is lost by it.
	mostSilence = time.Second
)

// segmentStep is Step for such a path.
func (c *Controller) segmentStep(v measure) {
	if v.carries > 0 && !c.stall.on {
		c.link.set(min(v.carries, mostLink*float64(c.limits.Max)), v.at)
	}
	switch {
	case c.isSilent(v) && v.silence > min(v.segment/2, mostSilence):
		c.outage(v)
	case c.stall.on:
		c.resume(v)
	case v.at < c.stall.grace:
	case v.queue > time.Duration(segmentLate*float64(v.segment)):
		c.segmentBehind(v)
	default:
		c.segmentGrow(v)
	}
}

// segmentLimit is the target with which an upload takes segmentShare; 0: not known. What
// it loses to the request and the slow start, it does whatever its size.
func (c *Controller) segmentLimit(v measure) float64 {
	return c.link.rate / c.gain * (segmentShare - v.lost.Seconds()/v.segment.Seconds())
}

// segmentBehind lowers the target: the uploads will take longer than the segments last.
// What is late stays so until the segments that were made before have gone: so the cut
// is the same each time, and is not repeated.
func (c *Controller) segmentBehind(v measure) {
	c.clean = v.at
	late := v.queue.Seconds() / (segmentMend * v.segment.Seconds())
	rate := max(c.segmentLimit(v)-late*c.link.rate/c.gain, segmentLeast*c.link.rate/c.gain)
	if rate > 0.95*float64(c.advice.Target) {
		c.want = float64(c.advice.Target)
		return
	}
	c.cutAt = v.at
	c.issue(rate, c.cutReason(v))
}

// segmentGrow raises the target to the limit, and trims what is far above it, unless it is
// so for a moment.
func (c *Controller) segmentGrow(v measure) {
	limit, target := c.segmentLimit(v), float64(c.advice.Target)
	if target <= limit/segmentShare*segmentMost {
		c.roomy = v.at
	}
	switch {
	case c.link.rate == 0:
		c.stay(Starting) // the first upload tells
		return
	case target > limit/segmentShare*segmentMost:
		if v.waiting > 0 && v.at-c.roomy > v.segment/2 {
			c.issue(limit, Tight)
		}
		c.want = float64(c.advice.Target)
		return
	}
	switch why, held := c.held(v); {
	case held:
		c.stay(why)
		return
	case c.want >= limit:
		c.stay(Steady)
		return
	}
	speed, why := fast, Probing
	switch {
	case c.want < limit/2:
		speed = segmentFast
	case c.want > segmentNear*limit:
		speed, why = slow, NearLimit
	}
	c.want = math.Min(c.want*(1+speed*min(v.since.Seconds(), 0.1)), limit)
	if c.want >= target*(1+step) || c.want >= float64(c.limits.Max) {
		c.issue(c.want, why)
	}
}

// segmentSkip is Advice.Skip: what is coded now would be late even in a small segment.
func segmentSkip(skips bool, v measure) bool {
	if skips {
		return v.queue > (v.budget-v.segment)/2
	}
	return v.queue > v.budget-v.segment
}
