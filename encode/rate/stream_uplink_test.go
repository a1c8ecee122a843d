package rate

import (
	"testing"
	"time"
)

// pulses has each path's round trip take longer at times: by the given height at the given
// times after each period's begin, for a second.
func (g *stage) pulses(n int, period time.Duration, of func(round, path int) (after, height time.Duration)) {
	from := g.state.At
	for g.state.At-from < time.Duration(n)*period {
		round := int((g.state.At - from) / period)
		at := (g.state.At - from) % period
		for i := range g.states {
			after, height := of(round, i)
			queue := time.Duration(0)
			if height > 0 && at >= after && at < after+time.Second {
				queue = min(height, (at-after)/2+20*time.Millisecond)
			}
			g.trips(i, queue)
		}
		g.step()
	}
}

// trips has a path's round trip take so long beyond its least. No two measurements are
// the same.
func (g *stage) trips(i int, excess time.Duration) {
	s := &g.states[i].Sample
	s.RTT, s.Outstanding = time.Duration(20+10*i)*time.Millisecond+excess+g.state.At/Interval%2*time.Microsecond, 5000
}

func TestSharedUplinkIsNoticed(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		rounds int
		of     func(round, path int) (after, height time.Duration)
		want   bool
	}{
		{"together", 3, func(int, int) (time.Duration, time.Duration) { return 0, 120 * ms }, true},
		{"one told later", 3, func(_, p int) (time.Duration, time.Duration) { return time.Duration(p) * 100 * ms, 120 * ms }, true},
		{"together, but for a moment", 1, func(int, int) (time.Duration, time.Duration) { return 600 * ms, 120 * ms }, false},
		{"half a second apart", 9, func(_, p int) (time.Duration, time.Duration) { return time.Duration(p) * 500 * ms, 120 * ms }, false},
		{"one alone", 9, func(_, p int) (time.Duration, time.Duration) { return 0, 120 * ms * time.Duration(p) }, false},
		{"by chance, now and then", 12, func(r, p int) (time.Duration, time.Duration) {
			return time.Duration(r*p%3) * time.Second, 120 * ms
		}, false},
		{"one as high as two thirds of the other", 9, func(_, p int) (time.Duration, time.Duration) { return 0, 120*ms + 60*ms*time.Duration(p) }, false},
		{"too little to tell", 9, func(int, int) (time.Duration, time.Duration) { return 0, 30 * ms }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(testConfig, 2)
			g.pulses(1, time.Second, func(int, int) (time.Duration, time.Duration) { return 0, 0 })
			period := 4 * time.Second
			if c.rounds == 1 {
				period = time.Second
			}
			g.pulses(c.rounds, period, c.of)
			d := g.last
			if got := len(d.Paths[0].Shares) > 0; got != c.want {
				t.Errorf("noticed %v: %+v, shares %v", got, *g.uplinks.pair(g.paths[0], g.paths[1]), d.Paths[0].Shares)
			}
			if c.want && (d.Paths[0].Shares[0] != "p1" || d.Paths[1].Shares[0] != "p0") {
				t.Errorf("shares %v, %v", d.Paths[0].Shares, d.Paths[1].Shares)
			}
		})
	}
}

func TestSharedUplinkIsGivenUp(t *testing.T) {
	g := newStage(testConfig, 2)
	g.run(time.Second)
	g.pulses(6, 4*time.Second, func(int, int) (time.Duration, time.Duration) { return 0, 120 * time.Millisecond })
	if len(g.last.Paths[0].Shares) == 0 {
		t.Fatal("not noticed")
	}
	g.pulses(6, 4*time.Second, func(_, p int) (time.Duration, time.Duration) {
		return 0, 120 * time.Millisecond * time.Duration(p)
	})
	if d := g.run(time.Second); len(d.Paths[0].Shares) > 0 || !g.puppets[0].probe || !g.puppets[1].probe {
		t.Errorf("shares %v, may probe %v %v", d.Paths[0].Shares, g.puppets[0].probe, g.puppets[1].probe)
	}
}

// Of four paths of one uplink one probes at a time, each in turn, the one that
// decides most often; a fifth does as it likes.
func TestOneProbesAtATime(t *testing.T) {
	g := newStage(testConfig, 5)
	g.run(time.Second)
	g.pulses(6, 4*time.Second, func(r, p int) (time.Duration, time.Duration) {
		if p == 4 {
			return time.Duration(1+r%2) * time.Second, 120 * time.Millisecond
		}
		return 0, 120 * time.Millisecond
	})
	if d := g.last; len(d.Paths[0].Shares) != 3 || len(d.Paths[4].Shares) != 0 {
		t.Fatalf("shares %v, %v", d.Paths[0].Shares, d.Paths[4].Shares)
	}
	turns := [5]time.Duration{}
	g.each = func(Decision) {
		probing := 0
		for i, p := range g.puppets {
			if p.probe {
				turns[i] += Interval
				if i < 4 {
					probing++
				}
			}
		}
		if probing != 1 {
			t.Fatalf("%d probe", probing)
		}
	}
	g.run(time.Minute)
	for i, want := range [5]time.Duration{30, 10, 10, 10, 60} {
		if d := turns[i] - want*time.Second; d > 2*time.Second || d < -2*time.Second {
			t.Errorf("p%d probes for %v of a minute", i, turns[i])
		}
	}
	// No path that cannot use it has a turn.
	g.puppets[0].advice.Target = g.puppets[0].limits.Max
	g.states[1].Connection = 0
	g.run(2 * time.Second)
	turns = [5]time.Duration{}
	g.run(time.Minute)
	if turns[0] != 0 || turns[1] != 0 || turns[2] < 28*time.Second {
		t.Errorf("turns %v", turns)
	}
}

