//go:build box

package v4l2capture

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// The tests of this tag run inside the virtual ARM box, against its virtual
// hardware, each named by a variable of the environment:
//
//	V4L2_CAPTURE  a capture node of vivid, single- or multi-planar, with its
//	              usual four inputs
//	V4L2_ENCODER  vh264, single- or multi-planar: its memory is what vivid writes
//
// and vimc, which is found by its name.

func boxNode(t *testing.T, variable string) *v4l2.Device {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s does not name a device", variable)
	}
	d, err := v4l2.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// boxPool is the memory of an encoder's input queue, exported.
type boxPool struct {
	*dmaPool
	q   *v4l2.Queue
	fds []int
}

// close frees the memory; it may be called again.
func (p *boxPool) close(t *testing.T) {
	t.Helper()
	for _, fd := range p.fds {
		unix.Close(fd)
	}
	p.fds = nil
	if p.q == nil {
		return
	}
	if err := p.q.Close(); err != nil {
		t.Error(err)
	}
	p.q = nil
}

// newBoxPool has the encoder allocate pictures. The dmaPool keeps the books; the
// descriptors are real.
func newBoxPool(t *testing.T, enc *v4l2.Device, p media.PixelFormat, planes, w, h int) *boxPool {
	t.Helper()
	out, capt, ok := enc.Info().M2M()
	if !ok {
		t.Fatalf("%s is no codec", enc.Path())
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := enc.SetFormat(capt, v4l2.Format{Width: w, Height: h, FourCC: v4l2.H264})
	must(err)
	code, _ := v4l2.FourCCOf(p, planes)
	f, err := enc.SetFormat(out, v4l2.Format{Width: w, Height: h, FourCC: code, Field: v4l2.FieldNone})
	must(err)
	if f.FourCC != code {
		t.Fatalf("the encoder takes %v, not %v", f.FourCC, code)
	}
	q := enc.Queue(out, f)
	n, err := q.Request(v4l2.MMAP, 7)
	must(err)
	l := capture.Layout{Format: media.VideoFormat{Width: w, Height: h, Pixel: p}, Count: n, Rows: f.Height}
	for i, pl := range f.Planes {
		l.Strides[i] = pl.Stride
		l.Memory = append(l.Memory, pl.Size)
	}
	for i := len(f.Planes); i < p.Planes(); i++ {
		l.Strides[i] = chromaStride(p, l.Strides[0])
	}
	pool := &boxPool{dmaPool: newDMAPool(t, l), q: q}
	for _, b := range pool.free {
		for j := range b.DMA.Memory {
			fd, err := q.Export(b.DMA.Index, j)
			must(err)
			pool.fds = append(pool.fds, fd)
			b.DMA.Memory[j].FD = fd
		}
	}
	t.Cleanup(func() { pool.close(t) })
	return pool
}

func boxVideo(t *testing.T, cfg Config) *Video {
	cfg.Selector, cfg.Sys = os.Getenv("V4L2_CAPTURE"), os.DirFS("/sys")
	return New(cfg, media.NewClock())
}

// boxControl sets a control of vivid by its name.
func boxControl(t *testing.T, name string, value int64) {
	t.Helper()
	d := boxNode(t, "V4L2_CAPTURE")
	defer d.Close()
	list, err := d.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Name == name {
			if err := d.Set(c.ID, value); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no control %q", name)
}

// boxOpen opens the device, which may take a few tries after it was changed.
func boxOpen(t *testing.T, v *Video) *session {
	t.Helper()
	s, err := v.Open(t.Context())
	for range 3 {
		if err == nil {
			break
		}
		s, err = v.Open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.(*session)
}

// boxRun streams n pictures, then calls then and waits for the end.
func boxRun(t *testing.T, s *session, pool capture.Pool, n int, then func(stop context.CancelFunc)) (pts []time.Duration, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	enough, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, pool, func(f media.Frame) {
			f.Release()
			if pts = append(pts, f.PTS); len(pts) == n {
				close(enough)
			}
		})
	}()
	select {
	case <-enough:
		then(stop)
		err = <-ended
	case err = <-ended:
		t.Fatalf("ended after %d pictures of %d: %v", len(pts), n, err)
	}
	for i := range pts[1:] {
		if pts[i+1] <= pts[i] {
			t.Errorf("picture %d at %v, the one before at %v", i+1, pts[i+1], pts[i])
		}
	}
	return pts, err
}

func boxMaps(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func boxFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

const boxW, boxH = 320, 180

var boxCamera = Config{Input: "0", Width: boxW, Height: boxH, FrameRate: media.Rational{Num: 25, Den: 1}}

// boxLayouts are the layouts of pictures that the encoder has and vivid too.
func boxLayouts(d *v4l2.Device) (list []mode) {
	out, _, _ := d.Info().M2M()
	formats, _ := d.Formats(out)
	for _, f := range formats {
		if p, planes, ok := f.FourCC.Pixel(); ok {
			list = append(list, mode{code: f.FourCC, pixel: p, planes: planes})
		}
	}
	return list
}

// TestBoxZeroCopy has vivid write the encoder's memory, in each format that both
// have, and looks for any mapping of it.
func TestBoxZeroCopy(t *testing.T) {
	enc := boxNode(t, "V4L2_ENCODER")
	shared := 0
	for _, m := range boxLayouts(enc) {
		t.Run(m.code.String(), func(t *testing.T) {
			enc := boxNode(t, "V4L2_ENCODER")
			pool := newBoxPool(t, enc, m.pixel, m.planes, boxW, boxH)
			s := boxOpen(t, boxVideo(t, boxCamera))
			defer s.Close()
			_, err := boxRun(t, s, pool, 30, func(stop context.CancelFunc) {
				maps := boxMaps(t)
				mapped := strings.Contains(maps, "/dev/video") || strings.Contains(maps, "dmabuf")
				if way, _, _ := s.Status(); mapped != (way == capture.OneCopy) {
					t.Errorf("%v, and a picture is mapped: %v\n%s", way, mapped, maps)
				}
				stop()
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			way, reason, skipped := s.Status()
			t.Logf("%v %q, %d skipped, layout %+v", way, reason, skipped, pool.layout)
			if m.planes > 1 && !boxHas(s, m.code) {
				if way != capture.OneCopy {
					t.Errorf("%v", way)
				}
				return // a single-planar vivid
			}
			if strings.Contains(reason, "it puts 128 bytes before its samples") {
				boxLook(t, pool) // a multi-planar vivid does that to packed formats
				return
			}
			shared++
			if way != capture.ZeroCopy || reason != "" {
				t.Errorf("%v: %s", way, reason)
			}
			boxLook(t, pool)
		})
	}
	if shared < 2 {
		t.Errorf("%d formats were shared", shared)
	}
}

func boxHas(s *session, code v4l2.FourCC) bool {
	for _, m := range s.modes {
		if m.code == code {
			return true
		}
	}
	return false
}

// boxLook finds the colour bars of vivid in the pool's memory: white first, black
// last.
func boxLook(t *testing.T, pool *boxPool) {
	t.Helper()
	b := pool.Get()
	defer giveBack(b)
	m, err := v4l2.MapBuffer(b)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	step, first := 1, 0
	switch b.Format.Pixel {
	case media.YUYV:
		step = 2
	case media.UYVY:
		step, first = 2, 1
	}
	luma := func(x, y int) byte { return m.Planes[0].Data[y*m.Planes[0].Stride+first+x*step] }
	for _, y := range []int{5, boxH - 1} { // between them is text
		white, black := luma(boxW/16, y), luma(boxW*15/16, y)
		if white < 150 || black > 60 {
			t.Errorf("row %d has luma %d at the left, %d at the right", y, white, black)
		}
	}
	if m.Planes[1].Data != nil {
		c := m.Planes[1].Data[(boxH/2-1)*m.Planes[1].Stride+boxW/32&^1]
		if c < 110 || c > 146 {
			t.Errorf("the white bar has chroma %d in its last row", c)
		}
	}
}

// TestBoxCopy converts into the process's memory.
func TestBoxCopy(t *testing.T) {
	s := boxOpen(t, boxVideo(t, boxCamera))
	defer s.Close()
	_, err := boxRun(t, s, capture.NewPool(media.VideoFormat{Width: 160, Height: 90, Pixel: media.I420}, nil), 20,
		func(stop context.CancelFunc) { stop() })
	if way, reason, _ := s.Status(); !errors.Is(err, context.Canceled) || way != capture.OneCopy || reason == "" {
		t.Errorf("%v, %v %q", err, way, reason)
	}
}

// TestBoxGarbage: a stream makes none; what there is comes from the pool of this
// test.
func TestBoxGarbage(t *testing.T) {
	m := boxLayouts(boxNode(t, "V4L2_ENCODER"))[0]
	pool := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), m.pixel, m.planes, boxW, boxH)
	s := boxOpen(t, boxVideo(t, boxCamera))
	defer s.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var before, after runtime.MemStats
	const from, frames = 10, 100
	n := 0
	err := s.Run(ctx, pool, func(f media.Frame) {
		f.Release()
		switch n++; n {
		case from:
			runtime.ReadMemStats(&before)
		case from + frames:
			runtime.ReadMemStats(&after)
			stop()
		}
	})
	made := after.Mallocs - before.Mallocs
	t.Logf("%d allocations in %d pictures", made, frames)
	if !errors.Is(err, context.Canceled) || made > frames/2 {
		t.Errorf("%v; %d allocations in %d pictures", err, made, frames)
	}
}

// TestBoxRounds opens, streams and closes until something would have leaked.
func TestBoxRounds(t *testing.T) {
	pool := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), boxLayouts(boxNode(t, "V4L2_ENCODER"))[0].pixel,
		boxLayouts(boxNode(t, "V4L2_ENCODER"))[0].planes, boxW, boxH)
	v := boxVideo(t, boxCamera)
	round := func() {
		s := boxOpen(t, v)
		if _, err := boxRun(t, s, pool, 2, func(stop context.CancelFunc) { stop() }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	round()
	before := boxFDs(t)
	defer boxSignals()()
	for range 50 {
		round()
	}
	if after := boxFDs(t); after != before || pool.allOut != 0 {
		t.Errorf("%d descriptors before, %d after; %d pictures out", before, after, pool.allOut)
	}
}

// boxSignals has the runtime send its threads signals all the time, which end what
// a driver's lock is waited for.
func boxSignals() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				runtime.GC()
			}
		}
	}()
	return func() { close(end); <-ended }
}
