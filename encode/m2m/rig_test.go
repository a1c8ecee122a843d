package m2m

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

var testSettings = encode.Settings{
	Format:  media.VideoFormat{Width: 320, Height: 180, FrameRate: media.Rational{Num: 25, Den: 1}, Pixel: media.NV12},
	Bitrate: 1_000_000, MaxBitrate: 4_000_000,
}

const frameTime = 40 * time.Millisecond

// rig is an encoder over a machine, in a bubble where time is a story.
type rig struct {
	t      *testing.T
	m      *machine
	e      *Encoder
	frames chan media.Frame
	done   chan error
	cancel context.CancelFunc
	sent   int
	got    []media.Packet
	gotAt  []time.Time
}

// play runs a script against an encoder over m, and checks what holds for all.
func play(t *testing.T, m *machine, c Config, script func(*rig)) {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	synctest.Test(t, func(t *testing.T) {
		m.kick = make(chan struct{}, 1)
		c.kernel = m
		if c.Device == "" {
			c.Device = "/dev/video7"
		}
		if c.Settings.Bitrate == 0 {
			c.Settings = testSettings
		}
		e, err := New(c)
		require.NoError(t, err)
		r := &rig{t: t, m: m, e: e, frames: make(chan media.Frame), done: make(chan error, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		r.cancel = cancel
		defer cancel()
		go func() { r.done <- e.Run(ctx, r.frames, media.WriterFunc(r.write)) }()
		script(r)
		synctest.Wait()
		finish(t, m, e)
		r.check()
	})
	goleak.VerifyNone(t, leaks)
}

func (r *rig) write(p media.Packet) {
	r.got = append(r.got, p)
	r.gotAt = append(r.gotAt, time.Now())
}

// check is what holds for the packets of every run.
func (r *rig) check() {
	last := time.Duration(-1)
	for i, p := range r.got {
		require.NoError(r.t, h264.Valid(p.Data), "packet %d", i)
		require.Greater(r.t, p.DTS, last)
		require.Equal(r.t, p.PTS, p.DTS)
		require.Same(r.t, r.got[0].Track, p.Track, "packet %d", i)
		if i == 0 || p.Gap {
			require.True(r.t, p.Key, "packet %d", i)
		}
		last = p.PTS
	}
}

// pts is the time of the n-th frame.
func pts(n int) time.Duration { return time.Second + time.Duration(n)*frameTime }

// send sends frames from the encoder's own pool, one a frame time, as a capture
// device does: with no memory free, or no room, the frame is dropped.
func (r *rig) send(n int, keys ...int) {
	r.t.Helper()
	for range n {
		if b := r.e.Pool().Get(); b != nil {
			f := media.Frame{Buffer: b, PTS: pts(r.sent), ForceKey: slices.Contains(keys, r.sent)}
			r.offer(f)
		}
		r.sent++
		time.Sleep(frameTime)
	}
	synctest.Wait()
}

// offer hands a frame over, unless there is no room.
func (r *rig) offer(f media.Frame) bool {
	r.t.Helper()
	synctest.Wait()
	select {
	case r.frames <- f:
		synctest.Wait()
		return true
	case err := <-r.done:
		r.done <- err
	default:
	}
	f.Release()
	return false
}

func (r *rig) drain() {
	r.t.Helper()
	close(r.frames)
	require.NoError(r.t, <-r.done)
}

func (r *rig) stop() {
	r.t.Helper()
	r.cancel()
	require.ErrorIs(r.t, <-r.done, context.Canceled)
}

func (r *rig) stats() Stats { return r.e.Stats() }

// keys are the frames that came out as key pictures.
func (r *rig) keys() (list []int) {
	for _, p := range r.got {
		if p.Key {
			list = append(list, int((p.PTS-time.Second)/frameTime))
		}
	}
	return list
}

// gaps are the frames that came out with Gap.
func (r *rig) gaps() (list []int) {
	for _, p := range r.got {
		if p.Gap {
			list = append(list, int((p.PTS-time.Second)/frameTime))
		}
	}
	return list
}

var errScript = errors.New("as the test says")
