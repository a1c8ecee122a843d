package trace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Mobile is a model of what a cellular uplink leaves to one user. Three things are
// multiplied, each of which is what a study of such links finds on its own scale:
//
//   - a Markov chain of radio conditions, each with a mean capacity and a mean time to
//     stay (seconds: cell load and place);
//   - shadowing: a first-order autoregressive process in decibels with a correlation
//     time (around a second: things between the mast and the user), after Gudmundson;
//   - scheduling: each so many milliseconds the user gets a share drawn from a gamma
//     distribution (tens of milliseconds: the scheduler and fast fading).
//
// Hand-overs come as a Poisson process: nothing gets through for a time between two
// bounds, and the condition after it is drawn anew. All of it comes from the seed.
type Mobile struct {
	Conditions []Condition
	Shadow     float64       // standard deviation, dB
	Coherence  time.Duration // in which shadowing falls to 1/e of its correlation
	Grant      time.Duration // of the scheduler
	Shape      float64       // of the gamma distribution: the higher, the calmer
	HandOver   time.Duration // mean time between hand-overs
	Gap        [2]time.Duration
	Most       float64 // bits per second: never more
}

// Condition is one of the radio's.
type Condition struct {
	Bitrate float64 // mean, bits per second
	Stay    time.Duration
}

// Generate makes a trace of a length, always the same of a seed.
func (m Mobile) Generate(seed uint64, length time.Duration) (*Trace, error) {
	if len(m.Conditions) == 0 || length < time.Second || m.Grant < time.Millisecond {
		return nil, fmt.Errorf("generate a mobile trace of %v: no condition, no grant, or too short", length)
	}
	random := rand.New(rand.NewPCG(seed, 0x6d6f62696c65))
	var g generator
	const ms = time.Millisecond
	condition := random.IntN(len(m.Conditions))
	leave := exponential(random, m.Conditions[condition].Stay)
	next := exponential(random, m.HandOver)
	gapEnd := time.Duration(0)
	shadow, share := random.NormFloat64()*m.Shadow, 1.0
	keep := math.Exp(-float64(ms) / float64(m.Coherence))
	for now := time.Duration(0); now < length; now += ms {
		if now >= leave {
			condition = m.another(random, condition)
			leave = now + exponential(random, m.Conditions[condition].Stay)
		}
		if now >= next {
			gapEnd = now + m.Gap[0] + time.Duration(random.Int64N(int64(m.Gap[1]-m.Gap[0])+1))
			condition = random.IntN(len(m.Conditions))
			leave = now + exponential(random, m.Conditions[condition].Stay)
			next = now + exponential(random, m.HandOver)
		}
		shadow = keep*shadow + math.Sqrt(1-keep*keep)*m.Shadow*random.NormFloat64()
		if now%m.Grant < ms {
			share = gamma(random, m.Shape) / m.Shape
		}
		bitrate := 0.0
		if now >= gapEnd {
			bitrate = min(m.Most, m.Conditions[condition].Bitrate*math.Pow(10, shadow/10)*share)
		}
		g.millisecond(bitrate)
	}
	return build(g.ms, g.now)
}

// another is a neighbour of a condition: radio does not jump from best to worst.
func (m Mobile) another(random *rand.Rand, of int) int {
	switch last := len(m.Conditions) - 1; {
	case last == 0:
		return 0
	case of == 0:
		return 1
	case of == last:
		return last - 1
	default:
		return of - 1 + 2*random.IntN(2)
	}
}

func exponential(random *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(random.ExpFloat64() * float64(mean))
}

// gamma draws from the gamma distribution of a shape of 1 or more and scale 1
// (Marsaglia and Tsang, 2000).
func gamma(random *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := random.NormFloat64()
		v := 1 + c*x
		v = v * v * v
		if v > 0 && math.Log(1-random.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// LTE is the uplink of a phone or modem on the move: some Mb/s, for seconds below one,
// with a gap of 50 to 400 ms at a hand-over about each 25 s.
func LTE() Mobile {
	return Mobile{
		Conditions: []Condition{{1.2e6, 4 * time.Second}, {3.5e6, 8 * time.Second}, {6.5e6, 10 * time.Second}, {10e6, 8 * time.Second}},
		Shadow:     1.5, Coherence: 1500 * time.Millisecond, Grant: 10 * time.Millisecond, Shape: 3,
		HandOver: 25 * time.Second, Gap: [2]time.Duration{50 * time.Millisecond, 400 * time.Millisecond}, Most: 40e6,
	}
}

// FiveG is the uplink of a 5G modem: far more than a stream needs while the high band
// is there, LTE's when it is not, and more frequent hand-overs.
func FiveG() Mobile {
	return Mobile{
		Conditions: []Condition{{2.5e6, 3 * time.Second}, {9e6, 6 * time.Second}, {30e6, 8 * time.Second}, {60e6, 8 * time.Second}},
		Shadow:     2.5, Coherence: 800 * time.Millisecond, Grant: 5 * time.Millisecond, Shape: 2.5,
		HandOver: 15 * time.Second, Gap: [2]time.Duration{30 * time.Millisecond, 250 * time.Millisecond}, Most: 120e6,
	}
}
