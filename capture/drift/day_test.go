package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simCard is a card with a crystal of its own and a driver that tells of its
// frames late, by quantisation and scheduling, and sometimes wrongly.
type simCard struct {
	rate    float64                         // nominal
	off     func(at float64) (rate float64) // the crystal, relative: 200e-6
	late    func(*rand.Rand) float64        // of an observation, seconds
	rand    *rand.Rand
	at      float64 // true time
	frames  int64   // since the start
	period  int64
	history [64]struct { // where frames were at which time, for trueTime
		frame int64
		at    float64
	}
	head int
}

func newSimCard(rate int, seed uint64, off func(float64) float64, late func(*rand.Rand) float64) *simCard {
	c := &simCard{rate: float64(rate), off: off, late: late, rand: rand.New(rand.NewPCG(seed, 1)), at: 1, period: int64(rate / 100)}
	c.restart()
	return c
}

func (c *simCard) restart() {
	c.frames = 0
	for i := range c.history {
		c.history[i].frame, c.history[i].at = 0, c.at
	}
}

// tick captures a period and returns what the driver says of it.
func (c *simCard) tick() (frames int64, at time.Duration) {
	c.at += float64(c.period) / (c.rate * (1 + c.off(c.at)))
	c.frames += c.period
	c.head = (c.head + 1) % len(c.history)
	c.history[c.head].frame, c.history[c.head].at = c.frames, c.at
	return c.frames, time.Duration((c.at + c.late(c.rand)) * 1e9)
}

// trueTime is when a place among the frames of the last 600 ms was captured.
func (c *simCard) trueTime(place float64) float64 {
	n := len(c.history)
	for i := range n - 1 {
		b, a := c.history[(c.head-i+n)%n], c.history[(c.head-i-1+2*n)%n]
		if place >= float64(a.frame) && b.frame > a.frame {
			return a.at + (place-float64(a.frame))/float64(b.frame-a.frame)*(b.at-a.at)
		}
	}
	return c.history[(c.head+1)%n].at
}

// usb is a driver that moves its pointer every 4 ms, is scheduled late now and
// then, and gives nonsense once in a while.
func usb(r *rand.Rand) float64 {
	late := 0.004 * r.Float64()
	switch n := r.IntN(10_000); {
	case n == 0:
		late = -1000 // no timestamp at all
	case n == 1:
		late = 3600
	case n < 100:
		late += 0.05 * r.Float64()
	}
	return late
}

// wander is a crystal that is off and follows the temperature of its box.
func wander(off float64) func(float64) float64 {
	return func(at float64) float64 {
		return off + 20e-6*math.Sin(2*math.Pi*at/5400) + 3e-6*math.Sin(2*math.Pi*at/311)
	}
}

// sail lets the interpolator go on as far as there are frames, and calls
// sample for the beginning of each stretch.
func sail(s *steer, frames int64, hole func(), sample func(next int64, n int, place float64)) {
	if !s.running {
		if !s.line.Ready() {
			return
		}
		s.begin()
	}
	if s.line.Doubt() {
		return
	}
	for {
		if s.left == 0 && s.look() {
			hole()
		}
		n := min(s.left, int((float64(frames-s.frame)-s.frac)/s.step()))
		if n <= 0 {
			return
		}
		sample(s.next, n, float64(s.frame)+s.frac)
		s.advance(s.step(), n)
	}
}

// A day of sound by a card that is 200 ppm off and wanders by 20 stays with the
// picture at every moment, from the first sample on, and has no hole but where
// the card ran over.
func TestDayStaysWithThePicture(t *testing.T) {
	for _, off := range []float64{200e-6, -200e-6} {
		t.Run(fmt.Sprintf("%+.0f_ppm", off*1e6), func(t *testing.T) {
			t.Parallel()
			const rate, day, hour = 48000, 86400.0, 3600.0
			card := newSimCard(rate, 7, wander(off), usb)
			line := NewLine(rate)
			s := &steer{line: line, in: rate, out: rate}
			var worst, worstLater, worstDrift float64
			var xruns int
			end := int64(-1)
			nextXrun := hour / 2
			for card.at < day {
				line.Observe(card.tick())
				sail(s, card.frames, func() {}, func(next int64, n int, place float64) {
					if end >= 0 && next != end {
						t.Fatalf("sample %d follows on %d", next, end)
					}
					e := float64(next)/rate - card.trueTime(place)
					worst = max(worst, math.Abs(e))
					if card.at > 60 {
						worstLater = max(worstLater, math.Abs(e))
					}
					end = next + int64(n)
				})
				if card.at > 120 && line.n == points {
					worstDrift = max(worstDrift, math.Abs(line.Drift()-card.off(card.at)))
				}
				if card.at > nextXrun { // a quarter of a second is gone
					nextXrun += hour
					xruns++
					card.at += 0.25
					card.restart()
					line.Restart()
					s.running, end = false, -1
				}
			}
			require.Zero(t, s.holes)
			require.Zero(t, s.skips)
			require.Zero(t, line.moves)
			t.Logf("%d overruns, worst %.2f ms, after a minute %.2f ms, rate known to %.2f ppm", xruns, worst*1e3, worstLater*1e3, worstDrift*1e6)
			require.Less(t, worst, 0.010, "seconds from the picture")
			require.Less(t, worstLater, 0.005, "seconds from the picture")
			require.Less(t, worstDrift, 8e-6)
		})
	}
}
