package m2m

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

func (r *rig) divide(bitrate, divider int) {
	s := testSettings
	s.Bitrate, s.Divider = bitrate, divider
	require.NoError(r.t, r.e.Update(s))
}

// sendEvery sends n pictures, every divider-th of the source's.
func (r *rig) sendEvery(divider, n int) {
	for range n {
		r.send(1)
		r.sent += divider - 1
		time.Sleep(time.Duration(divider-1) * frameTime)
	}
}

// The driver goes by the frame rate that it was told: with half the pictures each
// gets twice as much, so that a second has what was asked for.
func TestDividerKeepsBitsPerSecond(t *testing.T) {
	m := rated()
	play(t, m, Config{}, func(r *rig) {
		r.send(100)
		r.divide(1_000_000, 2)
		r.sendEvery(2, 50)
		r.requireRate(100, 2_000_000)
		r.requireRate(198, 2_000_000)
		r.divide(400_000, 2)
		r.sendEvery(2, 100)
		r.requireRate(398, 800_000)
		require.Equal(t, "yes", r.stats().LiveBitrate, "what is coded is measured in the driver's terms")
		r.divide(400_000, 1)
		r.send(100)
		r.requireRate(499, 400_000)
		r.divide(4_000_000, 2) // more than the highest there is
		r.sendEvery(2, 10)
		r.requireRate(518, 4_000_000)
		r.drain()
		require.Equal(t, []int{0}, r.keys())
		require.Zero(t, r.stats().Restarts)
	})
}

// Where pictures are missing, less is coded whatever the driver does.
func TestSkippedPicturesProveNothingOfTheBitRate(t *testing.T) {
	m := rated()
	m.deafBitrate = true
	play(t, m, Config{}, func(r *rig) {
		r.send(100)
		r.update(500_000)
		for range 6 {
			r.send(2)
			r.sent += 20
			time.Sleep(20 * frameTime)
		}
		r.send(50)
		require.Empty(t, r.stats().LiveBitrate)
		r.drain()
		require.Equal(t, []int{0}, r.keys())
	})
}

// A stream ends and another begins in the same memory, as when smaller pictures are
// coded elsewhere meanwhile.
func TestRunsAgainInTheSameMemory(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	synctest.Test(t, func(t *testing.T) {
		m := rated()
		m.kick = make(chan struct{}, 1)
		e, err := New(Config{kernel: m, Device: "/dev/video7", Settings: testSettings})
		require.NoError(t, err)
		feed := encode.NewFeed(time.Minute)
		var got []media.Packet
		w := media.WriterFunc(func(p media.Packet) { got = append(got, p) })
		done := make(chan error, 1)
		sent := 0
		send := func(n int) {
			for range n {
				b := e.Pool().Get()
				require.NotNil(t, b, "picture %d", sent)
				feed.Put(media.Frame{Buffer: b, PTS: pts(sent)})
				sent++
				time.Sleep(frameTime)
			}
		}
		for round := range 3 {
			go func() { done <- e.RunFeed(t.Context(), feed, w) }()
			synctest.Wait()
			send(20)
			require.Error(t, e.Run(t.Context(), nil, w), "while another runs")
			feed.Break()
			require.NoError(t, <-done)
			send(2) // nobody takes them; the newest waits
			s := testSettings
			s.Bitrate = (round + 1) * 300_000
			require.NoError(t, e.Update(s))
			feed.Resume()
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- e.RunFeed(ctx, feed, w) }()
		synctest.Wait()
		send(5)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Error(t, e.Run(t.Context(), nil, w), "after one that failed")
		feed.Put(media.Frame{Buffer: e.Pool().Get(), PTS: time.Hour})
		finish(t, m, e)
		require.Len(t, m.opened, 1, "the device stays open")
		begun := keysOfTracks(t, got)
		require.Equal(t, []int{0, 21, 43, 65}, begun)
		for i, n := range begun[1:] {
			at := slices.IndexFunc(got, func(p media.Packet) bool { return p.PTS == pts(n) })
			require.InEpsilon(t, (i+1)*300_000/8/25, len(got[at+1].Data), 0.05, "the bit rate set in between holds")
		}
	})
	goleak.VerifyNone(t, leaks)
}

// keysOfTracks are the numbers of the pictures that begin a track, as key pictures.
func keysOfTracks(t *testing.T, got []media.Packet) (list []int) {
	for i, p := range got {
		if i == 0 || p.Track != got[i-1].Track {
			require.True(t, p.Key)
			list = append(list, int((p.PTS-time.Second)/frameTime))
		}
	}
	return list
}

// Without a constant bit rate the peak goes along, and is never below the rate.
func TestPeakFollowsWhereTheRateIsVariable(t *testing.T) {
	for name, constant := range map[string]bool{"constant": true, "variable": false} {
		t.Run(name, func(t *testing.T) {
			m := rated()
			m.controls = append(m.controls, v4l2.Control{ID: v4l2.CtrlBitratePeak, Type: v4l2.ControlInteger, Min: 25_000, Max: 25_000_000, Step: 1})
			if !constant {
				m.controls = slices.DeleteFunc(m.controls, func(c v4l2.Control) bool { return c.ID == v4l2.CtrlBitrateMode })
			}
			play(t, m, Config{}, func(r *rig) {
				r.send(5)
				for _, c := range []struct{ bitrate, peak int64 }{{500_000, 750_000}, {3_000_000, 4_000_000}, {1_000_000, 1_500_000}} {
					r.update(int(c.bitrate))
					r.send(3)
					want := c.peak
					if constant {
						want = int64(testSettings.MaxBitrate)
					}
					m.mu.Lock()
					values := m.opened[0].values
					require.Equal(t, c.bitrate, values[v4l2.CtrlBitrate])
					require.Equal(t, want, values[v4l2.CtrlBitratePeak])
					m.mu.Unlock()
				}
				r.drain()
			})
		})
	}
}
