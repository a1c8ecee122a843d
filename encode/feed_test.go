package encode

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

const frameTime = 40 * time.Millisecond

// frames makes frames and counts those not yet freed.
type frames struct{ alive atomic.Int64 }

func (s *frames) at(n int) media.Frame {
	s.alive.Add(1)
	b := media.NewBuffer(media.VideoFormat{}, [3]media.Plane{}, func(*media.Buffer) { s.alive.Add(-1) })
	return media.Frame{Buffer: b, PTS: time.Duration(n) * frameTime}
}

// running starts a feed with outs unbuffered channels; stop ends and awaits it.
func running(t *testing.T, gop time.Duration, outs int) (f *Feed, chans []chan media.Frame, cancel func(), end <-chan error) {
	t.Helper()
	f = NewFeed(gop)
	ctx, cancel := context.WithCancel(t.Context())
	send := make([]chan<- media.Frame, outs)
	for i := range outs {
		c := make(chan media.Frame)
		chans, send[i] = append(chans, c), c
	}
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, send...) }()
	return f, chans, cancel, done
}

func TestFeedNewestWinsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, _, end := running(t, time.Second, 1)
		for n := range 5 {
			f.Put(src.at(n))
			synctest.Wait()
		}
		require.EqualValues(t, 1, src.alive.Load(), "older frames are released at once")
		got := <-out[0]
		require.Equal(t, 4*frameTime, got.PTS)
		require.True(t, got.ForceKey, "the key of the dropped first frame goes to the one delivered")
		got.Release()
		f.Put(src.at(5))
		got = <-out[0]
		require.Equal(t, 5*frameTime, got.PTS)
		require.False(t, got.ForceKey)
		got.Release()
		f.Close()
		require.NoError(t, <-end)
		require.Zero(t, src.alive.Load())
		require.Equal(t, FeedStats{Delivered: 2, Dropped: 4}, f.Stats())
	})
}

func TestFeedFansOutTheSameFramesWithTheSameKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, _, end := running(t, 4*frameTime, 3)
		type seen struct {
			pts time.Duration
			key bool
		}
		got := make([][]seen, 3)
		done := make(chan struct{})
		for i, c := range out {
			go func() {
				defer func() { done <- struct{}{} }()
				for frame := range c {
					got[i] = append(got[i], seen{frame.PTS, frame.ForceKey})
					time.Sleep(time.Duration(i+1) * frameTime) // the last rung is too slow
					frame.Release()
				}
			}()
		}
		for n := range 40 {
			f.Put(src.at(n))
			time.Sleep(frameTime)
		}
		f.Close()
		require.NoError(t, <-end)
		for range out {
			<-done
		}
		require.Equal(t, got[0], got[1])
		require.Equal(t, got[0], got[2])
		require.Less(t, len(got[0]), 20)
		require.Zero(t, src.alive.Load())
		st := f.Stats()
		require.EqualValues(t, len(got[0]), st.Delivered)
		require.EqualValues(t, 40, st.Delivered+st.Dropped)
	})
}

func TestFeedRequestedKeysLeaveTheBoundariesWhereTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, cancel, end := running(t, 10*frameTime, 1)
		var keys []int
		for n := range 31 {
			if n == 7 {
				f.RequestKey()
				f.RequestKey()
				f.RequestKey()
			}
			frame := src.at(n)
			frame.ForceKey = n == 13 // by the source
			f.Put(frame)
			got := <-out[0]
			if got.ForceKey {
				keys = append(keys, n)
			}
			got.Release()
			synctest.Wait()
		}
		require.Equal(t, []int{0, 7, 10, 13, 20, 30}, keys)
		cancel()
		require.ErrorIs(t, <-end, context.Canceled)
	})
}

func TestFeedRequestWhileAFrameIsOnOfferMarksThatFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, _, end := running(t, time.Hour, 1)
		f.Put(src.at(0))
		(<-out[0]).Release()
		f.Put(src.at(1))
		synctest.Wait()
		f.RequestKey()
		synctest.Wait()
		got := <-out[0]
		require.True(t, got.ForceKey)
		got.Release()
		f.Close()
		require.NoError(t, <-end)
	})
}

func TestFeedRefusesFramesThatDoNotRiseButOwesTheirKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, _, end := running(t, time.Hour, 1)
		f.Put(src.at(5))
		(<-out[0]).Release()
		for _, n := range []int{5, 3} {
			frame := src.at(n)
			frame.ForceKey = true
			f.Put(frame)
			synctest.Wait()
		}
		f.Put(src.at(6))
		got := <-out[0]
		require.Equal(t, 6*frameTime, got.PTS)
		require.True(t, got.ForceKey)
		got.Release()
		f.Close()
		require.NoError(t, <-end)
		require.Zero(t, src.alive.Load())
		require.Equal(t, FeedStats{Delivered: 2, Stale: 2}, f.Stats())
	})
}

func TestFeedReleasesEverythingWhenCancelled(t *testing.T) {
	for _, taken := range []int{0, 1} { // how many of two encoders took the frame
		synctest.Test(t, func(t *testing.T) {
			var src frames
			f, out, cancel, end := running(t, time.Second, 2)
			f.Put(src.at(0))
			synctest.Wait()
			if taken == 1 {
				(<-out[0]).Release()
				f.Put(src.at(1))
				synctest.Wait()
			}
			cancel()
			require.ErrorIs(t, <-end, context.Canceled)
			for _, c := range out {
				_, open := <-c
				require.False(t, open, "the encoders' channels are closed")
			}
			f.Put(src.at(2))
			require.Zero(t, src.alive.Load())
		})
	}
}

func TestFeedCloseDeliversTheFrameInTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, _, end := running(t, time.Second, 1)
		f.Put(src.at(0))
		f.Close()
		synctest.Wait()
		(<-out[0]).Release()
		_, open := <-out[0]
		require.False(t, open)
		require.NoError(t, <-end)
		require.Zero(t, src.alive.Load())
	})
}
