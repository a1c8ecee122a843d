package rate

import (
	"cmp"
	"fmt"
	"time"
)

// puppet is a follower that says what a test wants it to.
type puppet struct {
	advice     Advice
	limits     Limits
	probe      bool
	reconnects int
}

func (p *puppet) Step(Sample) Advice {
	a := p.advice
	a.Pace = cmp.Or(a.Pace, a.Target*3/2)
	return a
}
func (p *puppet) SetLimits(l Limits) { p.limits = l }
func (p *puppet) MayProbe(may bool)  { p.probe = may }
func (p *puppet) Reconnected()       { p.reconnects++ }

// says has the path want a video bit rate, with the usual overhead and sound.
func (p *puppet) says(video int, why Reason, queue time.Duration) {
	p.advice.Target = int((float64(video) + 128_000) * overheadUnknown)
	p.advice.Reason, p.advice.Queue = why, queue
}

// stage runs a Stream with puppets, and an encoder that obeys.
type stage struct {
	*Stream
	puppets []*puppet // in the order in which the stream made them
	states  []PathState
	state   EncoderState
	gain    float64
	ignores float64 // the bit rate that the encoder stays at; 0: it obeys
	sound   float64
	over    float64 // bytes written for each that was coded
	last    Decision
	each    func(Decision)
}

func newStage(c StreamConfig, paths int) *stage {
	g := &stage{gain: 1, sound: 128_000, over: overheadUnknown}
	g.Stream = newStream(c, func(l Limits) follower {
		p := &puppet{limits: l, probe: true}
		p.says(c.Start, Steady, 0)
		g.puppets = append(g.puppets, p)
		return p
	})
	g.last.Setting = g.setting
	g.state.At = time.Hour
	for i := range paths {
		g.states = append(g.states, PathState{
			Name: fmt.Sprint("p", i), Primary: i == 0, Connection: 1,
			Sample: Sample{Budget: 2 * time.Second},
		})
	}
	g.step()
	return g
}

func (g *stage) step() Decision {
	rate := float64(g.last.Setting.Bitrate) * g.gain
	if g.ignores > 0 {
		rate = g.ignores
	}
	if g.last.Setting.AudioOnly || g.last.Setting.Skip {
		rate = 0
	}
	g.state.At += Interval
	video, audio := uint64(rate/8*Interval.Seconds()), uint64(g.sound/8*Interval.Seconds())
	g.state.Video += video
	g.state.Audio += audio
	for i := range g.states {
		p := &g.states[i].Sample
		p.At = g.state.At
		given := audio
		if i >= len(g.last.Paths) || !g.last.Paths[i].Shed {
			given += video
		}
		p.Written += uint64(float64(given) * g.over)
	}
	g.last = g.Step(g.state, g.states)
	if g.each != nil {
		g.each(g.last)
	}
	return g.last
}

func (g *stage) run(d time.Duration) Decision {
	for end := g.state.At + d; g.state.At < end; {
		g.step()
	}
	return g.last
}

// until runs until it is so; it says how long that took, or most.
func (g *stage) until(most time.Duration, so func(Decision) bool) time.Duration {
	from := g.state.At
	for g.state.At-from < most {
		if so(g.step()) {
			break
		}
	}
	return g.state.At - from
}

var testConfig = StreamConfig{Min: 300_000, Start: 2_000_000, Max: 6_000_000}

func with(p Policy) StreamConfig {
	c := testConfig
	c.Policy = p
	return c
}
