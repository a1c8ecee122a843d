package rate

import "time"

// path is one way to a receiver, with what was learnt of it.
type path struct {
	name    string
	slot    int // of the uplinks' table
	law     follower
	limits  Limits
	probing bool
	advice  Advice

	first      int           // its index among the states of this step
	seen       time.Duration // when it was last among them
	present    bool          // it is among them now
	connected  bool
	primary    bool
	connection uint64
	budget     time.Duration
	outage     time.Duration // for how long nothing was acknowledged
	dropped    uint64        // that the connection gave up so far
	drops      time.Duration // left, in which something given up counts
	key        uint64        // the advice's, handled
	overhead   overhead
	proof      proof
	shedding   shedding
	trip       trip
	shares     []string // replaced, never changed: decisions hold it
}

const (
	maxPaths = 64
	// forgetAfter is how long a path that is no longer among the states is kept.
	forgetAfter = 2 * time.Minute
	// outageLong is how long a path that acknowledges nothing goes on deciding.
	outageLong = 3 * time.Second
	// leastPath is the least that a path's target may become, bits per second.
	leastPath = 16_000

	pathBudgetUnknown = 2 * time.Second
	pathBudgetLeast   = 200 * time.Millisecond
	pathBudgetMost    = 30 * time.Second

	// Shares of the budget: a queue under the first is none, over the second the path
	// is congested, over the third it carries less than it is given if that lasts, over
	// the last what is queued will come too late. The least of each is what a busy box
	// does to a short budget: it has acknowledgements wait, but no link is full.
	queueNone, queueSome, queueStands, queueMuch = .04, .075, .1, .35
	leastNone, leastSome, leastStands, leastMuch = 30 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond, 120 * time.Millisecond
)

// match finds the path of each state, makes those that are new, and forgets those
// that have been gone for long.
func (s *Stream) match(states []PathState) {
	for _, p := range s.paths {
		p.present = false
	}
	s.given = s.given[:0]
	for i := range states {
		p := s.find(states[i].Name, i)
		if p == nil {
			p = s.add(states[i].Name)
		}
		if p != nil && !p.present {
			p.present, p.first, p.seen = true, i, s.clock.now
		}
		s.given = append(s.given, p)
	}
	for i := len(s.paths) - 1; i >= 0; i-- {
		p := s.paths[i]
		switch {
		case p.present:
		case s.clock.now-p.seen >= forgetAfter:
			s.forget(i)
		default:
			p.connected = false
		}
	}
}

func (s *Stream) find(name string, at int) *path {
	if at < len(s.paths) && s.paths[at].name == name { // as a rule the order stays
		return s.paths[at]
	}
	for _, p := range s.paths {
		if p.name == name {
			return p
		}
	}
	return nil
}

// add makes a path; nil where there are too many.
func (s *Stream) add(name string) *path {
	if len(s.paths) >= maxPaths {
		oldest := -1
		for i, p := range s.paths {
			// One of the last step may still come in this one.
			if p.present || p.seen == s.clock.now || p.connected {
				continue
			}
			if oldest < 0 || p.seen < s.paths[oldest].seen {
				oldest = i
			}
		}
		if oldest < 0 {
			return nil
		}
		s.forget(oldest)
	}
	p := &path{name: name, slot: s.uplinks.take(), probing: true, budget: pathBudgetUnknown}
	p.overhead.ratio = overheadUnknown
	p.shedding.init()
	p.limits = p.bounds(s)
	p.law = s.follow(p.limits)
	p.advice = Advice{Target: p.limits.Start, Reason: Starting}
	s.paths = append(s.paths, p)
	return p
}

func (s *Stream) forget(i int) {
	p := s.paths[i]
	if s.decider == p {
		s.decider = nil
	}
	s.best.forget(p)
	s.uplinks.free(p.slot)
	s.paths = append(s.paths[:i], s.paths[i+1:]...)
	s.uplinks.group(s.paths)
}

