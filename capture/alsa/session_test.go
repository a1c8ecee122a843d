package alsa

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

var usual = params{Rate: 48000, Channels: 2, Format: S16, Period: 480, Buffer: 24000}

// rig is a sound input with a fake card, and what it emitted.
type rig struct {
	audio   *Audio
	clock   *media.Clock
	card    *fakeCard
	session *Session
	runs    []media.Samples
	done    chan error
	cancel  context.CancelFunc
}

func newRig(t *testing.T, p params, rate float64) *rig {
	clock := media.NewClock()
	r := &rig{clock: clock}
	r.audio = New(Config{Proc: proc, Sys: sys, Selector: "Capture"}, clock)
	r.audio.open = func(Card, int) (device, error) {
		r.card = newFakeCard(p, clock, rate)
		return r.card, nil
	}
	r.open(t)
	return r
}

func (r *rig) open(t *testing.T) {
	s, err := r.audio.Open(t.Context())
	require.NoError(t, err)
	r.session = s.(*Session)
	r.session.mono = func() time.Duration { return r.clock.Now() + fakeAhead }
}

func (r *rig) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel, r.done = cancel, make(chan error, 1)
	r.runs = nil
	go func() { r.done <- r.session.Run(ctx, func(s media.Samples) { r.runs = append(r.runs, s) }) }()
}

// busy keeps the box from reading for a while.
func (r *rig) busy(d time.Duration) {
	r.card.mu.Lock()
	r.card.busyTill = r.clock.Now() + d
	r.card.mu.Unlock()
}

func (r *rig) end(t *testing.T) {
	r.cancel()
	synctest.Wait()
	select {
	case err := <-r.done:
		require.ErrorIs(t, err, context.Canceled)
	default:
		t.Fatal("Run goes on after its context has ended")
	}
	require.NoError(t, r.session.Close())
	require.True(t, r.card.closed)
}

// holes checks that runs do not overlap, and returns how much is missing
// between them.
func (r *rig) holes(t *testing.T) (missing []time.Duration) {
	next := int64(-1)
	for _, s := range r.runs {
		require.Equal(t, r.session.Format(), s.Format)
		at := media.ToTimescale(s.PTS, s.Format.SampleRate)
		require.Equal(t, s.PTS, media.SamplesToDuration(at, s.Format.SampleRate), "on the grid")
		require.GreaterOrEqual(t, at, next)
		if next >= 0 && at > next {
			missing = append(missing, media.SamplesToDuration(at-next, s.Format.SampleRate))
		}
		next = at + int64(len(s.Data)/s.Format.Channels)
	}
	return missing
}

// late is how far the sound of a run is from its time, in milliseconds.
func late(s media.Samples) float64 {
	mid := len(s.Data) / s.Format.Channels / 2
	at := (s.PTS + media.SamplesToDuration(int64(mid), s.Format.SampleRate)).Seconds() * 1000
	d := math.Mod(at, 30000) - float64(s.Data[mid*s.Format.Channels])
	return math.Mod(d+45000, 30000) - 15000
}

func TestSoundIsInTimeAndWithoutHoles(t *testing.T) {
	for _, c := range []struct {
		p    params
		real float64
		to   media.AudioFormat
	}{
		{usual, 48000 * 1.0002, media.AudioFormat{}},
		{usual, 48000 * 0.9998, media.AudioFormat{SampleRate: 44100, Channels: 1}},
		{params{Rate: 44100, Channels: 1, Format: S16, Period: 1024, Buffer: 8192}, 44100 * 1.0001, media.AudioFormat{}},
		{params{Rate: 96000, Channels: 8, Format: S16, Period: 960, Buffer: 19200}, 96000, media.AudioFormat{SampleRate: 48000, Channels: 1}},
	} {
		t.Run(fmt.Sprintf("%d_%d", c.p.Rate, c.p.Channels), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.p, c.real)
				require.Equal(t, media.AudioFormat{SampleRate: 48000, Channels: 2}, r.session.Format())
				if c.to.SampleRate > 0 {
					require.NoError(t, r.session.Convert(c.to))
				}
				r.run(t)
				time.Sleep(29 * time.Second)
				r.end(t)
				require.Empty(t, r.holes(t))
				for _, s := range r.runs {
					require.InDelta(t, 0, late(s), 3, "ms at %v", s.PTS)
				}
				last := r.runs[len(r.runs)-1]
				require.Greater(t, last.PTS+last.Duration(), 28900*time.Millisecond)
				require.Less(t, r.runs[0].PTS, 5*time.Millisecond, "from the start on")
				require.InDelta(t, c.real/float64(c.p.Rate)-1, r.session.Stats().Drift, 30e-6)
				require.Zero(t, r.session.Stats().Overruns)
			})
		})
	}
}

