package rate

import "time"

// shedding is what is left out on a path that cannot carry the chosen rate.
//
// Video is left out where the path lacks it: it wants less than it is given, and for
// seconds it has a queue that stands over a share of its budget and acknowledges less
// than it is given, or gives things up.
// What it wants alone says nothing: that may be a mistake, which sound alone can never
// put right. So video comes back for a trial after a hold, whatever the path seems to
// carry; only trials that failed make the hold longer. With sound alone, a queue that
// stays leads to a pause: not even sound fits.
type shedding struct {
	state shedState
	over  time.Duration // for how long there has been too much, less what was not
	clean time.Duration // for how long no queue has stood
	stood time.Duration // in the present state
	grace time.Duration // left, in which only a great queue counts
	trial bool          // video came back, and nothing tells yet that it was right to
	given float64       // bits per second that are given now, or would be
	tried float64       // those that were too much the last time
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
	// shedAfter is for how long there must be too much; time with a great queue, or
	// with something given up, counts as half as much again: 2 s.
	shedAfter = 3 * time.Second
	// fixedShedAfter is shedAfter where the bit rate is fixed: whoever fixed it knows
	// what the link carries, and the queues help themselves.
	fixedShedAfter = 9 * time.Second
	// sharedShedAfter is shedAfter on the uplink of the path that decides: the encoder goes
	// down for both.
	sharedShedAfter = 9 * time.Second
	// shedFrom is the share of what a path is given that it must want at least.
	shedFrom = .95
	// lessFrom is the share of what was too much that may be tried soon.
	lessFrom = .75
	// doubtful is how many times the hold it waits if by its estimate it will not fit.
	doubtful = 2

	leastShedHold, mostShedHold = 4 * time.Second, 2 * time.Minute
	leastRest, mostRest         = 8 * time.Second, 2 * time.Minute
	// failedReturn: what sheds within it after video came back has failed the trial.
	failedReturn = 20 * time.Second
	// lastingReturn: a path that went on so long after it came back was right to.
	lastingReturn = time.Minute
	// returnGrace is what the law has to bring its target up to what is given again.
	returnGrace = 8 * time.Second
	// returnBegin is what the key picture that a return begins with may queue for.
	returnBegin = 2 * time.Second
	// pauseFrom is when a queue behind sound alone begins to count: the video that
	// was there, and comes until the GOP's border, must be gone first.
	pauseFrom, pauseAfter = 5 * time.Second, 3 * time.Second
	// droppedLately is how long something that was given up counts.
	droppedLately = time.Second
)

// load is how a path bears what it is given.
type load struct {
	connected bool
	given     float64       // bits per second that it is given, or would be
	tooMuch   bool          // it wants less than that, and has a queue or gives things up
	much      bool          // its queue eats much of the budget, or it gives things up
	clean     bool          // it has no queue to speak of
	fits      bool          // by its estimate, it carries what it would be given
	after     time.Duration // of too much, it sheds; 0: shedAfter
}

func (d *shedding) init() { *d = shedding{hold: leastShedHold, rest: leastRest} }

// step reports whether video comes back on the path.
func (d *shedding) step(dt time.Duration, l load) bool {
	d.stood += dt
	d.grace = max(0, d.grace-dt)
	d.given = l.given
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
	dt = min(dt, mostSeen)
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
	if d.stood >= failedReturn {
		d.trial = false
	}
	if d.stood >= lastingReturn {
		d.hold, d.rest = leastShedHold, leastRest
	}
}

func (d *shedding) follow(dt time.Duration, l load) {
	switch {
	case l.tooMuch && l.much && (d.grace == 0 || d.stood >= returnBegin):
		d.over += dt * 3 / 2
	case l.tooMuch && d.grace == 0:
		d.over += dt
	default:
		d.over = max(0, d.over-dt*3/2)
	}
	d.lasted()
	if d.over < max(l.after, shedAfter) {
		return
	}
	if d.trial {
		d.hold = min(2*d.hold, mostShedHold)
	}
	d.tried = l.given
	d.enter(shed)
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
	switch {
	case d.given < d.tried*lessFrom && fits:
		return d.clean >= leastShedHold
	case fits:
		return d.clean >= d.hold
	}
	return d.clean >= min(doubtful*d.hold, mostShedHold)
}

// back has video come back, for a trial.
func (d *shedding) back() {
	d.enter(following)
	d.grace, d.trial = returnGrace, true
}

func (d *shedding) enter(s shedState) {
	d.state, d.over, d.clean, d.stood, d.trial = s, 0, 0, 0, false
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
		if s.keeps(p, c) {
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
		l := p.load(given)
		switch {
		case s.config.Fixed:
			l.tooMuch, l.after = l.tooMuch && l.much, fixedShedAfter
		case p != c.path && s.shares(p, c.path):
			l.fits, l.after = true, sharedShedAfter
		}
		if p.shedding.step(dt, l) {
			s.wantKey = true
		}
	}
}

// keeps: no video is left out on the path. With a bit rate that follows, that is the
// path that decides, and the primary one that is protected: the encoder goes down with
// it. Only where the encoder does not, and the ladder has no step left, they shed as
// others do.
//
// With a fixed one, it is the primary path, and the only one: their queues drop up to
// the next key picture what comes too late, and so show as many pictures as the link
// carries, which sound alone would not.
func (s *Stream) keeps(p *path, c choice) bool {
	if s.config.Fixed {
		return p.primary || s.only(p)
	}
	protected := p.primary && p.connected && s.config.Policy == ProtectPrimary
	if !protected && (p != c.path || !c.keep) {
		return false
	}
	return !s.encoder.inert || s.ladder.step < halfSize
}

// only: no other path is connected.
func (s *Stream) only(p *path) bool {
	for _, other := range s.paths {
		if other != p && other.present && other.connected {
			return false
		}
	}
	return true
}

// lacks: something is given up, or a queue stands and does not get shorter.
func (p *path) lacks(given float64) bool {
	return p.drops > 0 || (p.queued(queueStands, leastStands) && float64(p.advice.Acked) < given)
}

func (p *path) load(given float64) load {
	wants := float64(p.advice.Target)
	if p.advice.Reason == Outage {
		// What is too much cannot be told; the law has what is too old flushed.
		return load{connected: p.connected, given: given}
	}
	return load{
		connected: p.connected, given: given,
		tooMuch: wants < given*shedFrom && p.lacks(given),
		much:    p.queued(queueMuch, leastMuch) || p.drops > 0,
		clean:   p.clean(),
		fits:    max(wants, float64(p.advice.Estimate)) >= min(given, float64(p.limits.Max)),
	}
}
