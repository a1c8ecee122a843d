package rate

import "time"

// Policy says whose path decides when an encoder has several.
type Policy string

// The policies.
const (
	// ProtectPrimary: the path of the primary destination decides; others shed or
	// pause where they carry less.
	ProtectPrimary Policy = "protect-primary"
	// ProtectAll: the slowest path decides, down to the least bit rate; one that
	// cannot take even that sheds.
	ProtectAll Policy = "protect-all"
	// BestForMost: the rate at which the sum over the destinations of what they get
	// is highest.
	BestForMost Policy = "best-for-most"
)

// StreamConfig is what a Stream works with. Bit rates are of video alone.
type StreamConfig struct {
	Min, Start, Max int
	Policy          Policy
	// Fixed: the encoder stays at Max. Paths are followed all the same, and shed, but
	// late, and never the primary one, nor one that is the only one connected.
	Fixed bool
}

// EncoderState is what an encoder has put out so far.
type EncoderState struct {
	At           time.Duration // on the samples' clock
	Video, Audio uint64        // bytes coded
	Pictures     uint64
}

// PathState is a path, now.
type PathState struct {
	Name    string
	Primary bool
	// Connection is another number for each connection; 0: there is none, and Sample
	// means nothing.
	Connection uint64
	Sample     Sample
}

// Decision is what is to be done.
type Decision struct {
	Setting Setting
	Decider string // the path whose limit it is; "" for none
	Reason  Reason
	Paths   []PathDecision // in the order of the states given
}

// PathDecision is what is to be done on one path.
type PathDecision struct {
	Name   string
	Advice Advice
	Shed   bool     // video is left out from the next GOP border on
	Pause  bool     // nothing is sent; Shed is true, too
	Shares []string // other paths that seem to go over the same uplink
}

// Stream makes one Setting of what the paths of an encoder carry.
//
// Only connected paths decide. Where the policy's own choice is not connected, or
// has acknowledged nothing for seconds while another path works, the one that
// carries most decides instead, until the policy's choice is back. Without any path
// given, the encoder runs at Max; where there are some, but none is connected, at
// what was last, and after a while at Start.
type Stream struct {
	config  StreamConfig // within bounds
	follow  func(Limits) follower
	clock   streamClock
	encoder encoderView
	uplinks uplinks
	ladder  ladder
	best    best

	paths []*path // all that are known, at most maxPaths
	given []*path // that of each state of this step; nil for one not followed

	decider *path
	alone   time.Duration // for how long no path has decided
	target  float64       // video bit rate in force, before the encoder's correction
	raised  time.Duration // when target was changed last
	skipped time.Duration // for how long Skip has stood
	setting Setting
	wantKey bool
	keyAt   time.Duration // when Key last rose
}

// follower is what a Stream asks of a Controller.
type follower interface {
	Law
	SetLimits(Limits)
	MayProbe(bool)
	Reconnected()
}

const (
	// upFrom and upAfter: the encoder is not told of rises of less than this, or
	// only after this long; each one unsettles its rate control.
	upFrom  = 1.03
	upAfter = time.Second
	// downFrom: what is less than this is no change, but what is still being learnt
	// of overhead and sound.
	downFrom = .99
	// aloneHold is how long the last bit rate stands with no path connected.
	aloneHold = 10 * time.Second
	// noPaths is how long the start waits for paths before it goes to Max.
	noPaths = 2 * time.Second
	// keySpacing is the least time between two key pictures asked for.
	keySpacing = 200 * time.Millisecond
	// maxSkip is how long pictures are left out for one path, at most: they are
	// missing in what is recorded or served beside it, too.
	maxSkip = 5 * time.Second
)

// NewStream returns a Stream without paths: it stays at Start, and goes to Max.
func NewStream(c StreamConfig) *Stream {
	return newStream(c, func(l Limits) follower { return New(l) })
}

func newStream(c StreamConfig, follow func(Limits) follower) *Stream {
	c = boundedConfig(c)
	s := &Stream{config: c, follow: follow, target: float64(c.Start)}
	s.setting = Setting{Bitrate: c.Start, Divider: 1, Scale: 1}
	s.encoder.init()
	s.ladder.init()
	return s
}

// SetConfig changes the configuration; what is known of the paths stays.
func (s *Stream) SetConfig(c StreamConfig) { s.config = boundedConfig(c) }

// boundedConfig makes the best of a configuration that cannot be: Max is what a link or a
// bill bears, and wins.
func boundedConfig(c StreamConfig) StreamConfig {
	const least, most = 1000, 1_000_000_000
	if c.Max <= 0 {
		c.Max = max(c.Start, c.Min)
	}
	c.Max = min(max(c.Max, least), most)
	c.Min = min(max(c.Min, least), c.Max)
	if c.Start <= 0 {
		c.Start = c.Max / 2
	}
	c.Start = min(max(c.Start, c.Min), c.Max)
	switch c.Policy {
	case ProtectAll, BestForMost:
	default:
		c.Policy = ProtectPrimary
	}
	return c
}

