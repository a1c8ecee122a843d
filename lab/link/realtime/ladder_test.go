package realtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/netns"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == SenderArgument {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		err := Sender(ctx, os.Stdin, os.Stdout)
		stop()
		if err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(netns.Main(m.Run))
}

// ladder is a small one.
func ladder(t *testing.T) *Ladder {
	dir, err := MakeLadder(t.Context(), LadderSpec{Rungs: []int{500_000, 1_000_000, 2_000_000}, Pictures: 2 * gop})
	require.NoError(t, err)
	l, err := OpenLadder(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func TestALadderHasTheSameGOPsOnEveryRung(t *testing.T) {
	l := ladder(t)
	require.Len(t, l.Rungs, 3)
	require.Equal(t, 2*gop, l.Len())
	var lost []float64
	for k, r := range l.Rungs {
		require.Len(t, r.Pictures, 2*gop)
		size, sum := 0, 0.0
		for i, p := range r.Pictures {
			require.Equal(t, i%gop == 0, p.Key)
			require.Len(t, l.Data(p), p.Size)
			require.Positive(t, p.MSE)
			size += p.Size
			sum += p.MSE
		}
		lost = append(lost, sum)
		require.InEpsilon(t, []int{500_000, 1_000_000, 2_000_000}[k], r.Bitrate, 0.3)
		require.Equal(t, size*8*perSecond/l.Len(), r.Bitrate)
	}
	require.Greater(t, lost[0], 1.1*lost[1], "more bits, more of the picture")
	require.Greater(t, lost[1], 1.1*lost[2])
	require.Zero(t, l.moved(5, 5))
	require.Greater(t, l.moved(5, 100), l.moved(5, 6))
	track, err := l.Track()
	require.NoError(t, err)
	require.Equal(t, width, track.Video.Width)
	_, err = OpenLadder(t.TempDir())
	require.ErrorContains(t, err, "open the ladder")
}

func TestTheStoredCameraKeepsToItsBitRate(t *testing.T) {
	l := ladder(t)
	c := &stored{sender: &sender{ladder: l, job: job{Transport: law.SRT}}}
	for _, bitrate := range []int{l.Rungs[0].Bitrate, 700_000, 1_300_000, 1_900_000} {
		size := 0
		for range 4 * l.Len() {
			size += c.next(float64(bitrate)).Size
		}
		require.InEpsilon(t, bitrate, size*8/(4*l.Len()/perSecond), 0.05)
	}
	top := l.Rungs[2].Pictures[c.position]
	require.Equal(t, top, c.next(99e6), "no more than there is")
	for c.position != 7 {
		c.next(1e6)
	}
	c.key()
	require.True(t, c.next(1e6).Key)
	require.Equal(t, gop+1, c.position)
	c.key()
	require.True(t, c.next(1e6).Key, "round the end")
	require.Equal(t, 1, c.position)
	require.InDelta(t, l.Rungs[0].Bitrate, c.sender.bitrate(rate.Advice{Target: 1}), 1, "no less either")
	require.InDelta(t, 872_000/1.04, c.sender.bitrate(rate.Advice{Target: 1_000_000}), 1)
}

func TestSourcesHaveADigest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := ReadSources(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, a.Of(law.Ours))
	require.NotEqual(t, a.Of(law.Ours), a.Of("belacoder"))
	b, err := ReadSources(ctx)
	require.NoError(t, err)
	require.Equal(t, a, b)
}
