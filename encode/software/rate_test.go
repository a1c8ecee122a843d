package software

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
)

// coded runs seconds of footage through an encoder, every divider-th picture, with
// the bit rate that rate gives for each, and returns the bits of each second.
func coded(t *testing.T, s encode.Settings, seconds, divider int, rate func(n int) int) []int {
	t.Helper()
	s.Bitrate, s.Divider = rate(0), divider
	e, err := New(s)
	require.NoError(t, err)
	footage := encodetest.NewFootage(s.Format)
	bits := make([]int, seconds)
	var first time.Duration
	frames, done := make(chan media.Frame), make(chan error, 1)
	go func() {
		done <- e.Run(t.Context(), frames, media.WriterFunc(func(p media.Packet) {
			if first == 0 {
				first = p.PTS
			}
			bits[(p.PTS-first)/time.Second] += 8 * len(p.Data)
		}))
	}()
	for n := 0; n < seconds*30; n += divider {
		s.Bitrate = rate(n)
		require.NoError(t, e.Update(s))
		f := footage.Frame(n)
		f.ForceKey = n%60 == 0
		frames <- f
	}
	close(frames)
	require.NoError(t, <-done)
	require.Zero(t, footage.Alive())
	return bits
}

func sum(bits []int) (n int) {
	for _, b := range bits {
		n += b
	}
	return n
}

func TestHalfThePicturesHaveAllTheBits(t *testing.T) {
	for _, divider := range []int{1, 2, 3} {
		bits := coded(t, small, 8, divider, func(int) int { return 600_000 })
		require.InEpsilon(t, 600_000, sum(bits[2:])/6, 0.1, "every %d. picture", divider)
	}
}

// A controller may change the bit rate with every picture: what comes out is what a
// constant one would have given.
func TestBitRateThatNeverRests(t *testing.T) {
	still := coded(t, small, 8, 1, func(int) int { return 500_000 })
	moving := coded(t, small, 8, 1, func(n int) int { return 475_000 + 50_000*(n%2) })
	require.InEpsilon(t, sum(still), sum(moving), 0.03)
	for i := range still {
		require.InEpsilon(t, still[i], moving[i], 0.1, "second %d", i)
	}
	rising := coded(t, small, 8, 1, func(n int) int { return 250_000 + 1000*n })
	for i, b := range rising[1:] {
		require.InEpsilon(t, 250_000+1000*30*(float64(i)+1.5), b, 0.25, "second %d of a rise", i+1)
	}
}
