package rate

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"
)

// bad checks what must hold of any decision.
func bad(c StreamConfig, states []PathState, d Decision) error {
	b, s := boundedConfig(c), d.Setting
	least := int(float64(b.Min) * halfSizeNeeds / mostGain)
	switch {
	case s.Bitrate < least || s.Bitrate > b.Max:
		return fmt.Errorf("bit rate %d, not %d…%d", s.Bitrate, least, b.Max)
	case s.Divider != 1 && s.Divider != 2, s.Scale != 1 && s.Scale != 2:
		return fmt.Errorf("divider %d, scale %d", s.Divider, s.Scale)
	case b.Fixed && (s.Bitrate != b.Max || s.AudioOnly || s.Skip || s.Divider != 1 || s.Scale != 1):
		return fmt.Errorf("fixed, but %+v", s)
	case len(d.Paths) != len(states):
		return fmt.Errorf("%d paths for %d states", len(d.Paths), len(states))
	}
	connected := d.Decider == ""
	for i, p := range d.Paths {
		connected = connected || (p.Name == d.Decider && states[i].Connection != 0)
		if p.Name != states[i].Name || (p.Pause && !p.Shed) || p.Advice.Target < 0 || p.Advice.Pace < 0 {
			return fmt.Errorf("path %q: %+v", states[i].Name, p)
		}
	}
	if !connected {
		return fmt.Errorf("%q decides, which is not connected", d.Decider)
	}
	return nil
}

func (g *stage) mustBeGood(t *testing.T, c StreamConfig) {
	g.each = func(d Decision) {
		if err := bad(c, g.states, d); err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
}

// The samples' clock steps: holds neither end at once nor last for ever.
func TestClockSteps(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, 24 * time.Hour, 10 * time.Second, -time.Second, math.MaxInt64 - 2*time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			g := newStage(testConfig, 2)
			g.mustBeGood(t, testConfig)
			g.puppets[0].says(3_000_000, Steady, 0)
			g.puppets[1].says(900_000, Queueing, time.Second)
			g.run(3 * time.Second)
			g.puppets[1].says(900_000, Steady, 0)
			g.puppets[1].advice.Estimate = 9_000_000
			g.run(2 * time.Second)
			g.state.At += by
			if d := g.step(); !d.Paths[1].Shed {
				t.Error("the step ended a hold")
			}
			took := g.until(10*time.Second, func(d Decision) bool { return !d.Paths[1].Shed })
			if took > 3*time.Second {
				t.Errorf("it came back %v after the step", took)
			}
			if r := g.encoder.output; r > 10_000_000 {
				t.Errorf("the encoder seems to put out %.0f", r)
			}
		})
	}
}

func TestCountersJump(t *testing.T) {
	for _, c := range []struct {
		name string
		jump func(*stage)
	}{
		{"the encoder's to nothing", func(g *stage) { g.state.Video, g.state.Audio = 0, 0 }},
		{"the encoder's to the most", func(g *stage) { g.state.Video, g.state.Audio = math.MaxUint64-1<<30, math.MaxUint64-1<<30 }},
		{"sound's alone", func(g *stage) { g.state.Audio += 1 << 40 }},
		{"the path's to nothing", func(g *stage) { g.states[0].Sample.Written = 0 }},
		{"the path's to the most", func(g *stage) { g.states[0].Sample.Written = math.MaxUint64 - 1<<30 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(testConfig, 1)
			g.mustBeGood(t, testConfig)
			g.run(10 * time.Second)
			c.jump(g)
			g.run(10 * time.Second)
			if r := g.paths[0].overhead.ratio; math.Abs(r-g.over) > .01 {
				t.Errorf("overhead %.3f", r)
			}
			if a := g.encoder.audio(); math.Abs(a-g.sound) > 2000 {
				t.Errorf("sound %.0f", a)
			}
			if g.encoder.applied != 1 || g.encoder.inert {
				t.Errorf("gain %.2f, inert %v", g.encoder.applied, g.encoder.inert)
			}
		})
	}
}

func TestManyPaths(t *testing.T) {
	g := newStage(with(ProtectAll), maxPaths+6)
	g.mustBeGood(t, with(ProtectAll))
	d := g.run(2 * time.Second)
	if len(g.puppets) != maxPaths || len(g.paths) != maxPaths {
		t.Errorf("%d controllers, %d paths", len(g.puppets), len(g.paths))
	}
	if p := d.Paths[maxPaths+1]; p.Shed || p.Pause || p.Advice.Pace != 0 {
		t.Errorf("one too many is hindered: %+v", p)
	}
	// Others come and go: those that are not there any more make room.
	for round := range 5 {
		for i := range g.states {
			g.states[i].Name = fmt.Sprint("r", round, "p", i)
		}
		g.run(time.Second)
	}
	if len(g.paths) != maxPaths || g.find("r4p3", 0) == nil {
		t.Errorf("%d paths", len(g.paths))
	}
}

func TestPathIsForgottenAfterLong(t *testing.T) {
	g := newStage(testConfig, 2)
	g.run(time.Second)
	both := g.states
	g.states = both[:1]
	g.run(time.Minute)
	g.states = both
	g.run(time.Second)
	if len(g.puppets) != 2 {
		t.Error("forgotten after a minute")
	}
	g.states = both[:1]
	g.run(forgetAfter + time.Second)
	if len(g.paths) != 1 {
		t.Errorf("%d paths", len(g.paths))
	}
	g.states = both
	g.run(time.Second)
	if len(g.puppets) != 3 || g.uplinks.used[2] {
		t.Errorf("%d controllers", len(g.puppets))
	}
}

