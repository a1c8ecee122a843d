// Package encodetest is the contract of encode.Encoder as a test suite. Every
// encoder of the product passes it, on its own machine: software, hardware.
package encodetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

// Open makes the encoder under test.
type Open func(*testing.T, encode.Settings) (encode.Encoder, error)

// Options of the suite.
type Options struct {
	// Format of the footage; zero means 320x240 at 30 a second.
	Format media.VideoFormat
	// RateFormat is that of the footage rate control is tested with; zero means
	// 640x360 at 30 a second.
	RateFormat media.VideoFormat
	// Pixels are the formats the encoder takes. None means I420 only.
	Pixels []media.PixelFormat
	// Latency is the number of pictures the encoder may hold before it writes the
	// first of them.
	Latency int
	// RateTolerance is how far the bit rate over two seconds may be from the
	// target, as a share of it; zero means 0.15.
	RateTolerance float64
	// MaxBitrate is the highest bit rate the encoder is asked for; zero means 10
	// bits a second for each pixel.
	MaxBitrate int
	// Still says that rate control is tested with a picture that stands still: the
	// encoder fills up to the bit rate, and cannot compress moving ones to it.
	Still bool
	// Deterministic says that the same frames always give the same bytes.
	Deterministic bool
}

func (o *Options) defaults() {
	if o.Format.Width == 0 {
		o.Format = media.VideoFormat{Width: 320, Height: 240, Color: media.Color{Primaries: 1, Transfer: 1, Matrix: 1}}
		o.Format.FrameRate = media.Rational{Num: 30, Den: 1}
	}
	if o.RateFormat.Width == 0 {
		o.RateFormat = media.VideoFormat{Width: 640, Height: 360, FrameRate: media.Rational{Num: 30, Den: 1}}
	}
	if len(o.Pixels) == 0 {
		o.Pixels = []media.PixelFormat{media.I420}
	}
	if o.Format.Pixel == 0 {
		o.Format.Pixel = o.Pixels[0]
	}
	if o.RateFormat.Pixel == 0 {
		o.RateFormat.Pixel = o.Pixels[0]
	}
	if o.RateTolerance == 0 {
		o.RateTolerance = 0.15
	}
}

// suite holds what the tests share.
type suite struct {
	open Open
	Options
	settings encode.Settings
}

// Run runs the whole suite.
func Run(t *testing.T, open Open, o Options) {
	o.defaults()
	s := &suite{open: open, Options: o, settings: o.settingsFor(o.Format)}
	t.Run("one packet a frame, in order, with its PTS", s.order)
	t.Run("pictures look like the frames", s.pictures)
	t.Run("ForceKey makes that picture a key", s.forceKey)
	t.Run("RequestKey makes the next picture a key, once", s.requestKey)
	t.Run("RequestKey before Run asks for no second key", s.requestBefore)
	t.Run("closing without a frame", s.empty)
	t.Run("cancel while idle", s.cancelIdle)
	t.Run("cancel while coding", s.cancelBusy)
	t.Run("cancelled before Run", s.cancelBefore)
	t.Run("Update through twenty bit rates", s.update)
	t.Run("Update with the same settings does nothing", s.updateSame)
	t.Run("Update that needs a restart changes nothing", s.updateRestart)
	t.Run("Update and RequestKey at any time from anywhere", s.anyTime)
	t.Run("bit rate follows", s.rate)
	t.Run("frame of another size is an error", s.otherSize)
}

// settingsFor are a bit rate of 0.13 bits a pixel at 30 pictures a second, and
// room above it.
func (o *Options) settingsFor(f media.VideoFormat) encode.Settings {
	area := f.Width * f.Height
	if o.MaxBitrate > 0 {
		return encode.Settings{Format: f, Bitrate: o.MaxBitrate * 4 / 10, MaxBitrate: o.MaxBitrate}
	}
	return encode.Settings{Format: f, Bitrate: 4 * area, MaxBitrate: 10 * area}
}

func (s *suite) order(t *testing.T) {
	run := start(t, s.open, s.settings)
	var want []time.Duration
	for n := range 60 {
		f := run.footage.Frame(n)
		f.PTS += time.Duration(n%7) * 1234567 * time.Nanosecond // a camera's jitter
		if n >= 30 {
			f.PTS += 500 * time.Millisecond // a hole
		}
		want = append(want, f.PTS)
		run.sendFrame(f)
	}
	got := run.drain()
	for i, p := range got {
		require.Equal(t, want[i], p.PTS, "packet %d", i)
	}
	require.Equal(t, []int{0}, keysOf(got), "no key that nobody asked for")
	v := got[0].Track.Video
	f := s.settings.Format
	require.Equal(t, []any{f.Width, f.Height, f.FrameRate, f.Color}, []any{v.Width, v.Height, v.FrameRate, v.Color})
	require.Len(t, Decode(t, got), 60)
}

