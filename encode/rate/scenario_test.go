package rate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(int(q*float64(len(v))), len(v)-1)]
}

func constant(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

func fixedDelay(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

// stepDown is 6 Mb/s, 2 from 20 s to 40 s.
func stepDown(t time.Duration) float64 {
	if t >= 20*time.Second && t < 40*time.Second {
		return 2e6
	}
	return 6e6
}

func gone(from, length time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		if t >= from && t < from+length {
			return 0
		}
		return 6e6
	}
}

// mobile is a link with slow and fast fading and short interruptions.
func mobile(seed uint64) func(time.Duration) float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	slow, quick, off := 0.0, 0.0, 0
	rates := make([]float64, 20*200)
	for i := range rates { // each 50 ms
		slow += -slow*0.05/8 + 0.5*math.Sqrt(2*0.05/8)*r.NormFloat64()
		quick += -quick*0.05/0.3 + 0.25*math.Sqrt(2*0.05/0.3)*r.NormFloat64()
		if off > 0 {
			off--
			continue
		}
		if r.Float64() < 0.05/20 {
			off = 2 + r.IntN(14)
		}
		rates[i] = 5e6 * math.Exp(slow+quick)
	}
	return func(t time.Duration) float64 { return rates[min(int(t/(50*time.Millisecond)), len(rates)-1)] }
}

var testLimits = Limits{Min: 300_000, Start: 2_000_000, Max: 8_000_000}

// rounds runs a model under the controller with some seeds.
func rounds(t *testing.T, m func() model, check func(t *testing.T, seed uint64, r result)) {
	t.Helper()
	for seed := range uint64(5) {
		one := m()
		one.seed = seed
		check(t, seed, one.run(New(testLimits), testLimits))
	}
}

// The movement of the target is judged too, which even on a steady link is not none: it
// rises from Start, and more is tried. With 2 % loss, of 40 seeds 38 come to 24 Mb/min at
// most, and two, the first one among them, to 30.
func TestControllerUsesALinkThatIsSteadyLossyOrFar(t *testing.T) {
	for name, c := range map[string]struct {
		m        model
		share    float64
		movement float64
	}{
		"6 Mb/s":            {model{capacity: constant(6e6)}, 0.92, 30},
		"1.2 Mb/s":          {model{capacity: constant(1.2e6)}, 0.92, 30},
		"2 % loss":          {model{capacity: constant(6e6), loss: 0.02}, 0.75, 30},
		"RTT 250 ms":        {model{capacity: constant(6e6), delay: fixedDelay(125 * time.Millisecond)}, 0.92, 30},
		"more than is used": {model{capacity: constant(20e6)}, 0.90, 30},
	} {
		t.Run(name, func(t *testing.T) {
			rounds(t, func() model { one := c.m; one.length = time.Minute; return one }, func(t *testing.T, seed uint64, r result) {
				if r.share < c.share || r.late > 0 || r.movement > c.movement {
					t.Errorf("seed %d: share %.3f, %d late, %.1f Mb/min; want %.2f, none, %.0f", seed, r.share, r.late, r.movement, c.share, c.movement)
				}
			})
		})
	}
}

func TestControllerFollowsSteps(t *testing.T) {
	rounds(t, func() model { return model{capacity: stepDown, length: time.Minute} }, func(t *testing.T, seed uint64, r result) {
		down := r.when(20*time.Second, func(target float64) bool { return target <= 1.05*2e6*1.2 })
		back := r.when(40*time.Second, func(target float64) bool { return target >= 0.85*6e6 })
		if down > 700*time.Millisecond || back > 10*time.Second || r.late > 0 {
			t.Errorf("seed %d: down after %v, back after %v, %d late", seed, down, back, r.late)
		}
	})
}

func TestControllerComesBackAfterAnOutage(t *testing.T) {
	for _, length := range []time.Duration{3 * time.Second, 20 * time.Second, time.Minute} {
		t.Run(length.String(), func(t *testing.T) {
			rounds(t, func() model { return model{capacity: gone(20*time.Second, length), length: length + 50*time.Second} },
				func(t *testing.T, seed uint64, r result) {
					back := r.when(20*time.Second+length, func(target float64) bool { return target >= 0.85*6e6 })
					bad := time.Duration(r.bad) * testPicture
					if back > 12*time.Second || bad > length {
						t.Errorf("seed %d: back after %v, %v of bad pictures", seed, back, bad)
					}
					during := r.advices[(20*time.Second+length-Interval)/Interval]
					if during.Reason != Outage || during.Target > 3_000_000 {
						t.Errorf("seed %d: at the outage's end %+v", seed, during)
					}
				})
		})
	}
}