func TestSameNameTwice(t *testing.T) {
	g := newStage(testConfig, 3)
	g.states[2].Name = "p1"
	g.mustBeGood(t, testConfig)
	g.run(time.Second)
	if d := g.last; len(g.paths) != 3 || d.Paths[2].Advice.Target != d.Paths[1].Advice.Target {
		t.Errorf("%d paths, %+v", len(g.paths), d.Paths)
	}
}

func TestNoSamplesAtAll(t *testing.T) {
	s := NewStream(testConfig)
	for range 500 {
		d := s.Step(EncoderState{}, []PathState{{Name: "a", Connection: 1}, {}})
		if err := bad(testConfig, []PathState{{Name: "a", Connection: 1}, {}}, d); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzStream has random states, and a config that changes, make decisions within
// bounds.
func FuzzStream(f *testing.F) {
	f.Add([]byte{}, int64(300_000), int64(6_000_000), uint8(0))
	f.Add([]byte("p0p1p2p3 some paths of an encoder, with bytes for what they say"), int64(5), int64(-1), uint8(1))
	f.Add([]byte{0xff, 1, 2, 3, 0xfe, 9, 0x80, 7, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0xff, 0xff, 0xff}, int64(1)<<62, int64(1), uint8(6))
	f.Fuzz(func(t *testing.T, data []byte, least, most int64, mode uint8) {
		policies := []Policy{ProtectPrimary, ProtectAll, BestForMost, "none"}
		c := StreamConfig{Min: int(least), Start: int(least/2 + most/2), Max: int(most), Policy: policies[mode%4], Fixed: mode&8 != 0}
		var puppets []*puppet
		s := NewStream(c)
		if mode&16 == 0 {
			s = newStream(c, func(l Limits) follower {
				p := &puppet{limits: l}
				puppets = append(puppets, p)
				return p
			})
		}
		next := func() uint64 {
			var b [8]byte
			n := copy(b[:], data)
			data = data[min(n, 3):]
			return binary.LittleEndian.Uint64(b[:])
		}
		reasons := []Reason{Steady, Queueing, TooOld, Dropping, Outage, Limited, Waiting, Restarting, ""}
		e := EncoderState{At: time.Hour}
		states := make([]PathState, 1+int(mode>>5))
		for i := range states {
			states[i] = PathState{Name: fmt.Sprint("p", i), Connection: 1}
		}
		for round := 0; len(data) > 0 && round < 200; round++ {
			x := next()
			e.At += time.Duration(x&0xff) * time.Millisecond
			e.Video += x >> 8 & 0xffff
			e.Audio += x >> 24 & 0xfff
			if x&0x7000 == 0x7000 {
				e.At, e.Video = time.Duration(next()), next()
			}
			p := &states[x%uint64(len(states))]
			p.Connection, p.Primary = x>>10&3, x>>12&3 == 0
			p.Sample.At = e.At
			p.Sample.Written += x >> 16 & 0xfffff
			p.Sample.Outstanding = next() & 0xfffff
			p.Sample.Dropped += x >> 3 & 7
			p.Sample.Budget = time.Duration(next())
			p.Name = fmt.Sprint("p", x>>5&7)
			for i, q := range puppets {
				q.advice = Advice{Target: int(next()), Estimate: int(next() & 0xffffff), Queue: time.Duration(next() & 0xffffffffff), Skip: x&1 == 0, Key: x, Reason: reasons[(x+uint64(i))%uint64(len(reasons))]}
			}
			if x&0x3f00 == 0x300 {
				c.Max = int(next())
				s.SetConfig(c)
			}
			repeat := 1 + int(x>>40&0x1f)
			for range repeat {
				e.At += Interval
				d := s.Step(e, states)
				if err := bad(c, states, d); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestStepDoesNotAllocate(t *testing.T) {
	n := newNetwork(testConfig, 4e6, 3e6, 2e6)
	n.run(20 * time.Second)
	states := make([]PathState, len(n.paths))
	for i, p := range n.paths {
		states[i] = PathState{Name: p.name, Primary: i == 0, Connection: 1, Sample: Sample{
			Written: uint64(p.written), RTT: p.delay, MinRTT: p.delay, Budget: p.budget}}
	}
	e := n.state
	allocs := testing.AllocsPerRun(1000, func() {
		e.At += Interval
		e.Video += 5000
		for i := range states {
			states[i].Sample.At = e.At
			states[i].Sample.Written += 5300
		}
		n.stream.Step(e, states)
	})
	if allocs > 1 {
		t.Errorf("%.1f allocations a step, want 1: the decision's paths", allocs)
	}
}

func BenchmarkStream(b *testing.B) {
	laws := map[string]func(Limits) follower{
		"law":  func(l Limits) follower { return New(l) },
		"none": func(l Limits) follower { return &puppet{advice: Advice{Target: l.Start, Reason: Steady}} },
	}
	for name, follow := range laws {
		for _, paths := range []int{1, 8, maxPaths} {
			b.Run(fmt.Sprint(name, "/", paths), func(b *testing.B) { benchmarkStream(b, paths, follow) })
		}
	}
}

func benchmarkStream(b *testing.B, paths int, follow func(Limits) follower) {
	states := make([]PathState, paths)
	for i := range states {
		states[i] = PathState{
			Name: fmt.Sprint("destination", i), Primary: i == 0, Connection: 1,
			Sample: Sample{RTT: 20 * time.Millisecond, MinRTT: 20 * time.Millisecond, Budget: 2 * time.Second},
		}
	}
	s := newStream(testConfig, follow)
	e := EncoderState{At: time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		e.At += Interval
		e.Video += 10_000
		e.Audio += 320
		for i := range states {
			states[i].Sample.At = e.At
			states[i].Sample.Written += 10_900
		}
		s.Step(e, states)
	}
}
