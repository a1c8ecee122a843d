package rate

import "time"

// shedding is what is left out on a path that cannot carry the chosen rate.
//
// Video is left out where the path wants less than it is given and has a queue, for
// a while; a queue that eats much of the budget needs less time. With sound alone,
// a queue that stays leads to a pause: not even sound fits. A path comes back after
// its queue was empty for a hold, sooner if its estimate promises that it will fit,
// and each return that did not last doubles the hold.
type shedding struct {
	state shedState
	over  time.Duration // for how long there has been too much, less what was not
	clean time.Duration // for how long there has been no queue
	stood time.Duration // in the present state
	grace time.Duration // left, in which only a great queue counts
	hold  time.Duration // before video comes back
	rest  time.Duration // before sound comes back
}

type shedState int

const (
	following shedState = iota
	shed
	paused
)

const (
	shedAfter = time.Second
	// muchCounts: with a great queue, time counts this many times.
	muchCounts = 4
	// shedFrom is the share of what a path is given that it must want at least.
	shedFrom = .95
	// backFrom is what the estimate must be of what the path would be given, for it
	// to come back soon; longHold is how many times the hold it waits if not.
	backFrom, longHold = 1.15, 4

	leastShedHold, mostShedHold = 4 * time.Second, 2 * time.Minute
	leastRest, mostRest         = 8 * time.Second, 2 * time.Minute
	// lastingReturn: a path that went on so long after it came back was right to.
	lastingReturn = time.Minute
	// returnGrace is what the law has to bring its target up to what is given again.
	returnGrace = 8 * time.Second
	// returnBegin is what the key picture that a return begins with may queue for.
	returnBegin = 2 * time.Second
	// pauseFrom is when a queue behind sound alone begins to count: the video that
	// was there, and comes until the GOP's border, must be gone first.
	pauseFrom, pauseAfter = 5 * time.Second, 3 * time.Second
)

// load is how a path bears what it is given.
type load struct {
	connected bool
	tooMuch   bool // it wants less than it is given, and has a queue
	much      bool // its queue eats much of the budget
	clean     bool // it has no queue
	fits      bool // by its estimate, it carries what it would be given
}

func (d *shedding) init() { *d = shedding{hold: leastShedHold, rest: leastRest} }

// step reports whether video comes back on the path.
func (d *shedding) step(dt time.Duration, l load) bool {
	d.stood += dt
	d.grace = max(0, d.grace-dt)
	if d.state == paused {
		if d.stood >= d.rest {
			d.enter(shed)
			d.rest = min(2*d.rest, mostRest)
		}
		return false
	}
	if !l.connected {
		d.over, d.clean = 0, 0
		return false
	}
	if d.state == following {
		d.follow(dt, l)
		return false
	}
	return d.sound(dt, l)
}

// kept is step for a path that video is not left out on.
func (d *shedding) kept(dt time.Duration) {
	d.over = 0
	d.stood += dt
	d.grace = max(0, d.grace-dt)
	d.lasted()
}

func (d *shedding) lasted() {
	if d.stood >= lastingReturn {
		d.hold, d.rest = leastShedHold, leastRest
	}
}

func (d *shedding) follow(dt time.Duration, l load) {
	switch {
	case l.tooMuch && l.much && (d.grace == 0 || d.stood >= returnBegin):
		d.over += muchCounts * dt
	case l.tooMuch && d.grace == 0:
		d.over += dt
	default:
		d.over = max(0, d.over-dt/2)
	}
	d.lasted()
	if d.over >= shedAfter {
		d.enter(shed)
	}
}

// sound is step while sound alone is given.
func (d *shedding) sound(dt time.Duration, l load) bool {
	if !l.clean {
		d.clean = 0
		if l.much && d.stood >= pauseFrom {
			d.over += dt
		}
		if d.over >= pauseAfter {
			d.enter(paused)
		}
		return false
	}
	d.over = 0
	d.clean += dt
	if !d.ready(l.fits) {
		return false
	}
	d.back()
	return true
}

// ready: video may be tried again.
func (d *shedding) ready(fits bool) bool {
	if fits {
		return d.clean >= d.hold
	}
	return d.clean >= min(longHold*d.hold, mostShedHold)
}

// back has video come back. A hold that turns out to have been too short is made
// longer when the path sheds again.
func (d *shedding) back() {
	d.enter(following)
	d.grace = returnGrace
	d.hold = min(2*d.hold, mostShedHold)
}

func (d *shedding) enter(s shedState) {
	d.state, d.over, d.clean, d.stood = s, 0, 0, 0
}

// shed lets every path shed or come back.
func (s *Stream) shed(c choice, dt time.Duration) {
	chosen := s.target
	if c.path != nil && !s.config.Fixed {
		chosen = min(max(c.video, s.ladder.floor(float64(s.config.Min))), float64(s.config.Max))
	}
	if s.encoder.inert {
		chosen = max(chosen, s.encoder.output)
	}
	audio := s.encoder.audio()
	for _, p := range s.paths {
		if !p.present {
			continue
		}
		if p == c.path && c.keep && !s.encoder.inert {
			if p.shedding.state != following {
				p.shedding.back()
				s.wantKey = true
			}
			p.shedding.kept(dt)
			continue
		}
		given := p.with(chosen, audio)
		if s.config.Policy == ProtectAll && !s.config.Fixed && p.shedding.state != following {
			given = p.with(float64(s.config.Min), audio) // the encoder would go down to it
		}
		if p.shedding.step(dt, p.load(given)) {
			s.wantKey = true
		}
	}
}

func (p *path) load(given float64) load {
	wants := float64(p.advice.Target)
	if p.advice.Reason == Outage {
		// What is too much cannot be told; the law has what is too old flushed.
		return load{connected: p.connected}
	}
	return load{
		connected: p.connected,
		tooMuch:   wants < given*shedFrom && p.congested(),
		much:      p.queued(queueMuch),
		clean:     p.clean(),
		fits:      max(wants, float64(p.advice.Estimate)) >= min(given*backFrom, float64(p.limits.Max)),
	}
}
