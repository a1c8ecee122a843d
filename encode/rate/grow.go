package rate

import "time"

const (
	// headway is the share of the limit at which to stay.
	headway = 0.97
	// near is the share of it from which on growth is slow.
	near = 0.88
	// Growth per second. fast doubles in 2.3 s: what is too much shows after some 0.4 s,
	// which makes an overshoot of a seventh; faster, a link that varies is only followed down
	// and up again. slow, near the limit, must stay below what a
	// queue that is not cut yet takes; beyond it, where nothing broke, steady.
	fast, steady, slow = 0.35, 0.25, 0.10
	// lossyBias: between acknowledgements that gaps hold up, a rate comes out too low.
	lossyBias = 1.06
	// Increases below step are not issued: the picture is worse for each.
	step = 0.03
	// used is the share of its target that an encoder must use for it to be raised.
	used = 0.75

	// Patience is how long to stay at a limit before more is tried: the more often it
	// broke there, the longer. A link that keeps measuring low may be measured wrong:
	// after bored without a queue more is tried all the same.
	leastPatience = 1500 * time.Millisecond
	mostPatience  = 4 * time.Second
	bored         = time.Minute
)

// grow raises the target where nothing says that the link would not carry more.
func (c *Controller) grow(v measure) {
	if why, held := c.held(v); held {
		c.stay(why)
		return
	}
	if v.repair > 0 && v.queue > holdAt(v)/8 {
		c.clean = v.at // the limit is near: a queue shows late where there are gaps
	}
	speed, why := c.speed(v)
	if speed == 0 {
		c.stay(why)
		return
	}
	c.want += c.want * speed * min(v.since.Seconds(), 0.1)
	if c.want >= float64(c.advice.Target)*(1+step) || c.want >= float64(c.limits.Max) {
		c.issue(c.want, why)
	}
}

// held says what else than the link keeps the target from rising, if anything does.
func (c *Controller) held(v measure) (why Reason, is bool) {
	switch {
	case c.advice.Target >= c.limits.Max:
		return AtMax, true
	case !c.probe:
		return Waiting, true
	case v.use < used:
		return Limited, true
	}
	return "", false
}

// speed is the growth per second now. A long way shows later what was too much, and so
// do gaps.
func (c *Controller) speed(v measure) (float64, Reason) {
	careful := 1 / (1 + 2*v.base.Seconds())
	if v.repair > 0 && !c.stall.mending {
		careful /= 2
	}
	limit, want, tired := c.link.limit(), c.want*c.gain, c.tired(v)
	if v.repair > 0 {
		limit *= lossyBias
	}
	switch {
	case limit == 0:
		return fast * careful, Probing
	case tired && want > 1.05*limit: // it carries that much, then
		c.link.rate = want / 1.05
		if v.repair > 0 { // look again after each step
			c.link.set(want, v.at)
			c.patience = leastPatience / 3
		}
		return steady * careful, Probing
	case want < near*limit:
		return fast * careful, Probing
	case want < headway*limit || tired:
		return slow * careful, NearLimit
	}
	return 0, Steady
}

// tired of staying at the limit, since nothing tells of it any more.
func (c *Controller) tired(v measure) bool {
	quiet := v.at - max(c.cutAt, c.clean)
	return min(quiet, v.at-c.link.at) > c.patience || quiet > bored
}
