//go:build box

package v4l2capture

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media"
)

// TestBoxLive is the input that never ends, over a signal that does: pictures
// go on while it is away, in the encoder's memory, and its return is seen.
func TestBoxLive(t *testing.T) {
	cfg := boxHDMI(t)
	boxControl(t, "DV Timings Signal Mode", signalCurrent)
	clock := media.NewClock()
	v := boxVideo(t, cfg)
	v.clock = clock
	in, err := live.Open(t.Context(), live.Config{Video: v, Format: media.VideoFormat{Width: boxW, Height: boxH,
		FrameRate: media.Rational{Num: 20, Den: 1}}, Stream: "box"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	m := boxLayouts(boxNode(t, "V4L2_ENCODER"))[0]
	pool := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), m.pixel, m.planes, boxW, boxH)
	in.Frames.(capture.PoolUser).UsePool(pool)

	var mu sync.Mutex // guards the fields below
	var last, widest time.Duration
	n := 0
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- in.Frames.Run(ctx, func(f media.Frame) {
			defer f.Release()
			mu.Lock()
			defer mu.Unlock()
			if n++; n > 1 {
				widest = max(widest, f.PTS-last)
				if f.PTS <= last {
					t.Errorf("picture %d at %v, the one before at %v", n, f.PTS, last)
				}
			}
			last = f.PTS
		})
	}()
	await := func(what string, ok func(s capture.LiveStatus) bool) {
		t.Helper()
		begin := time.Now()
		for !ok(in.Frames.(capture.LiveReporter).Live()) {
			if time.Since(begin) > 20*time.Second {
				t.Fatalf("%s: waited in vain: %+v", what, in.Frames.(capture.LiveReporter).Live())
			}
			time.Sleep(20 * time.Millisecond)
		}
		mu.Lock()
		defer mu.Unlock()
		t.Logf("%s after %v, %d pictures, widest gap %v", what, time.Since(begin).Round(time.Millisecond), n, widest)
	}
	onAir := func(s capture.LiveStatus) bool { return s.Signal == capture.SignalOK && !s.Slate && s.Frames > 0 }
	await("pictures", onAir)
	for _, c := range []struct {
		mode int64
		want capture.Signal
	}{{signalNone, capture.SignalNone}, {signalNoLock, capture.SignalUnstable}, {signalRange, capture.SignalUnsupported}} {
		boxControl(t, "DV Timings Signal Mode", c.mode)
		await("slate: "+c.want.String(), func(s capture.LiveStatus) bool { return s.Signal == c.want && s.Slate })
		time.Sleep(time.Second)
		boxControl(t, "DV Timings Signal Mode", signalCurrent)
		await("pictures again", onAir)
	}
	boxControl(t, "Percentage of Dropped Buffers", 100)
	await("slate: stalled", func(s capture.LiveStatus) bool { return s.Signal == capture.SignalStalled && s.Slate })
	boxControl(t, "Percentage of Dropped Buffers", 0)
	await("pictures again", onAir)
	if s := in.Frames.(capture.LiveReporter).Live(); s.Losses < 4 || s.Device != "vivid (platform:vivid-000)" || s.Arriving.Width != 640 {
		t.Errorf("%+v", s)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if pool.allOut != 0 {
		t.Errorf("%d pictures did not come back", pool.allOut)
	}
	if widest > 3*time.Second { // a busy host makes the emulated processors stutter
		t.Errorf("%v without a picture", widest)
	}
}
