package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/score"
)

// transport is a connection: both ends of it.
type transport interface {
	// write gives it a picture, or the sound of one that was left out.
	write(frame, size int)
	sample() rate.Sample
	// connection is another number for each connection; 0: there is none now, and a
	// sample means nothing.
	connection() uint64
	setPace(bitrate float64)
	// flush drops what waits before it.
	flush()
}

// queued is a transport with a queue of the program's own before it.
type queued interface{ ownQueue() law.OwnQueue }

// sound is that of a picture's time, in bytes.
const sound = audio / 30 / 8

// sender is an encoder, its destinations, and what sets its bit rate.
type sender struct {
	clock   *clock
	encoder *encoder
	decide  decider
	to      []*destination
	from    time.Duration

	number  int // of the picture
	setting rate.Setting
	needs   bool // a key picture
}

// decider sets the bit rate.
type decider interface {
	step(s *sender) rate.Setting
}

// destination is a connection and what became of the pictures that it was given.
type destination struct {
	transport transport
	frames    *frames
	number    uint64 // of the connection that the law knows of
	advice    rate.Advice
	shed      bool // as advised
	shedding  bool // as done: from a key picture on, to a key picture
	pause     bool
	points    []score.Point
	wait      time.Duration // of its last packet in the link
	waits     []time.Duration
}

// start has the sender run from a moment on.
func (s *sender) start() {
	s.clock.every(s.from, Picture, s.picture)
	s.clock.every(s.from, rate.Interval, s.step)
}

// picture is the camera's.
func (s *sender) picture() {
	s.number++
	size, key := 0, false
	if !s.setting.Skip && !s.setting.AudioOnly && s.number%max(1, s.setting.Divider) == 0 {
		size, key = s.encoder.frame(s.needs)
		s.needs = false
	}
	for _, d := range s.to {
		d.give(s.clock.now, size, key)
	}
}

// give gives a destination a picture; size 0: it was not coded.
func (d *destination) give(now time.Duration, size int, key bool) {
	if key {
		d.shedding = d.shed
	}
	if d.shedding || d.pause {
		size = 0
	}
	n := d.frames.next(now)
	f := &d.frames.all[n]
	f.Skipped, f.Key = size == 0, key && size > 0
	if d.pause {
		return
	}
	f.Bytes = size + sound
	d.transport.write(n, f.Bytes)
}

// step has the bit rate decided.
func (s *sender) step() {
	set := s.decide.step(s)
	if set.Key > s.setting.Key || set.Scale != s.setting.Scale && s.setting.Scale != 0 {
		s.needs = true
	}
	s.setting = set
	s.encoder.set(float64(set.Bitrate))
	for _, d := range s.to {
		a := d.advice
		d.points = append(d.points, score.Point{
			At: s.clock.now, Target: set.Bitrate + audio, Acked: a.Acked, Estimate: a.Estimate, Encoded: d.coded(),
			Queue: a.Queue, Wait: d.wait, Reason: string(a.Reason),
		})
	}
}

// follow does what was advised for a destination. Whether a key picture is needed is
// for the caller.
func (d *destination) follow(a rate.Advice) (flushed bool) {
	if flushed = a.Flush > d.advice.Flush; flushed {
		d.transport.flush()
	}
	if a.Pace != d.advice.Pace {
		d.transport.setPace(float64(a.Pace))
	}
	d.advice = a
	return flushed
}

// connected tells a law of another connection of its path. The encoder begins it with a
// key picture, as the next one does that it would have in any case.
func (d *destination) connected(l rate.Law, number uint64) {
	if law, ok := l.(interface{ Reconnected() }); ok && d.number != 0 && d.number != number {
		law.Reconnected()
	}
	d.number = number
}

// coded is the bit rate of the last half second.
func (d *destination) coded() int {
	const pictures = 15
	sum := 0
	for _, f := range d.frames.all[max(0, len(d.frames.all)-pictures):] {
		sum += f.Bytes
	}
	return int(float64(sum) * 8 / (pictures * Picture.Seconds()))
}

// laws is a law for each destination; the lowest target is the encoder's.
type laws []rate.Law

func (l laws) step(s *sender) rate.Setting {
	set := rate.Setting{Key: s.setting.Key, Divider: 1, Scale: 1}
	for i, d := range s.to {
		if w, ok := l[i].(law.QueueWatcher); ok {
			if q, ok := d.transport.(queued); ok {
				w.Watch(q.ownQueue())
			}
		}
		before, a := d.advice.Key, d.advice
		if n := d.transport.connection(); n != 0 {
			d.connected(l[i], n)
			a = l[i].Step(d.transport.sample())
		}
		if flushed := d.follow(a); flushed || a.Key > before {
			set.Key = s.setting.Key + 1
		}
		if set.Bitrate == 0 || a.Target-audio < set.Bitrate {
			set.Bitrate = a.Target - audio
		}
		set.Skip = set.Skip || a.Skip
	}
	return set
}

// product is the product's decision over several destinations.
type product struct {
	stream         *rate.Stream
	video, sound   uint64 // bytes coded
	pictures, seen uint64
}

func newProduct(l rate.Limits) *product {
	return &product{stream: rate.NewStream(rate.StreamConfig{
		Min: l.Min - audio, Start: l.Start - audio, Max: l.Max - audio, Policy: rate.ProtectPrimary,
	})}
}

func (p *product) step(s *sender) rate.Setting {
	var states []rate.PathState
	for i, d := range s.to {
		states = append(states, rate.PathState{
			Name: string(rune('a' + i)), Primary: i == 0, Connection: d.transport.connection(), Sample: d.transport.sample(),
		})
	}
	all := s.to[0].frames.all
	for ; p.seen < uint64(len(all)); p.seen++ {
		f := all[p.seen]
		p.sound += sound
		if !f.Skipped {
			p.video += uint64(f.Bytes - sound)
			p.pictures++
		}
	}
	decision := p.stream.Step(rate.EncoderState{At: s.clock.now, Video: p.video, Audio: p.sound, Pictures: p.pictures}, states)
	for i, path := range decision.Paths {
		d := s.to[i]
		d.follow(path.Advice)
		d.shed, d.pause = path.Shed, path.Pause
	}
	return decision.Setting
}