func (s *suite) pictures(t *testing.T) {
	for _, pixel := range s.Pixels {
		for _, pad := range []int{0, 64} {
			settings := s.settings
			settings.Format.Pixel = pixel
			settings.Bitrate = settings.MaxBitrate
			run := start(t, s.open, settings)
			run.footage.Pad = pad
			run.send(20)
			pictures := Decode(t, run.drain())
			require.Len(t, pictures, 20)
			luma := settings.Format.Width * settings.Format.Height
			for n, p := range pictures {
				want := run.footage.I420(n)
				require.Less(t, meanError(p[:luma], want[:luma]), 8.0, "luma of picture %d, pixel format %d, padding %d", n, pixel, pad)
				require.Less(t, meanError(p[luma:luma*5/4], want[luma:luma*5/4]), 6.0, "Cb of picture %d, pixel format %d, padding %d", n, pixel, pad)
				require.Less(t, meanError(p[luma*5/4:], want[luma*5/4:]), 6.0, "Cr of picture %d, pixel format %d, padding %d", n, pixel, pad)
			}
		}
	}
}

// meanError is the mean absolute difference.
func meanError(a, b []byte) float64 {
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}

func (s *suite) forceKey(t *testing.T) {
	run := start(t, s.open, s.settings)
	want := []int{0, 9, 10, 29, 39}
	for n := range 40 {
		f := run.footage.Frame(n)
		f.ForceKey = slices.Contains(want, n)
		run.sendFrame(f)
	}
	got := run.drain()
	require.Equal(t, want, keysOf(got))
	for i, k := range want[1:] { // decoding starts at any of them
		require.Len(t, Decode(t, got[k:]), 40-k, "from key %d", i+1)
	}
}

func (s *suite) requestKey(t *testing.T) {
	run := start(t, s.open, s.settings)
	for round := range 3 {
		run.send(10)
		run.await(run.sent - s.Latency)
		for range 5 + round {
			run.enc.RequestKey()
		}
	}
	run.send(10)
	keys := keysOf(run.drain())
	require.Len(t, keys, 4, "one key for several requests: %v", keys)
	for i, k := range keys {
		require.LessOrEqual(t, k, 10*i)
		require.Greater(t, k, 10*i-1-s.Latency)
	}
}

func (s *suite) requestBefore(t *testing.T) {
	enc, err := s.open(t, s.settings)
	require.NoError(t, err)
	enc.RequestKey()
	run := start(t, func(*testing.T, encode.Settings) (encode.Encoder, error) { return enc, nil }, s.settings)
	run.send(10)
	require.Equal(t, []int{0}, keysOf(run.drain()))
	enc.RequestKey()
	require.NoError(t, enc.Update(s.settings))
}

func (s *suite) empty(t *testing.T) {
	require.Empty(t, start(t, s.open, s.settings).drain())
}

func (s *suite) cancelIdle(t *testing.T) {
	start(t, s.open, s.settings).stop()
	run := start(t, s.open, s.settings)
	run.send(3)
	run.await(3 - s.Latency)
	run.stop()
}

func (s *suite) cancelBusy(t *testing.T) {
	run := start(t, s.open, s.settings)
	run.send(5)
	go run.cancel()
	for ended := false; !ended; { // a source that does not know
		f := run.footage.Frame(run.sent)
		select {
		case run.frames <- f:
			run.sent++
		case err := <-run.done:
			f.Release()
			run.done <- err
			ended = true
		}
	}
	run.stop()
	checkStream(t, run.written())
}

func (s *suite) cancelBefore(t *testing.T) {
	enc, err := s.open(t, s.settings)
	require.NoError(t, err)
	footage := NewFootage(s.settings.Format)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	frames := make(chan media.Frame, 1)
	frames <- footage.Frame(0)
	err = enc.Run(ctx, frames, media.WriterFunc(func(media.Packet) {}))
	require.ErrorIs(t, err, context.Canceled)
	select {
	case f := <-frames: // never received, still the sender's
		f.Release()
	default:
	}
	footage.checkReleased(t)
}

func (s *suite) otherSize(t *testing.T) {
	run := start(t, s.open, s.settings)
	run.send(1)
	other := s.settings.Format
	other.Width, other.Height = other.Width/2, other.Height/2
	strange := NewFootage(other)
	select {
	case run.frames <- strange.Frame(1):
	case err := <-run.done:
		t.Fatalf("Run ended early: %v", err)
	}
	require.Error(t, <-run.done)
	strange.checkReleased(t)
	run.footage.checkReleased(t)
}
