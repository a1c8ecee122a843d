package rate

import (
	"testing"
	"time"
)

func TestPolicyDecides(t *testing.T) {
	type said struct {
		video int
		queue time.Duration
	}
	const q = 300 * time.Millisecond
	for _, c := range []struct {
		name    string
		policy  Policy
		paths   []said
		gone    []int // not connected
		decider string
		low     int
		high    int
		shed    string // one letter a path
	}{
		{"one path decides alone", ProtectPrimary, []said{{1_000_000, 0}}, nil, "p0", 990_000, 1_010_000, "-"},
		{"the primary is the slowest", ProtectPrimary, []said{{1_000_000, 0}, {3_000_000, 0}}, nil, "p0", 990_000, 1_010_000, "--"},
		{"the other is slower and queues: it sheds", ProtectPrimary, []said{{3_000_000, 0}, {1_000_000, q}}, nil, "p0", 2_970_000, 3_010_000, "-s"},
		{"the other wants less and has no queue: it goes on", ProtectPrimary, []said{{3_000_000, 0}, {1_000_000, 0}}, nil, "p0", 2_970_000, 3_010_000, "--"},
		{"the other has a queue and wants enough: it goes on", ProtectPrimary, []said{{3_000_000, 0}, {3_000_000, q}}, nil, "p0", 2_970_000, 3_010_000, "--"},
		{"the primary queues: the encoder goes down, nothing sheds", ProtectPrimary, []said{{500_000, q}, {3_000_000, 0}}, nil, "p0", 490_000, 510_000, "--"},
		{"no primary connected: the fastest decides", ProtectPrimary, []said{{1_000_000, 0}, {900_000, q}, {2_500_000, 0}}, []int{0}, "p2", 2_450_000, 2_510_000, "-s-"},
		{"nobody connected: what was stays", ProtectPrimary, []said{{1_000_000, 0}, {900_000, 0}}, []int{0, 1}, "", 2_000_000, 2_000_000, "--"},
		{"the slowest decides", ProtectAll, []said{{3_000_000, 0}, {1_000_000, 0}, {2_000_000, 0}}, nil, "p1", 990_000, 1_010_000, "---"},
		{"the slowest cannot take the least: it sheds", ProtectAll, []said{{3_000_000, 0}, {200_000, q}, {2_000_000, 0}}, nil, "p2", 1_980_000, 2_010_000, "-s-"},
		{"none can take the least: the ladder serves the best", ProtectAll, []said{{100_000, q}, {200_000, q}}, nil, "p1", 180_000, 205_000, "s-"},
		{"two fast ones outweigh a slow one", BestForMost, []said{{1_000_000, q}, {3_000_000, 0}, {3_100_000, 0}}, nil, "p1", 2_970_000, 3_110_000, "s--"},
		{"many slow ones outweigh a fast one", BestForMost, []said{{1_000_000, 0}, {1_050_000, 0}, {1_100_000, 0}, {2_500_000, 0}}, nil, "p0", 990_000, 1_010_000, "----"},
		{"the primary alone outweighs a slow one", BestForMost, []said{{3_000_000, 0}, {1_000_000, q}}, nil, "p0", 2_970_000, 3_010_000, "-s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(with(c.policy), len(c.paths))
			for i, p := range c.paths {
				why := Steady
				if p.queue > 0 {
					why = Queueing
				}
				g.puppets[i].says(p.video, why, p.queue)
				g.puppets[i].advice.Estimate = g.puppets[i].advice.Target
			}
			for _, i := range c.gone {
				g.states[i].Connection = 0
			}
			d := g.run(8 * time.Second)
			if d.Decider != c.decider || d.Setting.Bitrate < c.low || d.Setting.Bitrate > c.high {
				t.Errorf("decided by %q: %d, want %q: %d…%d", d.Decider, d.Setting.Bitrate, c.decider, c.low, c.high)
			}
			shed := ""
			for _, p := range d.Paths {
				shed += map[bool]string{true: "s", false: "-"}[p.Shed]
			}
			if shed != c.shed {
				t.Errorf("shed %s, want %s", shed, c.shed)
			}
		})
	}
}

func TestPrimaryComesBack(t *testing.T) {
	g := newStage(testConfig, 2)
	g.puppets[0].says(1_000_000, Steady, 0)
	g.puppets[1].says(3_000_000, Steady, 0)
	g.run(time.Second)
	g.states[0].Connection = 0
	if d := g.run(time.Second); d.Decider != "p1" {
		t.Fatalf("without the primary %q decides", d.Decider)
	}
	g.states[0].Connection = 2
	if d := g.step(); d.Decider != "p0" || d.Setting.Bitrate > 1_010_000 {
		t.Errorf("with the primary back, %q decides: %d", d.Decider, d.Setting.Bitrate)
	}
	if g.puppets[0].reconnects != 1 {
		t.Errorf("%d reconnects, want 1", g.puppets[0].reconnects)
	}
}