// observe takes the path's state of this step. full: all that is coded is given to
// paths that are not shed.
func (p *path) observe(s *Stream, st PathState, dt time.Duration, e EncoderState, full bool) {
	p.primary = st.Primary
	p.connected = st.Connection != 0
	if !p.connected {
		p.outage, p.drops, p.trip.known = 0, 0, false
		p.overhead.pause()
		return
	}
	if st.Connection != p.connection {
		if p.connection != 0 {
			p.law.Reconnected()
		}
		p.connection = st.Connection
		p.trip = trip{}
		p.dropped, p.drops = st.Sample.Dropped, 0
		p.overhead.pause()
	}
	p.drops = max(0, p.drops-dt)
	if st.Sample.Dropped > p.dropped {
		p.drops = droppedLately
	}
	p.dropped = st.Sample.Dropped
	p.trip.step(s.clock.now, st.Sample)
	p.budget = pathBudgetUnknown
	if b := st.Sample.Budget; b > 0 {
		p.budget = min(max(b, pathBudgetLeast), pathBudgetMost)
	}
	p.overhead.step(s.clock.now, st.Sample, e, full && p.shedding.state == following)
	p.proof.step(min(dt, mostSeen), p.clean(), p.given(s))
	p.setLimits(p.bounds(s))
	p.advice = p.law.Step(st.Sample)
	p.advice.Target = min(max(p.advice.Target, 0), p.limits.Max)
	p.advice.Pace = max(p.advice.Pace, 0)
	p.advice.Queue = max(p.advice.Queue, 0)
	if p.advice.Reason == Outage {
		p.outage += dt
	} else {
		p.outage = 0
	}
}

// bounds are the limits of the stream as the path counts. Its least lies far under
// the encoder's least bit rate: how far under tells which step to take below it. A path
// that is seen to carry that least carries it, though: it is given no less.
func (p *path) bounds(s *Stream) Limits {
	audio := s.encoder.audio()
	l := Limits{
		Min:   int(max(leastPath, p.with(0, audio)/2)),
		Start: int(p.with(float64(s.config.Start), audio)),
		Max:   int(p.with(float64(s.config.Max), audio)),
	}
	l.Min = min(max(l.Min, int(p.proof.rate())), l.Max)
	l.Start = max(l.Start, l.Min)
	return l
}

// setLimits leaves small changes out: they come with every change of what is learnt
// of overhead and sound.
func (p *path) setLimits(l Limits) {
	if nearly(l.Min, p.limits.Min) && nearly(l.Start, p.limits.Start) && nearly(l.Max, p.limits.Max) {
		return
	}
	p.limits = l
	p.law.SetLimits(l)
}

func nearly(a, b int) bool { return max(a-b, b-a)*100 <= b }

func (p *path) mayProbe(may bool) {
	if p.probing != may {
		p.probing = may
		p.law.MayProbe(may)
	}
}

// with is what video and sound come to on the path.
func (p *path) with(video, audio float64) float64 { return (video + audio) * p.overhead.ratio }

// video is the video bit rate that a bit rate of the path leaves room for.
func (p *path) video(rate int, s *Stream) float64 {
	if rate >= p.limits.Max {
		return float64(s.config.Max)
	}
	return max(0, float64(rate)/p.overhead.ratio-s.encoder.audio())
}

// queued compares the queue with a share of the budget, and with the least time.
func (p *path) queued(share float64, least time.Duration) bool {
	return p.advice.Queue > max(time.Duration(share*float64(p.budget)), least)
}

func (p *path) congested() bool {
	return p.queued(queueSome, leastSome) || p.advice.Reason == Dropping
}

func (p *path) clean() bool {
	return p.connected && !p.queued(queueNone, leastNone) && p.advice.Reason != Outage && p.advice.Reason != Dropping
}

// paced is the law's advice, with a pace that lets through what the path is given:
// the law of a path that does not decide may want less, and a pacer that held the
// rest back would make a queue where the link has none.
func (p *path) paced(s *Stream) Advice {
	a := p.advice
	if a.Pace < a.Target || p.shedding.state == paused { // none, or that of an outage
		return a
	}
	given := 0.
	if p.shedding.state == following && !s.setting.AudioOnly {
		given = s.target
		if s.encoder.inert {
			given = max(given, min(s.encoder.output, 2*given))
		}
	}
	a.Pace = max(a.Pace, int(1.5*p.with(given, s.encoder.audio())))
	return a
}
