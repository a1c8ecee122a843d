package rate

import "time"

// encoderView is what an encoder is seen to make of what it is told.
type encoderView struct {
	last   EncoderState
	known  bool    // last is one
	output float64 // of video, lately; bits per second
	since  time.Duration

	sound      float64 // bits per second
	soundKnown bool
	quiet      int // seconds without sound

	all codedWindow // any second

	setting   float64       // the command
	reference float64       // a recent one, that the encoder has followed
	settled   time.Duration // when it will have followed the present one
	// while it had: for how long, what it was told and what it made, in bits.
	steady       time.Duration
	elapsed      time.Duration // between the last two counters
	wanted, made float64
	pictures     pictureTime
	floors       encoderFloors
	highest      [2]float64 // targets of this second and the one before
	gain         float64    // output / command
	low          float64    // the last gain under one
	lows         int        // how often in a row about the same
	applied      float64    // the gain that commands are corrected by
	over         int        // seconds far over the target
	under        int        // seconds that were not
	inert        bool
	lag          encoderLag
}

// codedWindow is where a second of coding began.
type codedWindow struct {
	open         bool
	from         time.Duration
	video, audio uint64
}

const (
	soundUnknown = 128_000.
	mostSound    = 2_000_000.
	quietAfter   = 5

	outputSmooth = 300 * time.Millisecond
	codedSpan    = time.Second
	// gainTime is long enough for key pictures to come at their usual share.
	gainTime = 4 * time.Second

	// leastGain and mostGain bound the correction: command = target / gain is 0.5 to
	// 1.2 of the target.
	leastGain, mostGain = 1 / 1.2, 2.
	// staticGain: an output under this share of the command says that the pictures
	// need no more, not that the encoder falls short.
	staticGain = .8
	// An encoder that falls short by the same share so often in a row does so always.
	shortWindows, shortSame = 4, .04
	// gainStep is the least change of the correction: each unsettles the encoder.
	gainStep = .04

	// inertOver and inertGain tell an encoder that does not do as it is told.
	inertOver, inertOverEnd = 1.5, 1.25
	inertGain, inertGainEnd = 1.8, 1.6
	inertWindows            = 3
	inertEnd                = 5

	// newReference is the change of the command that the encoder has to follow anew.
	newReference = .2
)

func (v *encoderView) init() { v.gain, v.applied, v.lag.mean = 1, 1, lagUnknown }

// observe takes the encoder's counters. whole: dt is the true time since the last
// ones; coding: pictures were asked for.
func (v *encoderView) observe(e EncoderState, now, dt time.Duration, whole, coding bool, most int) {
	if e == (EncoderState{}) {
		v.known, v.all.open, v.since = false, false, 0
		v.output = 0
		return
	}
	defer func() { v.last, v.known = e, true }()
	if !v.known || !whole || e.Video < v.last.Video || e.Audio < v.last.Audio {
		v.all.open, v.since = false, 0
		return
	}
	if v.since += dt; v.since <= 0 {
		return
	}
	made := bits(e.Video-v.last.Video, v.since)
	if made > 1000*float64(most) { // no encoder: a counter jumped
		v.all.open, v.since = false, 0
		return
	}
	v.output += (made - v.output) * float64(v.since) / float64(v.since+outputSmooth)
	v.lag.output(v.output, now)
	v.elapsed, v.since = v.since, 0

	if video, audio, ok := v.all.step(e, now); ok {
		v.heard(audio)
		if coding && video < 20*float64(most) {
			v.floors.second(video, max(v.highest[0], v.highest[1]), now, v.inert)
			v.obeyed(video)
		}
		v.highest[1], v.highest[0] = v.highest[0], 0
	}
	if !coding || now < v.settled {
		return
	}
	v.wanted += v.setting * v.elapsed.Seconds()
	v.made += made * v.elapsed.Seconds()
	v.pictures.add(e.Pictures - v.last.Pictures)
	if v.steady += v.elapsed; v.steady >= gainTime {
		present := v.pictures.share(v.steady)
		if v.wanted > 0 {
			g := corrected(v.made/v.wanted, present)
			if v.floors.window(v.wanted/v.steady.Seconds(), g, now, v.inert) {
				v.gained(g)
			}
		}
		v.steady, v.wanted, v.made = 0, 0, 0
	}
}

// corrected is what output / command tells of the encoder where only a share of the
// pictures reached it. Rate controls go by the pictures they get: few pictures and
// few bits are no shortfall. Nor are few pictures and all the bits an excess: it is
// the bits a second that the path has to carry.
func corrected(gain, present float64) float64 {
	if gain >= 1 || present <= 0 {
		return gain
	}
	return min(gain/present, 1)
}

func bits(bytes uint64, in time.Duration) float64 { return float64(bytes) * 8 / in.Seconds() }

