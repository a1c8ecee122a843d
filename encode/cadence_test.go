package encode

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// keys runs a cadence over the times and returns those that became keys.
func keys(gop time.Duration, times []time.Duration) (out []time.Duration) {
	c := NewCadence(gop)
	for _, t := range times {
		if c.Due(t) {
			out = append(out, t)
		}
		c.Commit(t)
	}
	return out
}

func TestCadenceKeepsSegmentsWithinAFrameAndNeverDrifts(t *testing.T) {
	const gop = 2 * time.Second
	for _, r := range []media.Rational{{Num: 10, Den: 1}, {Num: 24000, Den: 1001}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 30, Den: 1}, {Num: 60000, Den: 1001}, {Num: 60, Den: 1}} {
		t.Run(fmt.Sprint(r.Num, "_", r.Den), func(t *testing.T) {
			const start = 7333333333 * time.Nanosecond
			frame := r.FrameTime(1)
			var times []time.Duration
			for n := range int64(3600 * r.Float()) {
				times = append(times, start+r.FrameTime(n))
			}
			got := keys(gop, times)
			require.Equal(t, start, got[0])
			require.InDelta(t, 1800, len(got), 1)
			for i := 1; i < len(got); i++ {
				require.InDelta(t, gop, got[i]-got[i-1], float64(frame+cadenceSlack), "segment %d", i)
				require.InDelta(t, start+time.Duration(i)*gop, got[i], float64(frame), "boundary %d moved", i)
			}
		})
	}
}

func TestCadenceOnJitteredAndDroppedFrames(t *testing.T) {
	const gop, frame = time.Second, 40 * time.Millisecond
	rnd := rand.New(rand.NewPCG(1, 2))
	var times []time.Duration
	for n := range 25 * 600 {
		if n > 0 && rnd.IntN(10) == 0 {
			continue // dropped before the encoder
		}
		times = append(times, time.Duration(n)*frame+time.Duration(rnd.IntN(10))*time.Millisecond)
	}
	got := keys(gop, times)
	require.Len(t, got, 600)
	for i, k := range got {
		late := k - (got[0] + time.Duration(i)*gop)
		require.GreaterOrEqual(t, late, -cadenceSlack, "key %d", i)
		require.Less(t, late, 5*frame, "key %d", i)
	}
}

func TestCadenceAfterAHoleServesPassedBoundariesOnce(t *testing.T) {
	s := time.Second
	got := keys(2*s, []time.Duration{s, 2 * s, 12 * s, 12*s + s/2, 13 * s, 14 * s, 15 * s})
	require.Equal(t, []time.Duration{s, 12 * s, 13 * s, 15 * s}, got)
}

func TestCadenceWithoutGOPMarksOnlyTheFirst(t *testing.T) {
	require.Equal(t, []time.Duration{0}, keys(0, []time.Duration{0, time.Second, time.Hour}))
}

func TestCadenceDueWithoutCommitKeepsTheKey(t *testing.T) {
	c := NewCadence(time.Second)
	require.True(t, c.Due(0), "then dropped")
	require.True(t, c.Due(40*time.Millisecond), "the key moves to the next frame")
	c.Commit(40 * time.Millisecond)
	require.False(t, c.Due(time.Second), "the boundaries count from the first coded frame")
	require.True(t, c.Due(1040*time.Millisecond))
}

// Two boxes on one signal make key pictures at the same times of day, whenever each
// of them began.
func TestAlignedKeysLieOnTheGrid(t *testing.T) {
	const gop = 2 * time.Second
	for _, frame := range []time.Duration{time.Second / 25, time.Second * 1001 / 30000} {
		for _, anchor := range []time.Duration{-7777 * time.Millisecond, 0, 1300 * time.Millisecond, 1234567 * time.Second} {
			for _, at := range []int{-1, 0, 1, 60, 77} { // the picture before which it is known
				c := NewCadence(gop)
				if at < 0 {
					c.Align(anchor)
				}
				for i := range 400 {
					pts := time.Duration(i) * frame
					if i == at {
						c.Align(anchor)
					}
					key := c.Due(pts)
					c.Commit(pts)
					if i == 0 || i < at {
						continue
					}
					into := ((pts+cadenceSlack-anchor)%gop + gop) % gop
					require.Equal(t, into < frame, key, "picture %d at %v, %v behind a boundary", i, pts, into)
				}
			}
		}
	}
}

func TestCadenceRestarts(t *testing.T) {
	for name, aligned := range map[string]bool{"from the first picture": false, "aligned": true} {
		c := NewCadence(time.Second)
		if aligned {
			c.Align(0)
		}
		var keys []time.Duration
		for n := range 100 {
			at := 10*time.Second + time.Duration(n)*40*time.Millisecond
			if n == 35 {
				c.Restart()
			}
			if c.Due(at) {
				keys = append(keys, at)
			}
			c.Commit(at)
		}
		second := 12400 * time.Millisecond
		if aligned {
			second = 12 * time.Second
		}
		require.Equal(t, []time.Duration{10 * time.Second, 11 * time.Second, 11400 * time.Millisecond, second, second + time.Second}, keys, name)
	}
}