// An outage of the primary holds the others up for some seconds only; pictures are
// not skipped for it after that.
func TestPrimaryInLongOutage(t *testing.T) {
	g := newStage(testConfig, 2)
	g.puppets[0].says(400_000, Outage, 2*time.Second)
	g.puppets[0].advice.Skip = true
	g.puppets[1].says(3_000_000, Steady, 0)
	if d := g.run(2 * time.Second); d.Decider != "p0" || !d.Setting.Skip {
		t.Errorf("in a short outage %q decides, skip %v", d.Decider, d.Setting.Skip)
	}
	if d := g.run(2 * time.Second); d.Decider != "p1" || d.Setting.Skip || d.Setting.Bitrate < 2_900_000 {
		t.Errorf("in a long outage %q decides: %d, skip %v", d.Decider, d.Setting.Bitrate, d.Setting.Skip)
	}
	g.puppets[0].says(1_000_000, Restarting, 0)
	g.puppets[0].advice.Skip = false
	if d := g.step(); d.Decider != "p0" {
		t.Errorf("after it %q decides", d.Decider)
	}
}

// Alone, a path in an outage goes on deciding; its skip is bounded, and the ladder
// stands still.
func TestOnlyPathInOutage(t *testing.T) {
	g := newStage(testConfig, 1)
	g.puppets[0].says(50_000, Outage, 2*time.Second)
	g.puppets[0].advice.Skip = true
	skipped := time.Duration(0)
	g.each = func(d Decision) {
		if d.Setting.Skip {
			skipped += Interval
		}
		if d.Decider != "p0" || d.Setting.Divider != 1 || d.Setting.AudioOnly {
			t.Fatalf("decided by %q: %+v", d.Decider, d.Setting)
		}
	}
	g.run(time.Minute)
	if skipped > maxSkip || skipped < maxSkip-time.Second {
		t.Errorf("skipped for %v, want %v", skipped, maxSkip)
	}
}

func TestWithoutPaths(t *testing.T) {
	g := newStage(testConfig, 0)
	if d := g.run(time.Second); d.Setting.Bitrate != testConfig.Start || d.Decider != "" {
		t.Errorf("at first %+v", d)
	}
	if d := g.run(3 * time.Second); d.Setting.Bitrate != testConfig.Max || d.Reason != AtMax {
		t.Errorf("later %+v", d)
	}
}

func TestAllDisconnectedAfterAWhile(t *testing.T) {
	g := newStage(testConfig, 1)
	g.puppets[0].says(400_000, Steady, 0)
	g.run(time.Second)
	g.states[0].Connection = 0
	if d := g.run(5 * time.Second); d.Setting.Bitrate > 410_000 {
		t.Errorf("soon after: %d", d.Setting.Bitrate)
	}
	if d := g.run(6 * time.Second); d.Setting.Bitrate != testConfig.Start {
		t.Errorf("later: %d, want %d", d.Setting.Bitrate, testConfig.Start)
	}
}

func TestConfigLive(t *testing.T) {
	g := newStage(testConfig, 1)
	g.puppets[0].says(5_000_000, Steady, 0)
	g.run(time.Second)
	g.SetConfig(StreamConfig{Min: 200_000, Start: 1_000_000, Max: 2_000_000})
	if d := g.step(); d.Setting.Bitrate != 2_000_000 {
		t.Errorf("a lower Max gives %d", d.Setting.Bitrate)
	}
	if m := g.puppets[0].limits.Max; m < 2_200_000 || m > 2_300_000 {
		t.Errorf("the path's Max is %d", m)
	}
	for _, c := range []StreamConfig{{Min: 5_000_000, Max: 1_000_000}, {Min: -4, Max: -3}, {}, {Min: 1 << 62, Start: -1, Max: 1 << 62}} {
		g.SetConfig(c)
		d, b := g.run(time.Second), boundedConfig(c)
		if b.Min > b.Start || b.Start > b.Max || b.Min <= 0 {
			t.Errorf("%+v is bounded as %+v", c, b)
		}
		if d.Setting.Bitrate > b.Max || d.Setting.Bitrate < b.Min/4 {
			t.Errorf("%+v gives %d", c, d.Setting.Bitrate)
		}
	}
}

