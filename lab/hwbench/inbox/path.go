package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	v4l2capture "github.com/encoderbox/encoderbox/capture/v4l2"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/m2m"
	"github.com/encoderbox/encoderbox/media"
)

// path captures and encodes until ctx ends. What comes out is counted, and no
// more.
func path(ctx context.Context, args []string) (err error) {
	f := flag.NewFlagSet("path", flag.ContinueOnError)
	device := f.String("device", "/dev/video0", "capture device")
	width := f.Int("width", 640, "")
	height := f.Int("height", 360, "")
	rate := f.Int("rate", 15, "pictures a second")
	bitrate := f.Int("bitrate", 4_000_000, "")
	gop := f.Duration("gop", 2e9, "from key picture to key picture")
	profile := f.String("profile", "", "write a CPU profile here")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer file.Close()
		defer pprof.StopCPUProfile()
	}
	fps := media.Rational{Num: *rate, Den: 1}
	camera := v4l2capture.New(v4l2capture.Config{
		Selector: *device, Width: *width, Height: *height, FrameRate: fps, Sys: os.DirFS("/sys"),
	}, media.NewClock())
	session, err := camera.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	encoder, err := m2m.New(m2m.Config{Prefer: session.Pixels(), Settings: encode.Settings{
		Format:  media.VideoFormat{Width: *width, Height: *height, FrameRate: fps, Pixel: session.Pixels()[0]},
		Bitrate: *bitrate,
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, encoder.Close()) }()
	n, err := join(ctx, session, encoder, encode.NewFeed(*gop))
	way, reason, skipped := session.Status()
	fmt.Fprintf(os.Stdout, "%d pictures, %d skipped, %v %s\n", n, skipped, way, reason)
	if way != capture.ZeroCopy && err == nil {
		err = fmt.Errorf("it is not %v: %s", capture.ZeroCopy, reason)
	}
	return err
}

// join runs device, feed and encoder, and returns how many packets came out.
func join(ctx context.Context, session live.VideoSession, encoder *m2m.Encoder, feed *encode.Feed) (n int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	start := func(task func() error) {
		group.Go(func() { cancel(task()) })
	}
	start(func() error {
		return encoder.RunFeed(ctx, feed, media.WriterFunc(func(media.Packet) { n++ }))
	})
	start(func() error { return session.Run(ctx, encoder.Pool(), feed.Put) })
	group.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return n, err
	}
	return n, nil
}
