package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/media"
)

func steady(off float64) func(float64) float64 { return func(float64) float64 { return off } }

// watched runs a card for seconds and returns the worst error in time, and how
// often a run did not follow the one before.
func watched(t *testing.T, card *simCard, s *steer, seconds float64) (worst float64, breaks int) {
	t.Helper()
	end := int64(-1)
	for until := card.at + seconds; card.at < until; {
		s.line.Observe(card.tick())
		sail(s, card.frames, func() {}, func(next int64, n int, place float64) {
			if end >= 0 && next != end {
				require.Greater(t, next, end, "no overlap")
				breaks++
			}
			end = next + int64(n)
			worst = max(worst, math.Abs(float64(next)/card.rate-card.trueTime(place)))
		})
	}
	return worst, breaks
}

func newSteer(rate int) *steer {
	return &steer{line: NewLine(rate), in: rate, out: rate}
}

func TestFirstTimestampsAreWrong(t *testing.T) {
	for name, first := range map[string]float64{"none": -1e6, "late": 0.3, "of tomorrow": 86400} {
		t.Run(name, func(t *testing.T) {
			n := 0
			card := newSimCard(48000, 3, steady(100e-6), func(r *rand.Rand) float64 {
				if n++; n <= 3 {
					return first
				}
				return usb(r)
			})
			s := newSteer(48000)
			worst, breaks := watched(t, card, s, 60)
			require.Less(t, worst, 0.010)
			require.Zero(t, breaks)
			require.InDelta(t, 100e-6, s.line.Drift(), 10e-6)
		})
	}
}

// More observations than are kept come before the line is to be believed.
func TestPeriodsOfAMillisecond(t *testing.T) {
	l := NewLine(48000)
	for ms := range int64(150) {
		l.Observe(48*ms, time.Duration(ms)*time.Millisecond)
	}
	require.True(t, l.Ready())
	require.InDelta(t, 0.1, l.At(4800).Seconds(), 1e-6)
	for ms := int64(150); ms < 400; ms++ { // it moves by 50 ms
		l.Observe(48*ms, time.Duration(ms+50)*time.Millisecond)
	}
	require.False(t, l.Doubt())
	require.InDelta(t, 0.45, l.At(48*400).Seconds(), 1e-3)
}

// The box was stalled, or the card paused, and the driver says nothing of it:
// what is missing becomes a hole, and the sound behind it is in time.
func TestCardStopsForAWhileWithoutAWord(t *testing.T) {
	for _, gap := range []float64{0.05, 0.7, 30} {
		card := newSimCard(48000, 5, steady(-80e-6), usb)
		s := newSteer(48000)
		watched(t, card, s, 100)
		card.at += gap
		for i := range card.history { // what is captured now has nothing to do with what was
			card.history[i].frame, card.history[i].at = card.frames, card.at
		}
		watched(t, card, s, 0.5)
		require.EqualValues(t, 1, s.holes, "gap of %v s", gap)
		require.EqualValues(t, 1, s.line.moves)
		worst, breaks := watched(t, card, s, 60)
		require.Less(t, worst, 0.010)
		require.Zero(t, breaks)
		require.Zero(t, s.skips)
		require.InDelta(t, -80e-6, s.line.Drift(), 5e-6, "the rate stays known")
	}
}

// A driver that is late for seconds on end, but caught up by its interrupts in
// between, is no reason to move anything.
func TestLateSchedulingMovesNothing(t *testing.T) {
	n := 0
	card := newSimCard(48000, 9, steady(20e-6), func(r *rand.Rand) float64 {
		if n++; n%8 != 0 {
			return 0.030 + 0.01*r.Float64()
		}
		return 0.001 * r.Float64()
	})
	s := newSteer(48000)
	worst, breaks := watched(t, card, s, 300)
	require.Less(t, worst, 0.010)
	require.Zero(t, breaks)
	require.Zero(t, s.line.moves)
	require.InDelta(t, 20e-6, s.line.Drift(), 3e-6)
}

// The crystal's rate steps, as no crystal does.
func TestRateSteps(t *testing.T) {
	card := newSimCard(48000, 11, func(at float64) float64 {
		if at < 200 {
			return 150e-6
		}
		return -150e-6
	}, usb)
	s := newSteer(48000)
	worst, breaks := watched(t, card, s, 1000)
	require.Less(t, worst, 0.040)
	require.Zero(t, breaks)
	require.InDelta(t, -150e-6, s.line.Drift(), 2e-6)
}

func TestAtTheLimitAndBeyond(t *testing.T) {
	for _, c := range []struct {
		off          float64
		holes, skips bool
	}{
		{off: 480e-6}, {off: -480e-6},
		{off: 900e-6, skips: true}, {off: -900e-6, holes: true},
		{off: 5000e-6, skips: true}, {off: -5000e-6, holes: true},
	} {
		card := newSimCard(48000, 13, steady(c.off), usb)
		s := newSteer(48000)
		worst, _ := watched(t, card, s, 300)
		require.Less(t, worst, 0.040, "%v", c.off)
		require.Equal(t, c.holes, s.holes > 0, "%v: %d holes", c.off, s.holes)
		require.Equal(t, c.skips, s.skips > 0, "%v: %d skips", c.off, s.skips)
		require.LessOrEqual(t, math.Abs(s.rel-1), MaxDrift+1e-12)
	}
}

