package v4l2capture

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

var (
	_ live.Video        = (*Video)(nil)
	_ live.VideoSession = (*session)(nil)
	_ live.Chooser      = (*session)(nil)
)

var (
	hd50 = v4l2.DVTimings{Width: 1280, Height: 720, PixelClock: 74250000, HFront: 440, HSync: 40, HBack: 220, VFront: 5, VSync: 5, VBack: 20}
	hd60 = v4l2.DVTimings{Width: 1280, Height: 720, PixelClock: 74250000, HFront: 110, HSync: 40, HBack: 220, VFront: 5, VSync: 5, VBack: 20}
	vga  = v4l2.DVTimings{Width: 640, Height: 480, PixelClock: 25200000, HFront: 16, HSync: 96, HBack: 48, VFront: 10, VSync: 2, VBack: 33}
)

// hdmi is a TC358743 on a node of its own.
func hdmi() *hardware {
	return &hardware{
		node: v4l2.Node{Info: v4l2.Info{Driver: "unicam", Card: "unicam", Bus: "platform:fe801000.csi",
			Caps: v4l2.CapVideoCapture | v4l2.CapStreaming}},
		inputs:   []v4l2.InputDesc{{Name: "unicam 0", HasDVTimings: true}},
		formats:  []v4l2.FormatDesc{{FourCC: v4l2.RGB24}, {FourCC: v4l2.UYVY}, {FourCC: v4l2.NV12}},
		timing:   hd50,
		edid:     make([]byte, 128),
		controls: map[v4l2.ControlID]int64{},
	}
}

// webcam is a USB camera, raw up to 640x480 and MJPEG up to 1080p.
func webcam() *hardware {
	discrete := func(w, h int) v4l2.SizeRange {
		return v4l2.SizeRange{MinWidth: w, MaxWidth: w, MinHeight: h, MaxHeight: h}
	}
	fps := func(n ...int) (list []media.Rational) {
		for _, r := range n {
			list = append(list, media.Rational{Num: r, Den: 1})
		}
		return list
	}
	return &hardware{
		node: v4l2.Node{Info: v4l2.Info{Driver: "uvcvideo", Card: "HD Webcam", Bus: "usb-0000:01:00.0-1.4",
			Caps: v4l2.CapVideoCapture | v4l2.CapStreaming}, USB: &v4l2.USBID{Path: "1-1.4", Vendor: "046d", Product: "0825", Serial: "A1"}},
		inputs:  []v4l2.InputDesc{{Name: "Camera 1"}},
		formats: []v4l2.FormatDesc{{FourCC: v4l2.MJPEG, Compressed: true}, {FourCC: v4l2.YUYV}},
		sizes: map[v4l2.FourCC][]v4l2.SizeRange{
			v4l2.MJPEG: {discrete(640, 480), discrete(1280, 720), discrete(1920, 1080)},
			v4l2.YUYV:  {discrete(320, 240), discrete(640, 480), discrete(1280, 720), discrete(1920, 1080)},
		},
		rates: map[[2]int][]media.Rational{
			{320, 240}: fps(30, 15), {640, 480}: fps(30, 15), {1280, 720}: fps(10, 5), {1920, 1080}: fps(5),
			{-640, -480}: fps(30), {-1280, -720}: fps(60, 30), {-1920, -1080}: fps(30),
		},
	}
}

// layout is an encoder's, of one memory unless more is said.
func layout(p media.PixelFormat, w, h int) capture.Layout {
	l := capture.Layout{Format: media.VideoFormat{Width: w, Height: h, Pixel: p}, Count: 6, Rows: h}
	switch p {
	case media.NV12:
		l.Strides, l.Memory = [3]int{w, w}, []int{w * h * 3 / 2}
	case media.I420:
		l.Strides, l.Memory = [3]int{w, w / 2, w / 2}, []int{w * h * 3 / 2}
	default:
		l.Strides, l.Memory = [3]int{2 * w}, []int{2 * w * h}
	}
	return l
}

// always are quirks that every device has.
func always(q Quirks) func(v4l2.Info) Quirks { return func(v4l2.Info) Quirks { return q } }

