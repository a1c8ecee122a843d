package rate

import (
	"math/rand/v2"
	"testing"
	"time"
)

// bursts are times in which nothing runs, of up to most, some twice a second.
func bursts(most time.Duration) func(time.Duration) bool {
	random := rand.New(rand.NewPCG(1, uint64(most)))
	var from, to time.Duration
	return func(now time.Duration) bool {
		if now >= to {
			from = now + time.Duration(random.Int64N(int64(time.Second)))
			to = from + 50*time.Millisecond + time.Duration(random.Int64N(int64(most)))
		}
		return now >= from && now > 0
	}
}

// On a busy box pictures are late, missing, or come at once, and so do looks at the
// paths. A link that carries all keeps its bit rate, and no encoder is corrected.
func TestBusyBoxOnAGoodLink(t *testing.T) {
	for _, c := range []struct {
		name    string
		starved func(time.Duration) bool
		missing func(int) bool
	}{
		{"half of the pictures are missing", nil, func(p int) bool { return p%2 == 1 }},
		{"nine of ten are missing", nil, func(p int) bool { return p%10 != 0 }},
		{"some are missing at times", nil, func(p int) bool { return p/90%2 == 0 && p%3 != 0 }},
		{"late by up to 0.2 s", bursts(150 * time.Millisecond), nil},
		{"late by up to 0.6 s", bursts(550 * time.Millisecond), nil},
		{"late by up to 2 s", bursts(1950 * time.Millisecond), nil},
		{"late by up to 1 s, and half are missing", bursts(950 * time.Millisecond), func(p int) bool { return p%2 == 1 }},
	} {
		for name, lawful := range map[string]bool{"plain": false, "product": true} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				n := newNetwork(testConfig, 20e6, 20e6)
				if lawful {
					n.lawful()
				}
				n.run(10 * time.Second)
				n.starved, n.missing = c.starved, c.missing
				before := n.decision.Setting.Bitrate
				n.each = func(d Decision) {
					set := d.Setting
					if set.Bitrate < min(before, testConfig.Start)*6/10 || set.Divider > 1 || set.AudioOnly || d.Paths[0].Shed || d.Paths[1].Shed || d.Reason == Inert {
						t.Fatalf("at %v: %+v, reason %q; paths %+v", n.now, set, d.Reason, d.Paths)
					}
				}
				n.run(2 * time.Minute)
			})
		}
	}
}

// Acknowledgements that a busy box holds up mislead a law where the budget is short.
// No step is taken for it, and the path is soon given what it is seen to carry.
func TestAcknowledgementsHeldUp(t *testing.T) {
	for _, most := range []time.Duration{100 * time.Millisecond, 250 * time.Millisecond} {
		n := newNetwork(StreamConfig{Min: 300_000, Start: 1_500_000, Max: 2_000_000}, 20e6).lawful()
		n.paths[0].budget, n.links[0].stuck = 200*time.Millisecond, bursts(most)
		n.run(5 * time.Second)
		least := n.mean(2*time.Minute, func(d Decision) float64 {
			p := n.stream.paths[0]
			if d.Setting.Divider > 1 || d.Setting.AudioOnly || d.Paths[0].Shed || d.Setting.Bitrate < 300_000 {
				t.Fatalf("up to %v, at %v: %+v by %q", most, n.now, d.Setting, d.Reason)
			}
			return map[bool]float64{true: 1}[float64(p.advice.Target) > .98*p.with(300_000, 128_000)]
		})
		if least < .9 {
			t.Errorf("up to %v: the law wanted the least for %.2f of the time", most, least)
		}
	}
}

func TestFewPicturesAreNoShortfall(t *testing.T) {
	for _, c := range []struct{ gain, present, want float64 }{
		{.5, .5, 1}, {.45, .5, .9}, {.9, .5, 1}, {1, .5, 1}, {1.3, .5, 1.3}, {1.3, 1, 1.3}, {.9, 1, .9}, {.9, 0, .9},
	} {
		if got := corrected(c.gain, c.present); got < c.want-.001 || got > c.want+.001 {
			t.Errorf("%.2f of the bits with %.2f of the pictures: %.2f, want %.2f", c.gain, c.present, got, c.want)
		}
	}
}

// leastOf is the software encoder's least for pictures of 1280×720, 30 a second.
func leastOf(s Setting) float64 {
	switch {
	case s.Scale > 1:
		return 120e3
	case s.Divider > 1:
		return 250e3
	}
	return 400e3
}

// An encoder that goes no lower is not told less and less: the ladder steps down to
// what the path carries, though it would carry what was set as the least.
func TestEncoderAtItsLeast(t *testing.T) {
	config := StreamConfig{Min: 150_000, Start: 1_500_000, Max: 2_500_000}
	for _, c := range []struct {
		name     string
		capacity float64 // with 128 kb/s of sound, and overhead
		want     func(Setting) bool
	}{
		{"room for half of the pictures", (370e3 + 128e3) * 1.05, func(s Setting) bool { return s.Divider == 2 && s.Scale == 1 }},
		{"room for small ones", (180e3 + 128e3) * 1.05, func(s Setting) bool { return s.Scale == 2 }},
		{"room for all", (700e3 + 128e3) * 1.05, func(s Setting) bool { return s.Divider == 1 && s.Scale == 1 }},
	} {
		for name, lawful := range map[string]bool{"plain": false, "product": true} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				n := newNetwork(config, 4e6)
				if lawful {
					n.lawful()
				}
				n.least = leastOf
				n.run(15 * time.Second)
				n.links[0].capacity = c.capacity
				n.each = func(d Decision) {
					if floor := n.stream.ladder.floor(float64(config.Min)); float64(d.Setting.Bitrate) < floor-1 {
						t.Fatalf("told %d at a floor of %.0f", d.Setting.Bitrate, floor)
					}
				}
				n.run(40 * time.Second)
				right := n.mean(60*time.Second, func(d Decision) float64 {
					return map[bool]float64{true: 1}[c.want(d.Setting) && !d.Setting.AudioOnly && !d.Paths[0].Shed]
				})
				if right < .7 {
					t.Errorf("so for %.2f of the time, in the end %+v by %q, floors %.0f", right, n.decision.Setting, n.decision.Reason, n.stream.encoder.floors.least)
				}
			})
		}
	}
}

// An encoder that always puts out more has no floor there.
func TestExcessIsNoFloor(t *testing.T) {
	for _, gain := range []float64{1.3, 1.6, 3} {
		g := newStage(testConfig, 1)
		g.gain = gain
		for i := range 12 {
			g.puppets[0].says(2_000_000-i%4*400_000, Queueing, 0)
			g.run(7 * time.Second)
			if f := g.encoder.floors.least; f != [audioOnly]float64{} {
				t.Fatalf("gain %.1f: floors %.0f after change %d", gain, f, i)
			}
		}
	}
}

// One look stands for no more than a few intervals, however late it is.
func TestOneLateLook(t *testing.T) {
	var l ladder
	l.init()
	l.advance(time.Second, rung{video: 1, min: 300, max: 6000, congested: true})
	if l.step != fullRate {
		t.Error("the ladder stepped down at one look")
	}
	var d shedding
	d.init()
	d.step(time.Second, load{connected: true, tooMuch: true, much: true})
	if d.state != following {
		t.Error("shed at one look")
	}
}