func TestControllerLearnsANewDelay(t *testing.T) {
	rounds(t, func() model {
		return model{capacity: constant(6e6), length: 80 * time.Second, delay: func(at time.Duration) time.Duration {
			if at > 20*time.Second {
				return 140 * time.Millisecond
			}
			return 20 * time.Millisecond
		}}
	}, func(t *testing.T, seed uint64, r result) {
		if end := r.targets[len(r.targets)-1]; end < 4e6 || r.late > 0 {
			t.Errorf("seed %d: %.0f at the end, %d late", seed, end, r.late)
		}
	})
}

func TestControllerKeepsUpWithAnEncoderThatOvershoots(t *testing.T) {
	rounds(t, func() model { return model{capacity: constant(6e6), gain: 2, length: time.Minute} }, func(t *testing.T, seed uint64, r result) {
		if r.share < 0.85 || r.late > 0 {
			t.Errorf("seed %d: share %.3f, %d late", seed, r.share, r.late)
		}
	})
}

func TestControllerSkipsPicturesOfAnEncoderThatIgnoresIt(t *testing.T) {
	m := model{capacity: constant(1e6), ignore: true, length: time.Minute}
	r := m.run(New(testLimits), testLimits)
	if r.skipped == 0 || r.targets[len(r.targets)-1] > 1e6 {
		t.Errorf("%d skipped, %.0f at the end", r.skipped, r.targets[len(r.targets)-1])
	}
}

func TestControllerBearsLateDoubledAndMissingSamples(t *testing.T) {
	rounds(t, func() model {
		n := 0
		return model{capacity: constant(6e6), length: time.Minute, change: func(s *Sample) bool {
			n++
			return n%7 != 0 && n%500 > 150 // three seconds without any, each ten
		}}
	}, func(t *testing.T, seed uint64, r result) {
		if r.share < 0.7 {
			t.Errorf("seed %d: share %.3f", seed, r.share)
		}
	})
}

func TestControllerOnAMobileLink(t *testing.T) {
	late, sum := 0, 0.0
	for seed := range uint64(5) {
		m := model{capacity: mobile(seed), length: 2 * time.Minute, seed: seed}
		r := m.run(New(testLimits), testLimits)
		late += r.late
		sum += r.share
	}
	if late > 60 || sum/5 < 0.7 {
		t.Errorf("%d of 18000 late, share %.3f", late, sum/5)
	}
}

// A perfect link and a box, or a receiver, that has more to do than it can: nothing says
// that the link would carry less.
func TestControllerBearsABoxThatIsStarved(t *testing.T) {
	for _, budget := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
		t.Run(budget.String(), func(t *testing.T) {
			sum, low, n := 0.0, 0, 0
			rounds(t, func() model {
				return model{capacity: constant(100e6), length: time.Minute, budget: budget, starved: true, delay: fixedDelay(time.Millisecond)}
			}, func(t *testing.T, seed uint64, r result) {
				own := 0.0
				for _, target := range r.targets {
					own += target / float64(testLimits.Max)
					if target < 0.1*float64(testLimits.Max) {
						low++
					}
				}
				if own /= float64(len(r.targets)); own < 0.5 {
					t.Errorf("seed %d: %.2f of the highest on average", seed, own)
				}
				sum, n = sum+own, n+1
			})
			if samples := n * int(time.Minute/Interval); sum < 0.7*float64(n) || low > samples/20 {
				t.Errorf("%.2f of the highest on average, below a tenth of it in %d of %d samples", sum/float64(n), low, samples)
			}
		})
	}
}

// Packets are lost where far too much is sent, and what is acknowledged stands still before
// the first of them: not an outage, and not a matter of a second.
func TestControllerLowersTheTargetOfAChokedLink(t *testing.T) {
	rounds(t, func() model {
		return model{length: 40 * time.Second, room: 30_000, capacity: func(at time.Duration) float64 {
			if at > 20*time.Second && at < 30*time.Second {
				return 0.8e6
			}
			return 8e6
		}}
	}, func(t *testing.T, seed uint64, r result) {
		down := r.when(20*time.Second, func(target float64) bool { return target <= 2e6 })
		back := r.when(30*time.Second, func(target float64) bool { return target >= 6e6 })
		if down > 900*time.Millisecond || r.late > 60 || back > 10*time.Second {
			t.Errorf("seed %d: down after %v, %d late, back after %v", seed, down, r.late, back)
		}
	})
}
