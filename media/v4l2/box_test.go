//go:build box

package v4l2

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// The tests of this tag run inside the virtual ARM box, against its virtual
// hardware, each named by a variable of the environment:
//
//	V4L2_CAPTURE  a capture node of vivid, single- or multi-planar
//	V4L2_ENCODER  vh264, single- or multi-planar
//	V4L2_FWHT     the encoder of vicodec
//	V4L2_MEDIA    the media controller of vh264
//	V4L2_VIMC     the media controller of vimc, for TestVimc

// boxDevice opens the device that the variable names.
func boxDevice(t *testing.T, variable string) *Device {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s does not name a device", variable)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// must ends the test on the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// value is must for a call with a result: value(call())(t).
func value[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// input switches vivid to the first input whose name begins so.
func input(t *testing.T, d *Device, name string) InputDesc {
	t.Helper()
	inputs, err := d.Inputs()
	must(t, err)
	for _, i := range inputs {
		if strings.HasPrefix(i.Name, name) {
			must(t, d.SetInput(i.Index))
			if now, err := d.Input(); err != nil || now != i.Index {
				t.Fatalf("input %d, %v, want %d", now, err, i.Index)
			}
			return i
		}
	}
	t.Fatalf("no input %s among %v", name, inputs)
	return InputDesc{}
}

// webcamFormat prepares vivid's webcam at a size.
func webcamFormat(t *testing.T, d *Device, w, h int, want FourCC) (BufType, Format) {
	t.Helper()
	input(t, d, "Webcam")
	typ, ok := d.Info().CaptureType()
	if !ok {
		t.Fatalf("%+v does not capture", d.Info())
	}
	_, planes, _ := want.Pixel()
	f, err := d.SetFormat(typ, Format{Width: w, Height: h, FourCC: want, Field: FieldNone})
	if err != nil || f.Width != w || f.Height != h || f.FourCC != want || len(f.Planes) != planes {
		t.Fatalf("%+v, %v, want %dx%d %v", f, err, w, h, want)
	}
	return typ, f
}

// waitFor waits until the device is ready, and fails after 5 s.
func waitFor(t *testing.T, p *Poller, w Want) PollEvents {
	t.Helper()
	_, ready, err := p.Wait(5*time.Second, w)
	must(t, err)
	if ready[0].Events == 0 {
		t.Fatalf("no %#x of %v within 5 s", w.Events, w)
	}
	return ready[0].Events
}

func TestBoxNodes(t *testing.T) {
	list := value(Nodes(os.DirFS("/sys"), "/dev"))(t)
	for variable, driver := range map[string]string{"V4L2_CAPTURE": "vivid", "V4L2_ENCODER": "vh264", "V4L2_FWHT": "vicodec"} {
		d := boxDevice(t, variable)
		i := slices.IndexFunc(list, func(n Node) bool { return n.Path == d.Path() })
		if i < 0 {
			t.Fatalf("%s is not among %+v", d.Path(), list)
		}
		n := list[i]
		if n.Info != d.Info() || n.Info.Driver != driver || n.Name == "" || n.USB != nil {
			t.Errorf("%+v, want driver %s", n, driver)
		}
		if _, err := os.Stat("/sys/" + n.Parent + "/uevent"); n.Parent == "" || err != nil {
			t.Errorf("its parent %q: %v", n.Parent, err)
		}
	}
	if _, capture, ok := boxDevice(t, "V4L2_ENCODER").Info().M2M(); !ok || capture.IsOutput() {
		t.Errorf("the encoder is none: %v, %v", capture, ok)
	}
}

func TestBoxFormats(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	input(t, d, "Webcam")
	typ, _ := d.Info().CaptureType()
	formats := value(d.Formats(typ))(t)
	if !slices.ContainsFunc(formats, func(f FormatDesc) bool { return f.FourCC == YUYV && f.Description != "" && !f.Compressed }) {
		t.Errorf("no YUYV in %+v", formats)
	}
	sizes := value(d.FrameSizes(YUYV))(t)
	if !slices.Contains(sizes, SizeRange{640, 640, 0, 360, 360, 0}) {
		t.Errorf("no 640x360 in %+v", sizes)
	}
	rates := value(d.FrameRates(YUYV, 640, 360))(t)
	if !slices.Contains(rates, media.Rational{Num: 30, Den: 1}) || !slices.Contains(rates, media.Rational{Num: 25, Den: 2}) {
		t.Errorf("rates %v", rates)
	}
	if r, err := d.SetFrameRate(typ, media.Rational{Num: 25, Den: 1}); err != nil || r != (media.Rational{Num: 25, Den: 1}) {
		t.Errorf("rate %v, %v", r, err)
	}
	if r, err := d.FrameRate(typ); err != nil || r != (media.Rational{Num: 25, Den: 1}) {
		t.Errorf("rate %v, %v", r, err)
	}
	// A size it has not got: what holds is another.
	f, err := d.TryFormat(typ, Format{Width: 700, Height: 400, FourCC: YUYV})
	if err != nil || f.Width == 700 || f.FourCC != YUYV || len(f.Planes) != 1 || f.Planes[0].Size < f.Height*f.Planes[0].Stride {
		t.Errorf("%+v, %v", f, err)
	}
	if !typ.IsMplane() {
		return
	}
	f, err = d.SetFormat(typ, Format{Width: 640, Height: 360, FourCC: NV12M, Field: FieldNone})
	if err != nil || f.FourCC != NV12M || len(f.Planes) != 2 || f.Planes[1].Size != f.Planes[0].Size/2 {
		t.Errorf("%+v, %v, want NV12M in two buffers", f, err)
	}
}

// TestBoxColor: vivid tells any colorimetry one asks of it.
func TestBoxColor(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	typ, _ := webcamFormat(t, d, 320, 180, NV12)
	space := controlNamed(t, d, "Colorspace")
	item := slices.IndexFunc(space.Menu, func(m MenuItem) bool { return m.Name == "Rec. 709" })
	if item < 0 {
		t.Fatalf("no Rec. 709 in %v", space.Menu)
	}
	must(t, d.Set(space.ID, int64(space.Menu[item].Index)))
	f := value(d.Format(typ))(t)
	if got, want := f.Color.Media(), (media.Color{Primaries: 1, Transfer: 1, Matrix: 1}); got != want {
		t.Errorf("%+v is %+v, want %+v", f.Color, got, want)
	}
	must(t, d.Set(space.ID, space.Default))
}

func TestBoxCaptureByMMAP(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	typ, f := webcamFormat(t, d, 320, 180, NV12)
	q := d.Queue(typ, f)
	n := value(q.Request(MMAP, 4))(t)
	must(t, q.Map())
	p := newPoller(t)
	// Nothing is queued: an error, and at once.
	if e := waitFor(t, p, Want{Device: d, Events: PollIn}); !e.Has(PollErr) {
		t.Errorf("ready %#x with nothing queued", e)
	}
	for i := range n {
		must(t, q.QueueBuffer(Buffer{Index: i}))
	}
	if _, err := q.Dequeue(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("dequeued before start: %v", err)
	}
	must(t, q.Start())
	const period = time.Second // the longest: vivid stamps up to a frame ahead of the time
	var last Buffer
	for i := range 10 {
		waitFor(t, p, Want{Device: d, Events: PollIn})
		b := value(q.Dequeue())(t)
		if !b.Flags.TimestampMonotonic() || b.Timestamp > MonotonicNow()+period || b.Timestamp < MonotonicNow()-5*time.Second {
			t.Errorf("picture %d at %v, now is %v, flags %#x", i, b.Timestamp, MonotonicNow(), uint32(b.Flags))
		}
		if i > 0 && (b.Timestamp <= last.Timestamp || b.Sequence <= last.Sequence) {
			t.Errorf("picture %d is %+v, after %+v", i, b, last)
		}
		luma := q.Bytes(b.Index, 0)[:f.Planes[0].Stride*f.Height]
		if b.Planes[0].BytesUsed != f.Planes[0].Size || slices.Min(luma) == slices.Max(luma) {
			t.Errorf("picture %d: %+v, luma %d to %d", i, b, slices.Min(luma), slices.Max(luma))
		}
		last = b
		must(t, q.QueueBuffer(Buffer{Index: b.Index}))
	}
	must(t, q.Stop(), q.Close(), q.Close())
}

// TestBoxStreamingError: a driver's fatal error, after which the device works
// again once streaming was stopped.
func TestBoxStreamingError(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	typ, f := webcamFormat(t, d, 320, 180, NV12)
	q := d.Queue(typ, f)
	p := newPoller(t)
	for _, fatal := range []bool{true, false} {
		for i := range value(q.Request(MMAP, 3))(t) {
			must(t, q.QueueBuffer(Buffer{Index: i}))
		}
		must(t, q.Start())
		if fatal {
			must(t, d.Set(controlNamed(t, d, "Inject Fatal Streaming Error").ID, 1))
		}
		_, err := q.Dequeue()
		for err == nil || errors.Is(err, ErrAgain) {
			e := waitFor(t, p, Want{Device: d, Events: PollIn})
			if _, err = q.Dequeue(); !fatal && err == nil {
				break
			}
			if fatal && e.Has(PollErr) && err == nil {
				t.Errorf("dequeued after %#x", e)
			}
		}
		if fatal != IsGone(err) {
			t.Errorf("fatal %v: %v", fatal, err)
		}
		must(t, q.Stop())
	}
	must(t, q.Close())
}

func TestBoxWake(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	p := newPoller(t)
	started := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		close(started)
		// An event that never comes.
		woken, ready, err := p.Wait(-1, Want{Device: d, Events: PollPri})
		if err == nil && (!woken || ready[0].Events.Has(PollPri)) {
			err = fmt.Errorf("woken %v, ready %v", woken, ready[0])
		}
		done <- err
	}()
	<-started
	p.Wake()
	must(t, <-done)
}

func controlNamed(t *testing.T, d *Device, name string) Control {
	t.Helper()
	list := value(d.Controls())(t)
	i := slices.IndexFunc(list, func(c Control) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no control %q among %+v", name, list)
	}
	return list[i]
}

func TestBoxControls(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	input(t, d, "Webcam")
	for name, v := range map[string]int64{"Integer 32 Bits": -7, "Integer 64 Bits": 0x123456789, "Boolean": 0, "Bitmask": 0x80002000, "Brightness": 100, "Menu": 4} {
		c := controlNamed(t, d, name)
		must(t, d.Set(c.ID, v))
		got := value(d.Get(c.ID))(t)
		if c.Type == ControlBitmask {
			got = int64(uint32(got))
		}
		if got != v {
			t.Errorf("%s is %d, want %d", name, got, v)
		}
		one := value(d.Control(c.ID))(t)
		if one.Name != c.Name || one.Max != c.Max || len(one.Menu) != len(c.Menu) {
			t.Errorf("%+v alone, %+v in the list", one, c)
		}
		must(t, d.Set(c.ID, c.Default))
	}
	menu := controlNamed(t, d, "Integer Menu")
	if len(menu.Menu) != 7 || menu.Menu[0] != (MenuItem{Index: 2, Value: 2}) || menu.Menu[6] != (MenuItem{Index: 8, Value: 42}) {
		t.Errorf("%+v: it has a gap, then 2 to 42", menu)
	}
	if _, err := d.Get(CtrlBitrate); !errors.Is(err, ErrNoControl) {
		t.Errorf("a camera's bit rate: %v", err)
	}
	if err := d.Set(controlNamed(t, d, "Integer 32 Bits").ID, 1<<40); err == nil {
		t.Error("a value of 40 bits is taken")
	}
	must(t, d.Set(controlNamed(t, d, "Button").ID, 1))
}

func TestBoxControlEvent(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	other := boxDevice(t, "V4L2_CAPTURE")
	c := controlNamed(t, d, "Brightness")
	must(t, d.Set(c.ID, 11), d.Subscribe(EventCtrl, uint32(c.ID)))
	p := newPoller(t)
	for _, want := range []int64{11, 22} {
		if e := waitFor(t, p, Want{Device: d, Events: PollPri}); !e.Has(PollPri) {
			t.Fatalf("ready %#x", e)
		}
		e := value(d.DequeueEvent())(t)
		if e.Type != EventCtrl || e.ID != uint32(c.ID) || e.Control != want || e.Pending != 0 {
			t.Errorf("%+v, want value %d", e, want)
		}
		must(t, other.Set(c.ID, 22)) // one's own changes are not told
	}
	must(t, d.Unsubscribe(EventCtrl, uint32(c.ID)), other.Set(c.ID, c.Default))
	for {
		if _, err := d.DequeueEvent(); errors.Is(err, ErrAgain) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestBoxSelection(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	input(t, d, "HDMI")
	typ, _ := d.Info().CaptureType()
	bounds := value(d.Selection(typ, SelCropBounds))(t)
	half := Rect{0, 0, bounds.Width / 2, bounds.Height / 2}
	if got, err := d.SetSelection(typ, SelCrop, half); err != nil || got != half {
		t.Errorf("crop %+v, %v, want %+v of %+v", got, err, half, bounds)
	}
	if got, err := d.Selection(typ, SelCrop); err != nil || got != half {
		t.Errorf("crop %+v, %v, want %+v", got, err, half)
	}
	whole := value(d.Selection(typ, SelCropDefault))(t)
	if got, err := d.SetSelection(typ, SelCrop, whole); err != nil || got != whole {
		t.Errorf("crop %+v, %v, want %+v", got, err, whole)
	}
}
