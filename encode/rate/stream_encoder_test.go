package rate

import (
	"math"
	"testing"
	"time"
)

func TestEncoderCorrected(t *testing.T) {
	for _, c := range []struct {
		name    string
		gain    float64
		command float64 // of the target, in the end
		inert   bool
	}{
		{"obeys", 1, 1, false},
		{"a little over", 1.02, 1, false},
		{"a tenth over", 1.1, 1 / 1.1, false},
		{"half as much again", 1.5, 1 / 1.5, false},
		{"twice as much", 2, .5, true},
		{"thrice as much", 3, .5, true},
		{"a tenth under, always", .9, 1 / .9, false},
		{"far under: nothing to show", .4, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(testConfig, 1)
			g.gain = c.gain
			g.puppets[0].says(2_000_000, Steady, 0)
			d := g.run(40 * time.Second)
			if got := float64(d.Setting.Bitrate) / 2e6; math.Abs(got-c.command) > .05 {
				t.Errorf("told %.2f of the target, want %.2f", got, c.command)
			}
			if inert := d.Reason == Inert; inert != c.inert {
				t.Errorf("reason %q", d.Reason)
			}
			changes, last := 0, d.Setting.Bitrate
			g.each = func(d Decision) {
				if d.Setting.Bitrate != last {
					changes, last = changes+1, d.Setting.Bitrate
				}
			}
			if d = g.run(2 * time.Minute); changes > 2 || (d.Reason == Inert) != c.inert {
				t.Errorf("%d changes in two minutes of the same, reason %q", changes, d.Reason)
			}
		})
	}
}

// An encoder that stays where it is, whatever it is told, is noticed, and told no
// more than what is within bounds; when it obeys again, all is well.
func TestEncoderIgnores(t *testing.T) {
	g := newStage(testConfig, 1)
	g.puppets[0].says(2_000_000, Steady, 0)
	g.run(10 * time.Second)
	g.ignores = 4_000_000
	g.puppets[0].says(1_000_000, Queueing, 0)
	took := g.until(10*time.Second, func(d Decision) bool { return d.Reason == Inert })
	if took > 5*time.Second {
		t.Errorf("noticed after %v", took)
	}
	g.each = func(d Decision) {
		if d.Setting.Bitrate < 500_000 || d.Setting.Bitrate > 1_010_000 || d.Reason != Inert {
			t.Fatalf("told %d, reason %q", d.Setting.Bitrate, d.Reason)
		}
	}
	g.run(time.Minute)
	g.each, g.ignores = nil, 0
	if d := g.run(time.Minute); d.Reason != Queueing || math.Abs(float64(d.Setting.Bitrate)/1e6-1) > .05 {
		t.Errorf("after it obeys again: told %d, reason %q", d.Setting.Bitrate, d.Reason)
	}
}

// Its path cannot carry what such an encoder puts out, though it is told the least:
// video is left out there, too.
func TestEncoderIgnoresAndThePathIsFull(t *testing.T) {
	g := newStage(testConfig, 1)
	g.ignores = 4_000_000
	g.puppets[0].says(100_000, TooOld, 1500*time.Millisecond)
	if d := g.run(15 * time.Second); !d.Paths[0].Shed {
		t.Errorf("not shed: %+v, reason %q", d.Setting, d.Reason)
	}
}

// A still picture is no reason to tell the encoder more.
func TestStillPicture(t *testing.T) {
	n := newNetwork(testConfig, 5e6)
	n.run(20 * time.Second)
	n.still = true
	n.run(60 * time.Second)
	if d := n.decision; d.Setting.Bitrate > int(n.stream.target) || d.Reason == Inert {
		t.Errorf("told %d for %.0f, reason %q", d.Setting.Bitrate, n.stream.target, d.Reason)
	}
	n.still = false
	n.run(30 * time.Second)
	if d := n.decision; d.Setting.Bitrate < 2_500_000 {
		t.Errorf("afterwards %d by %s", d.Setting.Bitrate, d.Reason)
	}
}

func TestEncoderLag(t *testing.T) {
	l := encoderLag{mean: lagUnknown}
	for i := range 20 {
		now := time.Duration(i) * 10 * time.Second
		l.told(2e6, 1e6, now)
		for at := time.Duration(0); at < 2*time.Second; at += Interval {
			rate := 2e6
			if at >= time.Second {
				rate = 1e6
			}
			l.output(rate, now+at)
		}
	}
	if d := l.mean - time.Second; d > 50*time.Millisecond || d < -50*time.Millisecond {
		t.Errorf("a lag of a second is taken for %v", l.mean)
	}
	l.told(1e6, 2e6, time.Hour)
	if l.waiting {
		t.Error("a rise is no cut")
	}
}

func TestSoundIsLearnt(t *testing.T) {
	for _, c := range []struct {
		name        string
		sound, want float64
	}{
		{"64 kb/s", 64_000, 64_000},
		{"320 kb/s", 320_000, 320_000},
		{"none", 0, 0},
		{"impossible", 50_000_000, soundUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(testConfig, 1)
			g.sound = c.sound
			if a := g.encoder.audio(); a != soundUnknown {
				t.Errorf("at first %.0f", a)
			}
			g.run(10 * time.Second)
			if a := g.encoder.audio(); math.Abs(a-c.want) > 1000 {
				t.Errorf("%.0f, want %.0f", a, c.want)
			}
			if g.encoder.silent() != (c.sound == 0) {
				t.Errorf("silent: %v", g.encoder.silent())
			}
		})
	}
}

func TestOverheadIsLearnt(t *testing.T) {
	for _, c := range []struct {
		name       string
		over, want float64
	}{
		{"RTMP", 1.01, 1.01},
		{"SRT with padding", 1.12, 1.12},
		{"less than nothing", .9, 1},
		{"too much", 1.9, 1.6},
		{"something else is written", 5, overheadUnknown},
		{"nothing is written", 0, overheadUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(testConfig, 1)
			g.over = c.over
			g.run(30 * time.Second)
			p := g.paths[0]
			if math.Abs(p.overhead.ratio-c.want) > .005 {
				t.Errorf("%.3f, want %.3f", p.overhead.ratio, c.want)
			}
			most := (6e6 + 128e3) * c.want
			if got := float64(g.puppets[0].limits.Max); math.Abs(got-most) > .011*most {
				t.Errorf("the path's Max is %.0f, want %.0f", got, most)
			}
			g.puppets[0].advice.Target = int((1e6 + 128e3) * c.want)
			if d := g.run(time.Second); math.Abs(float64(d.Setting.Bitrate)-1e6) > 20_000 {
				t.Errorf("%d of video, want 1000000", d.Setting.Bitrate)
			}
			g.puppets[0].advice.Target = g.puppets[0].limits.Max
			if d := g.step(); d.Setting.Bitrate != 6_000_000 {
				t.Errorf("at its Max %d", d.Setting.Bitrate)
			}
		})
	}
}

// Where a path is not given all, or drops, its bytes tell nothing of overhead.
func TestOverheadIsNotLearntFromDrops(t *testing.T) {
	g := newStage(testConfig, 2)
	g.puppets[1].says(900_000, Queueing, time.Second)
	g.run(2 * time.Second)
	g.each = func(Decision) { g.states[0].Sample.Dropped += 100; g.states[0].Sample.Written += 1000 }
	d := g.run(20 * time.Second)
	if r := g.paths[0].overhead.ratio; r != overheadUnknown {
		t.Errorf("from drops: %.3f", r)
	}
	if r := g.paths[1].overhead.ratio; r != overheadUnknown || !d.Paths[1].Shed {
		t.Errorf("shed: %.3f", r)
	}
}