func TestCardRunsAtAnotherRateThanItsDriverSays(t *testing.T) {
	for _, c := range []struct{ said, is int }{{48000, 44100}, {44100, 48000}, {48000, 32000}, {48000, 96000}, {48000, 192000}} {
		card := newSimCard(c.said, 17, steady(float64(c.is)/float64(c.said)*1.0001-1), usb)
		line := NewLine(c.said)
		got, ok := 0, false
		for card.at < 20 && !ok { // a nonsensical timestamp sets it back by three seconds
			line.Observe(card.tick())
			got, ok = line.Mismatch()
		}
		require.Equal(t, c.is, got)
	}
	card := newSimCard(48000, 17, steady(2000e-6), usb)
	line := NewLine(48000)
	for card.at < 30 {
		line.Observe(card.tick())
		_, ok := line.Mismatch()
		require.False(t, ok, "2000 ppm is a bad crystal, not another rate")
	}
}

// Whatever comes, runs never overlap, and what was in time stays in the grid.
func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			Rate: rapid.SampledFrom([]int{8000, 44100, 48000, 96000}).Draw(t, "rate"), Channels: rapid.IntRange(1, 3).Draw(t, "channels"),
			Out: media.AudioFormat{SampleRate: rapid.SampledFrom([]int{44100, 48000}).Draw(t, "out"), Channels: rapid.IntRange(1, 2).Draw(t, "out channels")},
		}
		v, err := New(cfg)
		require.NoError(t, err)
		dst := make([]int16, 2*rapid.IntRange(1, 3000).Draw(t, "room"))
		end, at, captured := int64(-1), time.Second, int64(0)
		for range rapid.IntRange(1, 120).Draw(t, "events") {
			switch rapid.IntRange(0, 9).Draw(t, "event") {
			case 0:
				v.Restart()
				captured = 0
			case 1:
				v.Observe(captured, at+time.Duration(rapid.Int64Range(-1e13, 1e13).Draw(t, "wrong")))
			default:
				n := rapid.IntRange(0, 3*cfg.Rate/50).Draw(t, "frames")
				captured += int64(n)
				at += time.Duration(float64(n)/float64(cfg.Rate)*1e9) + time.Duration(rapid.Int64Range(0, 3e6).Draw(t, "late"))
				in := make([]float32, n*cfg.Channels)
				for i := range in {
					in[i] = 16384
				}
				v.Observe(captured, at)
				v.Write(in)
			}
			for reads := 0; rapid.IntRange(0, 4).Draw(t, "read") > 0; reads++ {
				first, n := v.Read(dst)
				if n == 0 {
					break
				}
				require.GreaterOrEqual(t, first, max(end, 0))
				require.LessOrEqual(t, n*cfg.Out.Channels, len(dst))
				end = first + int64(n)
				for _, s := range dst[:n*cfg.Out.Channels] {
					require.GreaterOrEqual(t, s, int16(-2500), "undershoot at an edge at most")
					require.LessOrEqual(t, s, int16(19000))
				}
			}
			for _, f := range []float64{v.steer.rel, v.steer.frac, v.line.slope, v.line.offset} {
				require.False(t, math.IsNaN(f) || math.IsInf(f, 0))
			}
		}
	})
}

func TestNobodyReads(t *testing.T) {
	cfg := Config{Rate: 48000, Channels: 2, Out: media.AudioFormat{SampleRate: 48000, Channels: 2}}
	v, err := New(cfg)
	require.NoError(t, err)
	in := make([]float32, 960)
	for f := int64(480); f <= 48000*10; f += 480 {
		v.Observe(f, ideal(f, 48000, 0))
		v.Write(in)
	}
	require.NotZero(t, v.Stats().Lost)
	dst := make([]int16, 96000)
	first, end := int64(-1), int64(-1)
	for range 20 {
		at, n := v.Read(dst)
		if n > 0 && first < 0 {
			first = at
		}
		if n > 0 {
			end = at + int64(n)
		}
	}
	require.InDelta(t, 48000*11, end, 100, "what is there is up to date")
	require.Greater(t, end-first, int64(48000))
}

// sound is a converter in steady state, fed period by period.
func sound(tb testing.TB, cfg Config) (period func()) {
	v, err := New(cfg)
	require.NoError(tb, err)
	n := cfg.Rate / 100
	in := make([]float32, n*cfg.Channels)
	for i := range in {
		in[i] = float32(10000 * math.Sin(float64(i)))
	}
	dst := make([]int16, 4096)
	f := int64(0)
	return func() {
		f += int64(n)
		v.Observe(f, ideal(f, cfg.Rate, 150e-6))
		v.Write(in)
		for {
			if _, n := v.Read(dst); n == 0 {
				return
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	period := sound(t, Config{Rate: 44100, Channels: 2, Out: media.AudioFormat{SampleRate: 48000, Channels: 2}})
	for range 500 {
		period()
	}
	require.Zero(t, testing.AllocsPerRun(500, period))
}

// One operation is a second of sound.
func BenchmarkSecond(b *testing.B) {
	for _, c := range conversions[:8] {
		b.Run(fmt.Sprintf("%d_%d_%d", c.in, c.out, c.channels), func(b *testing.B) {
			period := sound(b, Config{Rate: c.in, Channels: c.channels, Out: media.AudioFormat{SampleRate: c.out, Channels: min(2, c.channels)}})
			for b.Loop() {
				for range 100 {
					period()
				}
			}
		})
	}
}