// Step takes the state of the encoder and of all the paths that there are now, about
// every Interval.
func (s *Stream) Step(e EncoderState, states []PathState) Decision {
	dt, whole := s.clock.step(e, states)
	now := s.clock.now
	coding := !s.setting.Skip && !s.setting.AudioOnly
	s.encoder.observe(e, now, dt, whole, coding, s.config.Max)

	s.match(states)
	for i, p := range s.given {
		if p != nil && p.first == i {
			p.observe(s, states[i], dt, e, coding && whole)
		}
	}
	if s.uplinks.observe(s.paths, now) {
		s.uplinks.group(s.paths)
	}

	c := s.choose(dt)
	if c.path != nil {
		c.video = min(c.video, s.uplinks.share(s.paths, c.path, s))
	}
	s.keys(c)
	s.shed(c, dt)
	s.set(c, dt, now, len(states) > 0)
	s.uplinks.pass(s.paths, s.decider, now)
	return s.decision(states)
}

// set makes the setting of what was chosen.
func (s *Stream) set(c choice, dt, now time.Duration, hasPaths bool) {
	video := s.wanted(c, dt, hasPaths)
	if s.config.Fixed {
		s.ladder.init()
	} else {
		before := s.ladder.step
		s.ladder.advance(dt, rung{
			video: video, min: float64(s.config.Min), max: float64(s.config.Max), floors: s.encoder.floors.least,
			congested: c.path != nil && (c.path.congested() || c.path.advice.Skip),
			clean:     c.path == nil || c.path.clean(),
			silent:    s.encoder.silent(),
			frozen:    c.path != nil && c.path.advice.Reason == Outage,
		})
		if s.ladder.step != before {
			s.encoder.stepped()
		}
		if s.ladder.step != before && (before >= halfSize || s.ladder.step == halfSize) {
			s.wantKey = true // another track, or the first picture after none
		}
	}
	floor := s.ladder.floor(float64(s.config.Min))
	video = min(max(video, floor), float64(s.config.Max))
	s.target = min(max(s.target, floor), float64(s.config.Max))
	switch {
	case video < s.target*downFrom, video >= s.target*upFrom, video >= float64(s.config.Max),
		video > s.target/downFrom && now-s.raised >= upAfter:
		if video != s.target {
			s.target, s.raised = video, now
		}
	}

	skip := c.path != nil && c.path.advice.Skip && !s.config.Fixed
	if !skip {
		s.skipped = 0
	} else {
		s.skipped += dt
	}
	if s.wantKey && now-s.keyAt >= keySpacing {
		s.wantKey, s.keyAt = false, now
		s.setting.Key++
		s.encoder.unsettled(now + codedSpan) // key pictures asked for come on top
	}
	s.setting.Bitrate = int(s.encoder.command(s.target, floor, float64(s.config.Max)))
	if s.config.Fixed {
		s.setting.Bitrate = s.config.Max
	}
	s.setting.Divider, s.setting.Scale, s.setting.AudioOnly = s.ladder.actions()
	s.setting.Skip = skip && s.skipped <= maxSkip
	s.encoder.floors.at(s.ladder.step, now)
	s.encoder.commanded(float64(s.setting.Bitrate), s.target, now)
}

// wanted is the video bit rate that the choice comes to.
func (s *Stream) wanted(c choice, dt time.Duration, hasPaths bool) float64 {
	if s.config.Fixed {
		return float64(s.config.Max)
	}
	if c.path != nil {
		s.alone = 0
		return c.video
	}
	s.alone += dt
	switch {
	case !hasPaths && s.alone >= noPaths:
		return float64(s.config.Max)
	case hasPaths && s.alone >= aloneHold:
		return float64(s.config.Start)
	}
	return s.target
}

// keys asks for a key picture where the deciding path has lost something for good.
func (s *Stream) keys(c choice) {
	for _, p := range s.paths {
		if p.advice.Key != p.key && p == c.path {
			s.wantKey = true
		}
		p.key = p.advice.Key
	}
}

func (s *Stream) decision(states []PathState) Decision {
	d := Decision{Setting: s.setting, Reason: Starting, Paths: make([]PathDecision, len(states))}
	switch {
	case s.decider != nil:
		d.Decider, d.Reason = s.decider.name, s.reason(s.decider)
	case s.target >= float64(s.config.Max):
		d.Reason = AtMax
	}
	if s.encoder.inert {
		d.Reason = Inert
	}
	for i, p := range s.given {
		d.Paths[i] = PathDecision{Name: states[i].Name, Advice: Advice{Reason: Starting}}
		if p == nil {
			continue
		}
		d.Paths[i].Advice = p.paced(s)
		d.Paths[i].Advice.Reason = s.reason(p)
		d.Paths[i].Shed = p.shedding.state != following
		d.Paths[i].Pause = p.shedding.state == paused
		d.Paths[i].Shares = p.shares
	}
	return d
}

// reason is the law's, but that a path waits only while another one probes: the
// turns go round all the same.
func (s *Stream) reason(p *path) Reason {
	if p.advice.Reason != Waiting {
		return p.advice.Reason
	}
	for _, other := range s.paths {
		if r := other.advice.Reason; other != p && (r == Probing || r == NearLimit) && s.uplinks.together(p, other) {
			return Waiting
		}
	}
	return Steady
}
