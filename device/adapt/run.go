package adapt

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/rate"
)

// How often what is decided is shown.
const (
	pointInterval  = 200 * time.Millisecond
	statusInterval = 250 * time.Millisecond
)

// The steps below the least bit rate, and above.
const (
	stepFull      = "full"
	stepHalfRate  = "half-rate"
	stepHalfSize  = "half-size"
	stepAudioOnly = "audio-only"
)

func stepOf(s rate.Setting) string {
	switch {
	case s.AudioOnly:
		return stepAudioOnly
	case s.Scale > 1:
		return stepHalfSize
	case s.Divider > 1:
		return stepHalfRate
	}
	return stepFull
}

// decider is a rate.Stream.
type decider interface {
	SetConfig(rate.StreamConfig)
	Step(rate.EncoderState, []rate.PathState) rate.Decision
}

// run is one Run of a Loop: all of it belongs to its goroutine.
type run struct {
	loop    *Loop
	config  Config
	stream  decider
	members []*member
	states  []rate.PathState
	video   meter
	coded   time.Duration // when the encoder last had a state
	idle    bool          // nothing is encoded here

	last     rate.Decision
	changes  changes
	log      logLimit
	point    time.Duration // when the next is due
	shown    time.Duration // when status is due
	reported *status.Rate  // as it was last
	sinceAt  time.Duration // what its Since was made of
}

func newRun(l *Loop) *run {
	c, _, _ := l.now()
	r := &run{loop: l, config: c, stream: l.decide(c.StreamConfig), idle: true}
	r.coded = time.Since(l.began)
	return r
}

// tick looks, decides and tells, once. It says whether anything is followed.
func (r *run) tick(now time.Duration) (following bool) {
	config, members, encoder := r.loop.now()
	r.follow(config, members)
	state, ok := rate.EncoderState{}, false
	if encoder != nil {
		state, ok = encoder.EncoderState()
	}
	if !ok {
		r.orphan(now)
		return false
	}
	if r.idle {
		r.idle = false
		r.video.reset()
	}
	r.coded = now
	r.video.add(state.At, state.Video)
	following = r.look(now)
	d := r.stream.Step(state, r.states)
	r.tell(encoder, d)
	r.keep(now, d, following)
	return following
}

// follow takes configuration and members as they are now.
func (r *run) follow(c Config, members []*member) {
	if c != r.config {
		r.config = c
		r.stream.SetConfig(c.StreamConfig)
	}
	r.members = members
}

// look reads all paths.
func (r *run) look(now time.Duration) (following bool) {
	r.states = r.states[:0]
	for _, m := range r.members {
		m.look(now, r.loop.opts.Log)
		following = following || m.connection != 0
		if !m.counts(now) {
			continue
		}
		r.states = append(r.states, rate.PathState{
			Name: m.name, Primary: m.name == r.config.Primary, Connection: m.connection, Sample: m.sample,
		})
	}
	return following
}

// tell makes encoder and destinations do what was decided.
func (r *run) tell(e Encoder, d rate.Decision) {
	s := d.Setting
	s.Key = r.loop.key.add(s.Key)
	r.loop.set(e, s)
	for _, m := range r.members {
		at := slices.IndexFunc(d.Paths, func(p rate.PathDecision) bool { return p.Name == m.name })
		if at < 0 {
			m.release(r.loop.opts.Log)
		} else {
			m.follow(d.Paths[at], r.loop.opts.Log)
		}
	}
}

// orphan is a tick without an encoder.
func (r *run) orphan(now time.Duration) {
	if r.idle || now < r.coded+orphaned {
		return
	}
	r.idle = true
	r.release()
	r.report(nil)
}

func (r *run) release() {
	for _, m := range r.members {
		m.release(r.loop.opts.Log)
	}
}

// end lifts all advice, and what has the encoder leave all pictures out: nobody is left
// who could have them come back. A panic in here, or in what decides, comes by, too.
func (r *run) end() {
	r.loop.unskip()
	_, members, _ := r.loop.now()
	r.members = members
	r.release()
	r.report(nil)
}

// keep remembers what was decided, and shows it.
func (r *run) keep(now time.Duration, d rate.Decision, following bool) {
	defer func() { r.last = d }()
	for _, m := range r.members {
		r.outages(now, m)
	}
	pointDue := now >= r.point
	if c, is := r.changes.add(now, d, r.target(d), pointDue); is {
		r.loop.history.change(c)
		r.log.note(c)
	}
	r.log.write(now, r.loop.opts.Log)
	s := summary{decider: d.Decider, code: string(d.Reason), reason: d.Reason.Words(), step: stepOf(d.Setting)}
	r.loop.history.describe(r.config, s)
	if pointDue {
		r.point = next(r.point, now, pointInterval)
		r.loop.history.point(now, r.target(d), r.video.rate(), r.members)
	}
	if !following || now >= r.shown || r.reported == nil {
		r.shown = next(r.shown, now, statusInterval)
		r.show(now, d, s, following)
	}
}

// next is when something is due again that was due at due, and is done now.
func next(due, now, interval time.Duration) time.Duration {
	if due += interval; due <= now || due > now+interval {
		due = now + interval
	}
	return due
}