// story is a device, a pool and the session between them.
type story struct {
	t     *testing.T
	ctx   context.Context
	stop  context.CancelFunc
	k     *fakeKernel
	video *Video
	s     *session
	pool  *dmaPool

	ended  chan error
	frames []media.Frame // those not yet released
	pts    []time.Duration
	keep   int // frames that the reader holds
}

// tale runs f in a bubble of time, and then holds the books against each other.
func tale(t *testing.T, cfg Config, hw *hardware, f func(st *story)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st := &story{t: t, k: newKernel(t, hw)}
		st.ctx, st.stop = context.WithCancel(t.Context())
		defer st.stop()
		st.video = st.k.video(cfg, media.NewClock())
		f(st)
		st.close()
		if st.k.opened != 0 || st.k.maps != 0 || len(st.k.pollers) != 0 {
			t.Errorf("%d nodes, %d mappings, %d pollers were left open", st.k.opened, st.k.maps, len(st.k.pollers))
		}
	})
}

func (st *story) close() {
	if st.ended != nil {
		st.stop()
		<-st.ended
	}
	st.release(0)
	if st.pool != nil && st.pool.allOut != 0 {
		st.t.Errorf("%d pictures did not come back", st.pool.allOut)
	}
	st.shut()
}

// end ends Run and closes the session.
func (st *story) end() {
	ctx, stop := st.ctx, st.stop
	stop()
	<-st.ended
	st.ended = nil
	st.release(0)
	st.shut()
	st.ctx, st.stop = context.WithCancel(context.WithoutCancel(ctx))
}

// shut closes the session, if there is one.
func (st *story) shut() {
	if st.s == nil {
		return
	}
	if err := st.s.Close(); err != nil {
		st.t.Error(err)
	}
	st.s = nil
}

func (st *story) open() error {
	s, err := st.video.Open(st.ctx)
	if err != nil {
		return err
	}
	st.s = s.(*session)
	return nil
}

func (st *story) mustOpen() {
	st.t.Helper()
	if err := st.open(); err != nil {
		st.t.Fatal(err)
	}
}

// run streams into a pool of that layout.
func (st *story) run(l capture.Layout) {
	if st.pool == nil {
		st.pool = newDMAPool(st.t, l)
	}
	st.ended = make(chan error, 1)
	go func() {
		st.ended <- st.s.Run(st.ctx, st.pool, func(f media.Frame) {
			st.frames = append(st.frames, f)
			st.pts = append(st.pts, f.PTS)
			st.release(st.keep)
		})
	}()
	synctest.Wait()
}

// release lets go of all frames but the last keep.
func (st *story) release(keep int) {
	for len(st.frames) > keep {
		st.frames[0].Release()
		st.frames = st.frames[1:]
	}
}

// shoot lets n pictures come, 20 ms apart.
func (st *story) shoot(h *hardware, n int) {
	for range n {
		time.Sleep(20 * time.Millisecond)
		h.shoot()
		synctest.Wait()
	}
}

// wantEnd waits for Run to end of its own, with a signal and words.
func (st *story) wantEnd(signal capture.Signal, words string) {
	st.t.Helper()
	err := <-st.ended
	st.ended = nil
	wantSignal(st.t, err, signal, words)
}

func wantSignal(t *testing.T, err error, signal capture.Signal, words string) {
	t.Helper()
	var e *capture.SignalError
	if !errors.As(err, &e) || e.Signal != signal || !strings.Contains(e.Error(), words) || strings.Contains(e.Error(), "\n") {
		t.Fatalf("got %v\nwant %v with %q", err, signal, words)
	}
}

func (st *story) wantFrames(n int) {
	st.t.Helper()
	if len(st.pts) != n {
		st.t.Fatalf("%d pictures came, want %d", len(st.pts), n)
	}
}

func (st *story) wantStatus(way capture.Transfer, reason string, skipped uint64) {
	st.t.Helper()
	w, r, n := st.s.Status()
	if w != way || !strings.Contains(r, reason) || reason == "" && r != "" || n != skipped {
		st.t.Fatalf("status %v %q %d, want %v %q %d", w, r, n, way, reason, skipped)
	}
}

func wantWords(t *testing.T, err error, words string) {
	t.Helper()
	var e *capture.SignalError
	if !errors.As(err, &e) || !strings.Contains(e.Error(), words) {
		t.Fatalf("got %v\nwant %q", err, words)
	}
}