func TestFixed(t *testing.T) {
	c := testConfig
	c.Fixed = true
	g := newStage(c, 2)
	g.puppets[0].says(c.Max, AtMax, 0)
	g.puppets[1].says(100_000, TooOld, 900*time.Millisecond)
	g.puppets[1].advice.Skip = true
	g.each = func(d Decision) {
		s := d.Setting
		if s.Bitrate != c.Max || s.Divider != 1 || s.Scale != 1 || s.AudioOnly || s.Skip || d.Decider != "" {
			t.Fatalf("fixed, but %+v by %q", s, d.Decider)
		}
	}
	if d := g.run(5 * time.Second); d.Paths[0].Shed || d.Paths[1].Shed {
		t.Errorf("shed %v %v soon", d.Paths[0].Shed, d.Paths[1].Shed)
	}
	if d := g.run(5 * time.Second); d.Paths[0].Shed || !d.Paths[1].Shed {
		t.Errorf("shed %v %v, want the slow one only", d.Paths[0].Shed, d.Paths[1].Shed)
	}
}

func TestSmallRisesWait(t *testing.T) {
	g := newStage(testConfig, 1)
	g.puppets[0].says(1_000_000, Steady, 0)
	g.run(upAfter / 2)
	g.puppets[0].says(1_020_000, Probing, 0)
	before := g.last.Setting.Bitrate
	if d := g.step(); d.Setting.Bitrate != before {
		t.Errorf("a rise of 2 %% was passed on at once: %d to %d", before, d.Setting.Bitrate)
	}
	if d := g.run(3 * time.Second); d.Setting.Bitrate < 1_015_000 {
		t.Errorf("it never was: %d", d.Setting.Bitrate)
	}
	g.puppets[0].says(1_000_000, Queueing, 0)
	if d := g.step(); d.Setting.Bitrate > 1_002_000 {
		t.Errorf("a cut of 2 %% was not passed on: %d", d.Setting.Bitrate)
	}
}

func TestKeysOfTheDeciderOnly(t *testing.T) {
	g := newStage(testConfig, 2)
	g.run(time.Second)
	g.puppets[1].advice.Key++
	if d := g.run(time.Second); d.Setting.Key != 0 {
		t.Errorf("another's key: %d", d.Setting.Key)
	}
	g.puppets[0].advice.Key++
	if d := g.step(); d.Setting.Key != 1 {
		t.Errorf("the decider's key: %d, want 1", d.Setting.Key)
	}
	g.each = func(Decision) { g.puppets[0].advice.Key++ }
	if d := g.run(2 * time.Second); d.Setting.Key > 12 {
		t.Errorf("%d keys in two seconds", d.Setting.Key)
	}
}

// A slow path hides what the others carry: a try finds it.
func TestBestForMostTries(t *testing.T) {
	n := newNetwork(with(BestForMost), 1.5e6, 5e6, 5e6)
	n.run(60 * time.Second)
	shed := n.mean(30*time.Second, func(d Decision) float64 {
		if d.Decider == "p0" {
			t.Fatal("the slow one decides")
		}
		return map[bool]float64{true: 1}[d.Paths[0].Shed]
	})
	if rate := n.mean(time.Second, bitrate); rate < 3_000_000 || shed < .8 {
		t.Errorf("%.0f, the slow one shed for %.2f of the time", rate, shed)
	}
}

// A try that does not pay ends where it began, and is not made again soon.
func TestBestForMostTriesInVain(t *testing.T) {
	n := newNetwork(with(BestForMost), 1.9e6, 2e6, 2.6e6)
	n.run(20 * time.Second)
	shed := 0
	for range 18 {
		n.run(10 * time.Second)
		for _, p := range n.decision.Paths {
			if p.Shed {
				shed++
			}
		}
	}
	if d := n.decision; d.Setting.Bitrate > 2_000_000 || shed > 8 {
		t.Errorf("%q decides: %d, %d of 54 times shed", d.Decider, d.Setting.Bitrate, shed)
	}
}

// Through the product's law: a long outage of the only path ends in pictures at full
// rate and size, soon.
func TestOutageThroughTheLaw(t *testing.T) {
	n := newNetwork(testConfig, 5e6).lawful()
	n.run(20 * time.Second)
	n.links[0].capacity = 0
	n.run(20 * time.Second)
	n.links[0].capacity = 5e6
	n.run(12 * time.Second)
	if s := n.decision.Setting; s.Bitrate < 1_500_000 || s.Divider != 1 || s.AudioOnly || s.Skip {
		t.Errorf("after an outage %+v, by %s", s, n.decision.Reason)
	}
}
