//go:build box

package m2m

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

// BenchmarkBoxPicture gives the CPU time that the process takes to have a picture
// coded that lies in the encoder's memory.
func BenchmarkBoxPicture(b *testing.B) {
	f := media.VideoFormat{Width: 640, Height: 360, FrameRate: media.Rational{Num: 25, Den: 1}, Pixel: media.NV12}
	e, err := New(Config{Settings: encode.Settings{Format: f, Bitrate: 1_000_000}, Device: "vh264"})
	require.NoError(b, err)
	frames, done := make(chan media.Frame), make(chan error, 1)
	go func() {
		done <- e.Run(b.Context(), frames, media.WriterFunc(func(media.Packet) {}))
	}()
	free := make(chan struct{}, 1)
	defer e.Pool().OnFree(func() {
		select {
		case free <- struct{}{}:
		default:
		}
	})()
	b.ReportAllocs()
	from, n := cpuTime(b), 0
	for b.Loop() {
		buf := e.Pool().Get()
		for ; buf == nil; buf = e.Pool().Get() {
			<-free
		}
		frames <- media.Frame{Buffer: buf, PTS: f.FrameRate.FrameTime(int64(n))}
		n++
	}
	close(frames)
	require.NoError(b, <-done)
	b.ReportMetric((cpuTime(b)-from).Seconds()*1000/float64(n), "cpu-ms/picture")
	require.NoError(b, e.Close())
}

// cpuTime is what the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
