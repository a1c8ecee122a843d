//go:build box

package m2m

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// The tests of this tag run inside the virtual ARM box, against vh264 in each of
// its shapes. The processor there is emulated: pictures are small, and nothing
// is said about speed.

const debugfs = "/sys/kernel/debug/vh264/"

// boxFormat costs 184 kbit a key picture: vh264 codes I_PCM.
var boxFormat = media.VideoFormat{Width: 160, Height: 96, FrameRate: media.Rational{Num: 25, Den: 1}, Pixel: media.NV12}

// boxPixels are the formats that this shape of the driver takes without being
// converted to.
func boxPixels(t *testing.T) []media.PixelFormat {
	list, err := Find(Config{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "vh264", list[0].Info.Driver)
	return []media.PixelFormat{media.I420, media.NV12}
}

func openBox(t *testing.T, s encode.Settings, q Quirks) *Encoder {
	t.Helper()
	if q.Deadline == 0 {
		q.Deadline = 3 * time.Second
	}
	e, err := New(Config{Settings: s, Device: "vh264", Quirks: q})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func TestBoxContract(t *testing.T) {
	encodetest.Run(t, func(t *testing.T, s encode.Settings) (encode.Encoder, error) {
		return openBox(t, s, Quirks{}), nil
	}, encodetest.Options{
		Format: boxFormat, RateFormat: boxFormat, Pixels: boxPixels(t),
		MaxBitrate: 4_000_000, Still: true,
	})
}

// 1080 rows lie in 1088, or 90 in 96: what is decoded is what went in.
func TestBoxCrop(t *testing.T) {
	for _, pixel := range boxPixels(t) {
		f := boxFormat
		f.Width, f.Height, f.Pixel = 150, 90, pixel
		s := encode.Settings{Format: f, Bitrate: 4_000_000}
		e := openBox(t, s, Quirks{})
		footage := encodetest.NewFootage(f)
		frames := make(chan media.Frame)
		go func() {
			defer close(frames)
			for n := range 5 {
				frames <- footage.Frame(n)
			}
		}()
		var got []media.Packet
		require.NoError(t, e.Run(t.Context(), frames, media.WriterFunc(func(p media.Packet) { got = append(got, p) })))
		for n, picture := range encodetest.Decode(t, got) {
			require.Equal(t, footage.I420(n), picture, "picture %d", n)
		}
		require.Zero(t, footage.Alive())
	}
}

// A picture drawn into the encoder's memory comes out as it was drawn, and while
// it streams nothing of that memory is mapped.
func TestBoxZeroCopy(t *testing.T) {
	s := encode.Settings{Format: boxFormat, Bitrate: 4_000_000}
	e := openBox(t, s, Quirks{})
	footage := encodetest.NewFootage(boxFormat)
	footage.Format.Pixel = e.Pool().Layout().Format.Pixel
	var got []media.Packet
	frames, done := make(chan media.Frame), make(chan error, 1)
	go func() {
		done <- e.Run(t.Context(), frames, media.WriterFunc(func(p media.Packet) { got = append(got, p) }))
	}()
	for n := range 20 {
		var b *media.Buffer
		for b == nil {
			b = e.Pool().Get()
			time.Sleep(time.Millisecond)
		}
		require.NotNil(t, b.DMA)
		from := footage.Frame(n)
		m, err := v4l2.MapBuffer(b)
		require.NoError(t, err)
		require.NoError(t, m.Begin(true))
		require.NoError(t, copyPicture(b.Format, m.Planes, from.Format.Pixel, from.Planes))
		require.NoError(t, m.End())
		require.NoError(t, m.Close())
		frames <- media.Frame{Buffer: b, PTS: from.PTS}
		from.Release()
	}
	require.Equal(t, e.session.outputs, driverStat(t, "mapped_now"), "only the coded pictures are mapped")
	require.Zero(t, e.Stats().Copied)
	close(frames)
	require.NoError(t, <-done)
	pictures := encodetest.Decode(t, got)
	require.Len(t, pictures, 20)
	for n, picture := range pictures {
		require.Equal(t, footage.I420(n), picture, "picture %d", n)
	}
}

func TestBoxNothingLeaks(t *testing.T) {
	fds := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(list)
	}
	footage := encodetest.NewFootage(boxFormat)
	before := 0
	for round := range 200 {
		e, err := New(Config{Settings: encode.Settings{Format: boxFormat, Bitrate: 1_000_000}, Device: "vh264"})
		require.NoError(t, err)
		if round%4 != 0 { // every fourth is closed without having run
			frames := make(chan media.Frame)
			go func() {
				defer close(frames)
				for n := range round % 5 {
					frames <- footage.Frame(n)
				}
			}()
			require.NoError(t, e.Run(t.Context(), frames, media.WriterFunc(func(media.Packet) {})))
		}
		held := e.Pool().Get()
		require.NoError(t, e.Close())
		media.Frame{Buffer: held}.Release()
		if round == 0 {
			before = fds()
		}
	}
	require.Equal(t, before, fds())
	require.Zero(t, footage.Alive())
	for _, name := range []string{"open_now", "buffers_now", "imported_now", "mapped_now"} {
		require.Zero(t, driverStat(t, name), name)
	}
}

// driverStat is a counter of the driver's.
func driverStat(t *testing.T, name string) int {
	t.Helper()
	b, err := os.ReadFile(debugfs + "stats")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		var n int
		var key string
		if _, err := fmt.Sscanf(line, "%s %d", &key, &n); err == nil && strings.TrimSuffix(key, ":") == name {
			return n
		}
	}
	t.Fatalf("the driver has no counter %s in:\n%s", name, b)
	return 0
}
