package rate

import "time"

// regret is what a cut would have to be undone to: when all that waited at that moment
// is acknowledged so soon that the link must have carried what it was given all along,
// what was taken for a queue was a moment in which somebody did not get to run.
type regret struct {
	open   bool
	at     time.Duration // of the first of the cuts
	target int           // before it
	link   estimate
	acked  uint64
}

const (
	// regretSpan, beyond the path's delay, is how long after a cut it may be undone.
	regretSpan = 600 * time.Millisecond
	// innocent is the share of the target before that must have come through since.
	innocent = 0.9
)

// note takes a cut.
func (r *regret) note(v measure, target int, link estimate, acked uint64) {
	if r.open && v.at-r.at <= v.base+regretSpan {
		return // the first of some in a row is the one to go back to
	}
	*r = regret{open: true, at: v.at, target: target, link: link, acked: acked}
}

// undo takes the last cut back, if it was for nothing. There is no queue now.
func (c *Controller) undo(v measure) bool {
	r := &c.regret
	if !r.open || c.stall.on || v.repair > 0 {
		return false
	}
	since := v.at - r.at
	if since > v.base+regretSpan {
		r.open = false
		return false
	}
	carried := bitRate(c.meter.hist.last().acked-r.acked, since)
	if since < suddenSpan || carried < innocent*float64(r.target)*c.gain || r.target <= c.advice.Target {
		return false
	}
	r.open = false
	c.link = r.link
	c.cutAt, c.same = v.at, sameQueue{}
	c.issue(headway*float64(r.target), Steady)
	return true
}