// step says what was coded, in bits per second, each time that a second is over.
func (w *codedWindow) step(e EncoderState, now time.Duration) (video, audio float64, ok bool) {
	if w.open && now-w.from < codedSpan {
		return 0, 0, false
	}
	if ok = w.open; ok {
		video, audio = bits(e.Video-w.video, now-w.from), bits(e.Audio-w.audio, now-w.from)
	}
	*w = codedWindow{open: true, from: now, video: e.Video, audio: e.Audio}
	return video, audio, ok
}

// heard takes a second's bit rate of sound.
func (v *encoderView) heard(audio float64) {
	switch {
	case audio > mostSound:
		return
	case audio > 0:
		v.quiet = 0
	case v.quiet < quietAfter:
		v.quiet++
	}
	if !v.soundKnown {
		// The first second of a programme may lack some; do not sink to it.
		v.sound, v.soundKnown = audio, audio > 0 || v.quiet >= 2
		return
	}
	v.sound += (audio - v.sound) * .3
}

// audio is the bit rate of sound.
func (v *encoderView) audio() float64 {
	if !v.soundKnown {
		return soundUnknown
	}
	return v.sound
}

// silent: there is no sound to send instead of pictures.
func (v *encoderView) silent() bool { return v.quiet >= quietAfter }

// gained takes output / command of a time in which the encoder had followed it.
func (v *encoderView) gained(g float64) {
	switch {
	case g < staticGain:
		v.lows = 0
		return
	case g < 1-gainStep/2:
		if d := g - v.low; v.lows > 0 && d < shortSame && d > -shortSame {
			v.lows++
		} else {
			v.low, v.lows = g, 1
		}
		if v.gain <= 1 && v.lows < shortWindows {
			return // may be the pictures
		}
	default:
		v.lows = 0
	}
	g = min(max(g, leastGain), mostGain)
	if g > v.gain {
		v.gain += (g - v.gain) * .7
	} else {
		v.gain += (g - v.gain) * .4
	}
	if d := v.gain/v.applied - 1; d >= gainStep || d <= -gainStep {
		v.applied = v.gain
		if d := v.applied - 1; d < gainStep && d > -gainStep {
			v.applied = 1
		}
	}
}

// obeyed takes a second's bit rate of video, and compares it with what was wanted.
func (v *encoderView) obeyed(video float64) {
	wanted := max(v.highest[0], v.highest[1], v.floors.now())
	switch {
	case wanted <= 0:
		return
	case video > wanted*inertOver:
		v.over, v.under = min(v.over+1, inertWindows), 0
	case video < wanted*inertOverEnd:
		v.over = max(v.over-1, 0)
		v.under = min(v.under+1, inertEnd)
	}
	if v.over >= inertWindows || v.gain >= inertGain {
		v.inert = true
	} else if v.under >= inertEnd && v.gain < inertGainEnd {
		v.inert = false
	}
}

// stepped has what was seen of other pictures not count for those that come now.
func (v *encoderView) stepped() { v.pictures, v.over = pictureTime{}, 0 }

// command is what to tell the encoder so that it puts out target: no more than
// most, since an encoder that falls short now may not do so with other pictures;
// and no less than floor, under which encoders do not go, or pictures are spoilt: an
// encoder that puts out too much even so needs another step of the ladder.
func (v *encoderView) command(target, floor, most float64) float64 {
	return min(max(target/v.applied, floor), most)
}

// commanded notes what the encoder was told, and what for.
func (v *encoderView) commanded(command, target float64, now time.Duration) {
	v.highest[0] = max(v.highest[0], target)
	before := v.setting
	v.setting = command
	if command < v.reference*(1+newReference) && command > v.reference*(1-newReference) {
		return
	}
	v.lag.told(max(before, v.reference)*v.applied, command*v.applied, now)
	v.reference = command
	v.unsettled(now + v.lag.mean + outputSmooth)
}

// unsettled has what is made until then not count as what the encoder makes of its
// command.
func (v *encoderView) unsettled(until time.Duration) { v.settled = max(v.settled, until) }

// encoderLag measures how long an encoder takes to follow a cut.
type encoderLag struct {
	mean    time.Duration
	from    time.Duration
	below   float64 // the output that counts as having followed
	waiting bool
}

const (
	lagUnknown        = 300 * time.Millisecond
	leastLag, mostLag = 40 * time.Millisecond, 3 * time.Second
	lagReached        = 1.15
)

func (l *encoderLag) told(before, after float64, now time.Duration) {
	l.waiting = after < before*(1-newReference)
	l.from, l.below = now, after*lagReached
}

func (l *encoderLag) output(rate float64, now time.Duration) {
	if !l.waiting {
		return
	}
	took := now - l.from
	if rate > l.below && took < mostLag {
		return
	}
	l.waiting = false
	l.mean += (min(max(took, leastLag), mostLag) - l.mean) / 4
}
