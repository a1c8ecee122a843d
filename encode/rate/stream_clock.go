package rate

import "time"

// streamClock makes a time of its own of the samples' times: it never goes back, and a
// step of the other clock moves it by little.
type streamClock struct {
	now  time.Duration
	last time.Duration
	set  bool
}

// maxStep is the longest time between two steps that is believed.
const maxStep = time.Second

// step moves the clock on. It says by how much, and whether that is the true time:
// if not, nothing that was counted meanwhile makes a rate.
func (c *streamClock) step(e EncoderState, states []PathState) (dt time.Duration, whole bool) {
	at := e.At
	if at == 0 {
		for _, p := range states {
			if p.Connection != 0 {
				at = max(at, p.Sample.At)
			}
		}
	}
	if at == 0 { // nothing runs; whoever calls does so about every Interval
		c.set = false
		c.now += Interval
		return Interval, false
	}
	if !c.set {
		c.set, c.last = true, at
		return 0, false
	}
	// Two far apart wrap around as one subtraction: take the sign from comparing.
	dt = at - c.last
	back := at < c.last
	c.last = at
	switch {
	case back:
		dt = Interval
	case dt < 0 || dt > maxStep:
		dt = maxStep
	default:
		whole = true
	}
	c.now += dt
	return dt, whole
}
