package rate

import "time"

// stall is what is known of an outage, and of what was before.
type stall struct {
	on     bool
	short  bool          // a gap of a moment, as at a hand-over
	flow   float64       // delivered lately while acknowledgements flowed, bits per second
	frozen float64       // flow when they stopped
	since  time.Duration // when they stopped
	grace  time.Duration // until then, what piled up is no sign of too high a target

	mending  bool // what was lost in the outage is still being sent again
	settling bool // acknowledgements flow again since resumed; acked was acknowledged by then
	resumed  time.Duration
	acked    uint64
}

const (
	// silentAfter is how long nothing is acknowledged, though it is due, in an outage.
	silentAfter = 250 * time.Millisecond
	// firstSilence is the same where nothing was ever acknowledged: nobody knows how long
	// the path is.
	firstSilence = 1500 * time.Millisecond
	// What is sent into an outage waits somewhere on the way, is too late when the link is
	// back, and is delivered first all the same. A packet now and then, hushShare of what
	// was carried, finds out when that is.
	hushShare = 0.03
	// leastHush, bits per second, is a packet in 50 ms.
	leastHush = 200_000
	// mostHush is how long that is believed in: some receivers speak of acknowledgements alone.
	mostHush = 5 * time.Second
	// What the encoder is given, of what was delivered before: at first, as if it were a
	// hand-over's gap; and then so little that the backlog of a whole budget is sent,
	// when the link is back, faster than it came about.
	firstShare, longShare = 0.60, 0.15
	// shortShare of the budget is what a gap takes at most, after which the link is as
	// it was, and leastShort of any budget; after a longer one it begins with restartShare
	// of that.
	shortShare   = 0.25
	leastShort   = 500 * time.Millisecond
	restartShare = 0.5
)

// isSilent: nothing is acknowledged though it should have been long ago.
func (c *Controller) isSilent(v measure) bool {
	if c.stall.flow <= 0 {
		return v.silence > firstSilence
	}
	return v.silence > v.patience(silentAfter)
}

// patience is how long after the least such time silence is no accident.
func (v measure) patience(least time.Duration) time.Duration {
	least += v.base / 2
	if v.repair > 0 {
		least += 2 * v.trip // what is sent again may be lost again
	}
	return least
}

// isHush: next to nothing is to be sent until something is heard of the receiver, and
// once it is, there is time for what was lost to be asked for.
func (c *Controller) isHush(v measure) bool {
	switch {
	case !c.stall.on:
		return false
	case v.silence > v.mute+2*Interval:
		return v.mute > v.patience(2*silentAfter)
	}
	return v.mute < mostHush
}

// begin freezes the estimate: what was delivered, but at least what the link was given
// without a sign that it would not carry it.
func (s *stall) begin(since time.Duration, least float64) {
	s.on, s.short, s.settling, s.frozen, s.since = true, false, false, max(s.flow, least), since
}

// outage: nothing gets through.
func (c *Controller) outage(v measure) {
	if !c.stall.on {
		least := float64(c.advice.Target) * c.gain
		if c.link.rate > 0 {
			least = min(least, c.link.rate)
		}
		c.stall.begin(v.at-v.silence, least)
	}
	share := firstShare
	c.stall.short = v.silence < max(time.Duration(shortShare*float64(v.budget)), leastShort)
	if !c.stall.short {
		share = longShare
	}
	c.clean = v.at
	if rate := share * c.stall.frozen / c.gain; rate < 0.97*float64(c.advice.Target) {
		c.issue(rate, Outage)
	}
	c.stay(Outage)
}

// resume: acknowledgements flow again. What piled up goes first.
func (c *Controller) resume(v measure) {
	s := &c.stall
	s.on, s.settling, s.resumed = false, true, v.at
	// What came with the first of them counts: a program that was not run for a while had
	// all acknowledged at once, and nothing was wrong with the link.
	s.acked = c.meter.hist.at(max(c.meter.hist.n-2, 0)).acked
	s.grace = v.at + v.base + time.Duration(graceShare*float64(v.budget))
	c.link.set(s.frozen, v.at)
	s.mending = true
	c.cutAt, c.clean = v.at, v.at
	c.same = sameQueue{}
	c.meter.train, c.meter.jam = train{}, jam{}
	c.advice.Reason = Restarting
	if !s.short {
		c.restart(restartShare * s.frozen)
	}
}

// graceShare of the budget is what it takes to send what piled up.
const graceShare = 0.6

// settle ends what resume began, once it is known what comes through: after a gap the
// link may be as it was or, with another mast, quite another one.
func (c *Controller) settle(v measure) {
	s := &c.stall
	since := v.at - s.resumed
	if !s.settling || s.on || since < ackSpan {
		return
	}
	s.settling = false
	carried := bitRate(c.meter.hist.last().acked-s.acked, since)
	switch {
	case !s.short:
	case carried < float64(c.advice.Target)*c.gain:
		s.grace = v.at
	default:
		c.restart(0.9 * min(s.frozen, carried))
	}
}

// restart raises the target at once to a rate of the link.
func (c *Controller) restart(rate float64) {
	if rate /= c.gain; c.probe && rate > float64(c.advice.Target) {
		c.issue(rate, Restarting)
	}
}
