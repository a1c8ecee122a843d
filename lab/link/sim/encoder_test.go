package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// seconds of an encoder: bits per second put out.
func (e *encoder) seconds(n int) float64 {
	sum := 0
	for range n * 30 {
		size, _ := e.frame(false)
		sum += size
	}
	return float64(sum) * 8 / float64(n)
}

func TestTheEncoderPutsOutWhatItIsTold(t *testing.T) {
	for _, rate := range []float64{400e3, 3e6, 8e6} {
		e := newEncoder(1, Moving, rate)
		require.InEpsilon(t, rate, e.seconds(60), .04)
	}
	e := newEncoder(1, Moving, 2e6)
	e.inert = 2
	require.InEpsilon(t, 4e6, e.seconds(60), .04)
}

func TestACutShowsAfterTwoPictures(t *testing.T) {
	e := newEncoder(1, Moving, 6e6)
	e.seconds(10)
	e.set(1e6)
	for range reaction {
		e.frame(false)
		require.InDelta(t, 6e6, e.current, 1)
	}
	e.frame(false)
	require.InDelta(t, 1e6, e.current, 1)
	e.seconds(2)
	require.InEpsilon(t, 1e6, e.seconds(20), .05)
}

func TestARiseTakesSomePicturesAndASmallOneDoesNothing(t *testing.T) {
	e := newEncoder(1, Moving, 2e6)
	e.seconds(10)
	e.set(2.05e6)
	e.seconds(1)
	require.InDelta(t, 2e6, e.current, 1)
	e.set(4e6)
	for range reaction + 1 {
		e.frame(false)
	}
	require.Less(t, e.current, 3e6)
	e.seconds(2)
	require.InEpsilon(t, 4e6, e.current, .02)
}

func TestKeyPicturesAreLargeAndComeWhenAsked(t *testing.T) {
	e := newEncoder(1, Moving, 3e6)
	var keys, others, n float64
	for i := range 60 * 50 {
		size, key := e.frame(i%60 == 30 && i > 1500)
		if key {
			keys += float64(size)
			n++
		} else {
			others += float64(size)
		}
	}
	ratio := keys / n / (others / (60*50 - n))
	require.Greater(t, ratio, 3.5)
	require.Less(t, ratio, 6.5)
	require.InDelta(t, 50, n, 2, "an asked one begins the GOP anew")
}

func TestSomeScenesNeedLittle(t *testing.T) {
	e := newEncoder(1, Changing, 6e6)
	least, most := 1e12, 0.0
	for range 120 {
		r := e.seconds(2)
		least, most = min(least, r), max(most, r)
	}
	require.Less(t, least, 1e6)
	require.Greater(t, most, 4.5e6)
}
