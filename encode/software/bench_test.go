package software

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
)

// BenchmarkEncode gives the time and the CPU time of one picture.
func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		width, height, bitrate int
		pixel                  media.PixelFormat
	}{
		{1280, 720, 4_000_000, media.I420},
		{1920, 1080, 6_000_000, media.I420},
		{1920, 1080, 6_000_000, media.NV12},
	} {
		b.Run(fmt.Sprintf("%dp30/pixel=%d", c.height, c.pixel), func(b *testing.B) {
			s := encode.Settings{Bitrate: c.bitrate, Format: media.VideoFormat{
				Width: c.width, Height: c.height, Pixel: c.pixel, FrameRate: media.Rational{Num: 30, Den: 1},
			}}
			benchmark(b, s)
		})
	}
}

func benchmark(b *testing.B, s encode.Settings) {
	e, err := New(s)
	require.NoError(b, err)
	footage := encodetest.NewFootage(s.Format)
	var loop [30]media.Frame
	for i := range loop {
		loop[i] = footage.Frame(i)
	}
	frames, done := make(chan media.Frame), make(chan error, 1)
	bytes := 0
	go func() {
		done <- e.Run(b.Context(), frames, media.WriterFunc(func(p media.Packet) { bytes += len(p.Data) }))
	}()
	cpu := cpuTime()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		f := loop[n%len(loop)].Retain()
		f.PTS = s.Format.FrameRate.FrameTime(int64(n))
		f.ForceKey = n%60 == 0
		frames <- f
	}
	close(frames)
	require.NoError(b, <-done)
	b.ReportMetric((cpuTime()-cpu)/float64(b.N)*1000, "cpu-ms/frame")
	b.ReportMetric(float64(bytes)*8*30/float64(b.N)/1000, "kbit/s")
}

// cpuTime is what the process has used, in seconds.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