func TestOverrunIsCountedAndWhatIsLostIsAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, usual, 48000)
		r.run(t)
		time.Sleep(5 * time.Second)
		r.busy(900 * time.Millisecond)
		time.Sleep(5 * time.Second)
		r.end(t)
		holes := r.holes(t)
		require.Len(t, holes, 1)
		require.InDelta(t, 0.9, holes[0].Seconds(), 0.03)
		require.EqualValues(t, 1, r.session.Stats().Overruns)
		for _, s := range r.runs[:len(r.runs)-3] {
			if len(s.Data) >= 400*2 { // not the end before the hole
				require.InDelta(t, 0, late(s), 3, "ms at %v", s.PTS)
			}
		}
	})
}

func TestLateReadingWithoutAnOverrunLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, usual, 48000)
		r.run(t)
		for range 10 {
			time.Sleep(time.Second)
			r.busy(150 * time.Millisecond)
		}
		time.Sleep(time.Second)
		r.end(t)
		require.Empty(t, r.holes(t))
		require.Zero(t, r.session.Stats().Overruns)
	})
}

// ended is the SignalError that Run returned.
func (r *rig) ended(t *testing.T) *capture.SignalError {
	var err error
	select {
	case err = <-r.done:
	case <-time.After(10 * time.Second):
		t.Fatal("Run goes on")
	}
	r.cancel()
	var signal *capture.SignalError
	require.ErrorAs(t, err, &signal)
	return signal
}

func TestWhatEndsASession(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*fakeCard)
		signal  capture.Signal
	}{
		"unplugged":                      {func(c *fakeCard) { c.fail = fmt.Errorf("status: %w", syscall.ENODEV) }, capture.SignalDeviceLost},
		"file shut down":                 {func(c *fakeCard) { c.fail = syscall.EBADFD }, capture.SignalDeviceLost},
		"brings nothing":                 {func(c *fakeCard) { c.deadFrom = c.clock.Now() }, capture.SignalStalled},
		"overruns for ever":              {func(c *fakeCard) { c.p.Buffer = 0 }, capture.SignalStalled},
		"overruns before there is sound": {func(c *fakeCard) { c.overrunAfter = 50 * time.Millisecond }, capture.SignalStalled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, usual, 48000)
				r.run(t)
				time.Sleep(2 * time.Second)
				r.card.mu.Lock()
				c.trouble(r.card)
				r.card.mu.Unlock()
				require.Equal(t, c.signal, r.ended(t).Signal)
				require.NoError(t, r.session.Close())
			})
		})
	}
}

func TestStartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, usual, 48000)
		r.card.fail = syscall.EIO
		r.run(t)
		err := <-r.done
		r.cancel()
		require.ErrorIs(t, err, syscall.EIO)
		require.ErrorContains(t, err, "USB3.0 HD Video Capture (hw:2,1)")
	})
}

// The HDMI source changes to 44.1 kHz; the driver of the I2S card knows nothing
// of it. The next session is right.
func TestSourceChangesItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, usual, 48000)
		r.run(t)
		time.Sleep(3 * time.Second)
		r.card.mu.Lock()
		r.card.started = r.clock.Now() - time.Duration(float64(r.card.read)/44100*1e9)
		r.card.real = 44100
		r.card.mu.Unlock()
		e := r.ended(t)
		require.Equal(t, capture.SignalUnstable, e.Signal)
		require.Contains(t, e.Detail, "from 48000 to 44100 Hz")
		require.NoError(t, r.session.Close())

		r.audio.open = func(Card, int) (device, error) {
			r.card = newFakeCard(usual, r.clock, 44100*1.00005)
			return r.card, nil
		}
		r.open(t)
		r.run(t)
		time.Sleep(10 * time.Second)
		r.end(t)
		require.Empty(t, r.holes(t))
		for _, s := range r.runs {
			require.InDelta(t, 0, late(s), 3, "ms at %v", s.PTS)
		}
	})
}

func TestOpeningFails(t *testing.T) {
	for _, c := range []struct {
		err    error
		signal capture.Signal
		text   string
	}{
		{fmt.Errorf("open: %w", syscall.EBUSY), capture.SignalNone, "in use by another program"},
		{syscall.ENODEV, capture.SignalDeviceLost, "hw:2,1"},
		{syscall.ENOENT, capture.SignalDeviceLost, "hw:2,1"},
		{errFormat, capture.SignalUnsupported, "S24_3LE"},
		{syscall.EACCES, capture.SignalUnsupported, "group audio"},
	} {
		a := New(Config{Proc: proc, Sys: sys, Selector: "Capture"}, media.NewClock())
		a.open = func(Card, int) (device, error) { return nil, c.err }
		_, err := a.Open(t.Context())
		var signal *capture.SignalError
		require.ErrorAs(t, err, &signal)
		require.Equal(t, c.signal, signal.Signal, "%v", c.err)
		require.ErrorContains(t, err, c.text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New(Config{Proc: fstest.MapFS{}, Sys: sys}, media.NewClock()).Open(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFormatThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, usual, 48000)
		err := r.session.Convert(media.AudioFormat{SampleRate: 48000, Channels: 6})
		require.ErrorContains(t, err, "6 channels")
		require.Equal(t, media.AudioFormat{SampleRate: 48000, Channels: 2}, r.session.Format())
	})
}