// Together the paths of one uplink are not given more than they want together.
func TestSharedBudget(t *testing.T) {
	g := newStage(testConfig, 2)
	g.run(time.Second)
	g.pulses(6, 4*time.Second, func(int, int) (time.Duration, time.Duration) { return 0, 120 * time.Millisecond })
	g.puppets[0].says(3_000_000, Steady, 0)
	g.puppets[1].says(2_000_000, Steady, 0)
	if d := g.run(5 * time.Second); d.Setting.Bitrate < 2_450_000 || d.Setting.Bitrate > 2_510_000 {
		t.Errorf("3 and 2 Mb/s give %d", d.Setting.Bitrate)
	}
}

// A destination on the uplink of the one that decides sheds late, since the encoder goes
// down for both, and takes its part of the uplink when it is back.
func TestSharedDestinationIsNotLeftOut(t *testing.T) {
	together := func(int, int) (time.Duration, time.Duration) { return 0, 120 * time.Millisecond }
	g := newStage(testConfig, 2)
	g.run(time.Second)
	g.pulses(3, 4*time.Second, together)
	g.puppets[0].says(3_000_000, Steady, 0)
	g.puppets[1].says(900_000, Queueing, time.Second)
	if d := g.run(5 * time.Second); d.Paths[1].Shed || d.Setting.Bitrate > 2_000_000 {
		t.Fatalf("shed %v, at %d", d.Paths[1].Shed, d.Setting.Bitrate)
	}
	if d := g.run(5 * time.Second); !d.Paths[1].Shed || d.Setting.Bitrate < 2_900_000 {
		t.Fatalf("what does not help is kept up: shed %v, at %d", d.Paths[1].Shed, d.Setting.Bitrate)
	}
	g.puppets[1].says(900_000, Steady, 0)
	if took := g.until(10*time.Second, func(d Decision) bool { return !d.Paths[1].Shed }); took > leastShedHold+time.Second {
		t.Errorf("back after %v", took)
	}
	if d := g.run(2 * time.Second); d.Paths[1].Shed || d.Setting.Bitrate > 1_550_000 {
		t.Errorf("back: shed %v, at %d", d.Paths[1].Shed, d.Setting.Bitrate)
	}
}

// The whole of it: two paths through one queue, and through one each.
func TestTwoPathsOnOneUplinkOrTwo(t *testing.T) {
	n := newNetwork(testConfig, 5e6)
	n.add("p1", n.links[0])
	down := func(l *testLink, to float64) {
		before := l.capacity
		l.capacity = to
		n.run(2 * time.Second)
		l.capacity = before
		n.run(12 * time.Second)
	}
	n.run(10 * time.Second)
	for range 6 {
		down(n.links[0], 2e6)
	}
	if d := n.decision; len(d.Paths[0].Shares) != 1 || len(d.Paths[1].Shares) != 1 {
		t.Errorf("one uplink: shares %v, %v", d.Paths[0].Shares, d.Paths[1].Shares)
	}
	n.run(30 * time.Second)
	rate := n.mean(20*time.Second, bitrate)
	if rate < 1_500_000 || rate > 2_400_000 {
		t.Errorf("one uplink of 5 Mb/s for two: %.0f each", rate)
	}

	n = newNetwork(with(ProtectAll), 4e6, 5e6)
	n.run(10 * time.Second)
	for range 5 {
		down(n.links[0], 1e6)
		down(n.links[1], 1e6)
	}
	if d := n.decision; len(d.Paths[0].Shares) != 0 {
		t.Errorf("two uplinks: shares %v", d.Paths[0].Shares)
	}
}

// The product's law behind a link that becomes too narrow for both: it is noticed, and
// neither is left without pictures for long.
func TestANarrowUplinkOfTwo(t *testing.T) {
	n := newNetwork(testConfig, 20e6).lawful()
	n.add("p1", n.links[0])
	n.run(20 * time.Second)
	n.links[0].capacity = 6e6
	n.run(10 * time.Second)
	if d := n.decision; len(d.Paths[0].Shares) != 1 || len(d.Paths[1].Shares) != 1 {
		t.Errorf("shares %v, %v", d.Paths[0].Shares, d.Paths[1].Shares)
	}
	without := n.mean(30*time.Second, func(d Decision) float64 { return map[bool]float64{true: 1}[d.Paths[0].Shed || d.Paths[1].Shed] })
	if rate := n.mean(20*time.Second, bitrate); without > .1 || rate < 1_700_000 || rate > 2_850_000 {
		t.Errorf("without pictures for %.2f of the time, then %.0f each of 6 Mb/s", without, rate)
	}
}
