package software

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

func open(_ *testing.T, s encode.Settings) (encode.Encoder, error) { return New(s) }

func TestContract(t *testing.T) {
	encodetest.Run(t, open, encodetest.Options{
		Pixels:        []media.PixelFormat{media.I420, media.NV12},
		Deterministic: true,
	})
}

// The same with sides that are no multiple of a macroblock, and several slices
// (where there are several cores), whose sizes openh264 balances by run time.
func TestContractWithCropping(t *testing.T) {
	encodetest.Run(t, open, encodetest.Options{
		Format: media.VideoFormat{Width: 854, Height: 362, FrameRate: media.Rational{Num: 24000, Den: 1001}},
		Pixels: []media.PixelFormat{media.I420, media.NV12},
	})
}

var small = encode.Settings{
	Format:  media.VideoFormat{Width: 320, Height: 240, FrameRate: media.Rational{Num: 30, Den: 1}, Pixel: media.I420},
	Bitrate: 800_000, MaxBitrate: 3_000_000,
}

func TestNewRefusesWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*encode.Settings)
		want   string
	}{
		"odd size":         {func(s *encode.Settings) { s.Format.Width = 321 }, "321x240 is odd"},
		"too small":        {func(s *encode.Settings) { s.Format.Height = 8 }, "320x8 is outside"},
		"too large":        {func(s *encode.Settings) { s.Format.Width = 4096 }, "4096x240 is outside"},
		"no pixel format":  {func(s *encode.Settings) { s.Format.Pixel = 0 }, "neither I420 nor NV12"},
		"negative rate":    {func(s *encode.Settings) { s.Format.FrameRate.Num = -30 }, "frame rate -30"},
		"no bit rate":      {func(s *encode.Settings) { s.Bitrate = 0 }, "bit rate 0"},
		"max below target": {func(s *encode.Settings) { s.MaxBitrate = 1000 }, "highest bit rate 1000"},
		"absurd bit rate":  {func(s *encode.Settings) { s.MaxBitrate = 1e9 }, "highest bit rate 1000000000"},
	} {
		s := small
		c.change(&s)
		_, err := New(s)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "\n", name)
	}
}

func TestLevelIsThatOfTheHighestBitrate(t *testing.T) {
	s := small
	s.MaxBitrate = 12_000_000
	sps, err := h264.ParseSPS(code(t, s, 1, nil)[0].Track.Video.SPS)
	require.NoError(t, err)
	require.Equal(t, h264.LevelFor(320, 240, s.Format.FrameRate, s.MaxBitrate), sps.Level)
	require.EqualValues(t, 31, sps.Level)
}

// openh264 starts anew, with another level, when the bit rate rises over what
// its level allows: it is opened with the highest one.
func TestRisingOverALevelMakesNoIDR(t *testing.T) {
	s := small
	s.Bitrate, s.MaxBitrate = 300_000, 30_000_000
	e, err := New(s)
	require.NoError(t, err)
	var packets []media.Packet
	frames, done := make(chan media.Frame), make(chan error, 1)
	go func() {
		done <- e.Run(context.Background(), frames, media.WriterFunc(func(p media.Packet) { packets = append(packets, p) }))
	}()
	footage := encodetest.NewFootage(s.Format)
	for n := range 20 {
		if n == 10 {
			s.Bitrate = s.MaxBitrate
			require.NoError(t, e.Update(s))
		}
		frames <- footage.Frame(n)
	}
	close(frames)
	require.NoError(t, <-done)
	for i, p := range packets {
		for nal := range h264.Units(p.Data) {
			require.Equal(t, i == 0, h264.Type(nal) == h264.TypeIDR, "packet %d", i)
		}
	}
}

// openh264 puts an IDR picture at a scene cut unasked: it stays a picture like
// any other to the outputs, and the track stays the same.
func TestSceneCutIsNoKey(t *testing.T) {
	packets := code(t, small, 90, func(n int, f media.Frame) {
		if n/30%2 == 1 {
			for i := range f.Planes[0].Data {
				f.Planes[0].Data[i] = 255 - f.Planes[0].Data[i]
			}
		}
	})
	idr := 0
	for i, p := range packets {
		require.Equal(t, i == 0, p.Key, "packet %d", i)
		for nal := range h264.Units(p.Data) {
			if h264.Type(nal) == h264.TypeIDR {
				idr++
			}
		}
	}
	require.Greater(t, idr, 1, "the footage no longer makes openh264 put an IDR picture of its own: change it")
	require.Len(t, encodetest.Decode(t, packets), 90)
}

func TestShortPlaneIsAnErrorNotAnOverrun(t *testing.T) {
	footage := encodetest.NewFootage(small.Format)
	for plane, name := range []string{"Y", "Cb", "Cr"} {
		e, err := New(small)
		require.NoError(t, err)
		f := footage.Frame(0)
		f.Planes[plane].Data = f.Planes[plane].Data[:100]
		frames := make(chan media.Frame, 1)
		frames <- f
		err = e.Run(t.Context(), frames, media.WriterFunc(func(media.Packet) {}))
		require.ErrorContains(t, err, "plane "+name+" has 100 bytes")
	}
	require.Zero(t, footage.Alive())
}

func TestChromaPlanesOfDifferentStrides(t *testing.T) {
	want := code(t, small, 5, nil)
	got := code(t, small, 5, func(_ int, f media.Frame) {
		w, h := small.Format.Width/2, small.Format.Height/2
		wide := media.Plane{Data: make([]byte, (w+32)*h), Stride: w + 32}
		for y := range h {
			copy(wide.Data[y*wide.Stride:][:w], f.Planes[2].Data[y*f.Planes[2].Stride:])
		}
		f.Planes[2] = wide
	})
	for i := range want {
		require.True(t, bytes.Equal(want[i].Data, got[i].Data), "packet %d differs", i)
	}
}

func TestRunTwiceIsAnError(t *testing.T) {
	e, err := New(small)
	require.NoError(t, err)
	none := make(chan media.Frame)
	close(none)
	require.NoError(t, e.Run(t.Context(), none, nil))
	require.ErrorContains(t, e.Run(t.Context(), none, nil), "second time")
}

func TestSlices(t *testing.T) {
	require.Equal(t, 1, slices(240, 8))
	require.Equal(t, 2, slices(720, 2))
	require.Equal(t, 4, slices(1080, 16))
	require.Equal(t, 1, slices(1080, 1))
}

// code runs n frames of footage, each changed by edit, through an encoder.
func code(t *testing.T, s encode.Settings, n int, edit func(int, media.Frame)) (packets []media.Packet) {
	t.Helper()
	e, err := New(s)
	require.NoError(t, err)
	footage := encodetest.NewFootage(s.Format)
	frames := make(chan media.Frame, n)
	for i := range n {
		f := footage.Frame(i)
		if edit != nil {
			edit(i, f)
		}
		frames <- f
	}
	close(frames)
	require.NoError(t, e.Run(t.Context(), frames, media.WriterFunc(func(p media.Packet) { packets = append(packets, p) })))
	require.Zero(t, footage.Alive())
	require.Len(t, packets, n)
	return packets
}
