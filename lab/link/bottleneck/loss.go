package bottleneck

import (
	"fmt"
	"math/rand/v2"
)

// Loss is how packets are lost behind the queue: Rate of all packets, each by itself,
// and in bursts by a Gilbert-Elliott chain.
type Loss struct {
	Rate float64
	// Burst: before each packet the chain goes from good to bad with probability Begin
	// and back with End; in the bad state a packet is lost with probability Bad.
	Begin, End, Bad float64
}

// Bursts is loss of a mean rate in bursts of a mean length in packets, all of which are
// lost.
func Bursts(rate float64, length float64) Loss {
	return Loss{Begin: rate / (1 - rate) / length, End: 1 / length, Bad: 1}
}

// Mean is the part of all packets that is lost.
func (l Loss) Mean() float64 {
	bursts := 0.0
	if l.Begin > 0 {
		bursts = l.Begin / (l.Begin + l.End) * l.Bad
	}
	return bursts + (1-bursts)*l.Rate
}

func (l Loss) check() error {
	for _, p := range []float64{l.Rate, l.Begin, l.End, l.Bad} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("a link's loss %+v: %g is no probability", l, p)
		}
	}
	return nil
}

type lossState struct{ bad bool }

func (s *lossState) lost(l Loss, random *rand.Rand) bool {
	if l.Begin > 0 {
		change := l.Begin
		if s.bad {
			change = l.End
		}
		if random.Float64() < change {
			s.bad = !s.bad
		}
		if s.bad && random.Float64() < l.Bad {
			return true
		}
	}
	return l.Rate > 0 && random.Float64() < l.Rate
}
