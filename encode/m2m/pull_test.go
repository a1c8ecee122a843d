package m2m

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// pulled plays a script against an encoder that takes its frames out of a feed.
func pulled(t *testing.T, m *machine, script func(e *Encoder, feed *encode.Feed, cancel func()), want error) (got []media.Packet) {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	synctest.Test(t, func(t *testing.T) {
		m.kick = make(chan struct{}, 1)
		e, err := New(Config{kernel: m, Device: "/dev/video7", Settings: testSettings})
		require.NoError(t, err)
		feed := encode.NewFeed(10 * frameTime)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() {
			done <- e.RunFeed(ctx, feed, media.WriterFunc(func(p media.Packet) { got = append(got, p) }))
		}()
		synctest.Wait()
		script(e, feed, cancel)
		require.ErrorIs(t, <-done, want)
		b := e.Pool().Get()
		feed.Put(media.Frame{Buffer: b, PTS: time.Hour})
		finish(t, m, e)
		for i, p := range got {
			require.NoError(t, h264.Valid(p.Data), "packet %d", i)
			require.Same(t, got[0].Track, p.Track)
		}
	})
	goleak.VerifyNone(t, leaks)
	return got
}

func put(e *Encoder, feed *encode.Feed, n int) {
	for i := range n {
		if b := e.Pool().Get(); b != nil {
			feed.Put(media.Frame{Buffer: b, PTS: pts(i)})
		}
		time.Sleep(frameTime)
	}
}

func TestPullsFromTheFeed(t *testing.T) {
	var stats encode.FeedStats
	got := pulled(t, newMachine(), func(e *Encoder, feed *encode.Feed, _ func()) {
		put(e, feed, 25)
		feed.Close() // drains
		stats = feed.Stats()
	}, nil)
	require.Len(t, got, 25)
	for n, p := range got {
		require.Equal(t, pts(n), p.PTS)
		require.Equal(t, n%10 == 0, p.Key, "packet %d", n)
	}
	require.Equal(t, encode.FeedStats{Delivered: 25}, stats)
}

// A slow encoder takes the newest there is when it has room.
func TestPullsTheNewest(t *testing.T) {
	m := newMachine()
	m.delay = 3 * frameTime
	var stats encode.FeedStats
	got := pulled(t, m, func(e *Encoder, feed *encode.Feed, _ func()) {
		put(e, feed, 30)
		feed.Close()
		stats = feed.Stats()
	}, nil)
	require.NotZero(t, stats.Dropped)
	require.InDelta(t, 30, stats.Delivered+stats.Dropped, 1)
	require.InDelta(t, stats.Delivered, len(got), 1)
	require.GreaterOrEqual(t, got[len(got)-1].PTS, pts(28), "the last one is a new one")
}

func TestPullingEndsAtOnce(t *testing.T) {
	pulled(t, newMachine(), func(e *Encoder, feed *encode.Feed, cancel func()) {
		put(e, feed, 3)
		cancel()
	}, context.Canceled)
	// Where there was no frame at all.
	require.Empty(t, pulled(t, newMachine(), func(_ *Encoder, _ *encode.Feed, cancel func()) { cancel() }, context.Canceled))
}
