package rate

import "time"

// plainLaw is a simple follower for the model: what is tested there is what a Stream
// makes of several of them, not how well each does.
type plainLaw struct {
	limits  Limits
	may     bool
	samples []Sample // of the last 400 ms
	target  float64
	cut     time.Duration
	silent  time.Duration
	advice  Advice
}

func newPlainLaw(l Limits) follower {
	return &plainLaw{limits: l, may: true, target: float64(l.Start), advice: Advice{Target: l.Start, Reason: Starting}}
}

func (p *plainLaw) SetLimits(l Limits) { p.limits = l }
func (p *plainLaw) MayProbe(may bool)  { p.may = may }
func (p *plainLaw) Reconnected()       { p.samples = nil }

func (p *plainLaw) Step(s Sample) Advice {
	const window = 20
	if p.samples = append(p.samples, s); len(p.samples) <= window {
		return p.advice
	}
	p.samples = p.samples[1:]
	first, dt := p.samples[0], (s.At - p.samples[0].At).Seconds()
	done := func(s Sample) float64 { return float64(s.Written) - float64(s.Outstanding) - float64(s.Dropped) }
	acked := max(0, done(s)-done(first)) * 8 / dt
	written := float64(s.Written-first.Written) * 8 / dt
	least := s.Outstanding
	for _, o := range p.samples {
		least = min(least, o.Outstanding)
	}
	a := &p.advice
	a.Acked = int(acked)
	a.Queue = max(0, time.Duration(float64(least)*8/max(acked, 10_000)*1e9)-2*s.MinRTT)
	if a.Queue > 50*time.Millisecond {
		a.Estimate = int(acked)
	}
	switch {
	case acked == 0 && least > 0:
		p.silent += Interval
		a.Reason = Outage
		a.Queue = p.silent
	case a.Queue > s.Budget*75/1000:
		p.silent = 0
		if a.Reason = Queueing; s.At-p.cut > 300*time.Millisecond {
			p.cut, p.target = s.At, min(p.target, .8*acked)
		}
	case a.Queue > s.Budget*40/1000:
		p.silent = 0
	case !p.may:
		a.Reason = Waiting
	case p.target >= float64(p.limits.Max):
		a.Reason = AtMax
	case written < .75*p.target:
		a.Reason = Limited
	case a.Estimate > 0 && p.target > .9*float64(a.Estimate) && s.At-p.cut < 6*time.Second:
		a.Reason = Steady
	default:
		a.Reason = Probing
		p.target *= 1 + .4*Interval.Seconds()
	}
	p.target = min(max(p.target, float64(p.limits.Min)), float64(p.limits.Max))
	if t := int(p.target); t < a.Target || float64(t) > 1.04*float64(a.Target) || t == p.limits.Max {
		a.Target = t
	}
	a.Pace = a.Target * 3 / 2
	if a.Queue > s.Budget {
		a.Flush = uint64(s.At / s.Budget)
	}
	return *a
}
