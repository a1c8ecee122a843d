package bottleneck

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Loss is how packets are lost behind the queue: Rate of all packets, each by itself,
// and in bursts by a Gilbert-Elliott chain.
type Loss struct {
	Rate float64
	// Burst: before each packet the chain goes from good to bad with probability Begin
	// and back with End; in the bad state a packet is lost with probability Bad. No packet
	// for burstEnds ends a burst too: what disturbs a link does not wait for the next one,
	// and a TCP that sends one each time its timer fires would meet no other state.
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

const burstEnds = 100 * time.Millisecond

type lossState struct {
	bad  bool
	last time.Duration // packet
}

// lost says whether a packet that goes at a time, later than those before it, is lost.
func (s *lossState) lost(l Loss, at time.Duration, random *rand.Rand) bool {
	s.bad = s.bad && at-s.last < burstEnds
	s.last = at
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
