//go:build box

package v4l2

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/blackjack/webcam"

	"github.com/encoderbox/encoderbox/media"
)

func TestBoxTimings(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	if i := input(t, d, "HDMI"); !i.HasDVTimings {
		t.Errorf("%+v has no DV timings", i)
	}
	typ, _ := d.Info().CaptureType()
	list := value(d.EnumDVTimings(0))(t)
	limits := value(d.DVTimingsCap(0))(t)
	if limits.MaxWidth < 1920 || limits.MaxPixelClock < 148500000 || !limits.Progressive {
		t.Errorf("limits %+v", limits)
	}
	// Every mode of ours that the kernel knows is the kernel's, number by number.
	known := 0
	for _, m := range ceaModes() {
		ours := m.timings()
		for _, k := range list {
			if k.CEA861VIC != ours.CEA861VIC {
				continue
			}
			known++
			k.Standards, k.Flags, k.pictureAspect = ours.Standards, ours.Flags, ours.pictureAspect
			if k != ours {
				t.Errorf("mode %d: the kernel has %+v, we %+v", m.vic, k, ours)
			}
		}
	}
	if known < 12 {
		t.Errorf("the kernel knows but %d of our modes", known)
	}
	for _, vic := range []int{19, 4} {
		want, _ := CEATimings(vic)
		must(t, d.SetDVTimings(want))
		got := value(d.DVTimings())(t)
		if got.String() != want.String() {
			t.Errorf("set to %v, is %v", want, got)
		}
		f := value(d.Format(typ))(t)
		if f.Width != 1280 || f.Height != 720 {
			t.Errorf("format %v after timings %v", f, want)
		}
		if r, err := d.FrameRate(typ); err != nil || r != want.FrameRate() {
			t.Errorf("rate %v, %v, want %v", r, err, want.FrameRate())
		}
	}
}

func TestBoxSignal(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	in := input(t, d, "HDMI")
	mode := controlNamed(t, d, "DV Timings Signal Mode")
	set := func(name string) {
		t.Helper()
		i := slices.IndexFunc(mode.Menu, func(m MenuItem) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("no mode %q in %v", name, mode.Menu)
		}
		must(t, d.Set(mode.ID, int64(mode.Menu[i].Index)))
	}
	set("Current DV Timings")
	must(t, d.Subscribe(EventSourceChange, uint32(in.Index)))
	p := newPoller(t)
	for _, c := range []struct {
		mode string
		want error
	}{{"No Signal", ErrNoSignal}, {"No Lock", ErrNoSync}, {"Out of Range", ErrOutOfRange}, {"Current DV Timings", nil}} {
		set(c.mode)
		if e := waitFor(t, p, Want{Device: d, Events: PollPri}); !e.Has(PollPri) {
			t.Fatalf("%s: ready %#x", c.mode, e)
		}
		e := value(d.DequeueEvent())(t)
		if e.Type != EventSourceChange || e.SourceChanges != SourceChangeResolution || e.ID != uint32(in.Index) {
			t.Errorf("%s: %+v", c.mode, e)
		}
		got, err := d.QueryDVTimings()
		if !errors.Is(err, c.want) || c.want == nil && got.Width == 0 {
			t.Errorf("%s: %v, %v, want %v", c.mode, got, err, c.want)
		}
	}
	set("No Signal")
	inputs := value(d.Inputs())(t)
	if !inputs[in.Index].Status.Has(NoSignal) {
		t.Errorf("the input's status without a signal: %#x", inputs[in.Index].Status)
	}
	set("Current DV Timings")
}

func TestBoxEDID(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	in := input(t, d, "HDMI")
	own := value(d.EDID(in.Index))(t)
	must(t, CheckEDID(own))
	edid := value(MakeEDID(boxEDID()))(t)
	must(t, d.SetEDID(in.Index, edid))
	got := value(d.EDID(in.Index))(t)
	// The physical address is the kernel's business.
	if len(got) != len(edid) || !bytes.Equal(got[:EDIDBlock], edid[:EDIDBlock]) {
		t.Errorf("shown\n% x, set\n% x", got, edid)
	}
	if power, err := d.Get(CtrlRXPowerPresent); err != nil || power == 0 {
		t.Errorf("a source's power: %d, %v", power, err)
	}
	must(t, d.SetEDID(in.Index, nil))
	if got, err := d.EDID(in.Index); err != nil || got != nil {
		t.Errorf("%d bytes, %v, after it was taken away", len(got), err)
	}
	must(t, d.SetEDID(in.Index, own))
	if err := d.SetEDID(in.Index, own[:100]); err == nil {
		t.Error("100 bytes are taken")
	}
}

// TestBoxAnotherReader: an independent program sees the same device.
func TestBoxAnotherReader(t *testing.T) {
	d := boxDevice(t, "V4L2_CAPTURE")
	input(t, d, "Webcam")
	typ, _ := d.Info().CaptureType()
	if typ.IsMplane() {
		if _, err := webcam.Open(d.Path()); err == nil {
			t.Error("the other reader has learnt the multi-planar API: compare with it")
		}
		return
	}
	w, err := webcam.Open(d.Path())
	must(t, err)
	defer w.Close()
	if name, err := w.GetName(); err != nil || name != d.Info().Card {
		t.Errorf("it calls the device %q, %v; we %q", name, err, d.Info().Card)
	}
	ours := value(d.Formats(typ))(t)
	theirs := w.GetSupportedFormats()
	if len(ours) != len(theirs) {
		t.Errorf("it has %d formats, we %d", len(theirs), len(ours))
	}
	for _, f := range ours {
		if theirs[webcam.PixelFormat(f.FourCC)] != f.Description {
			t.Errorf("%v: it says %q, we %q", f.FourCC, theirs[webcam.PixelFormat(f.FourCC)], f.Description)
		}
	}
	sizes := value(d.FrameSizes(YUYV))(t)
	for i, s := range w.GetSupportedFrameSizes(webcam.PixelFormat(YUYV)) {
		if got := (SizeRange{int(s.MinWidth), int(s.MaxWidth), int(s.StepWidth), int(s.MinHeight), int(s.MaxHeight), int(s.StepHeight)}); i >= len(sizes) || got != sizes[i] {
			t.Errorf("size %d: it says %v, we %v", i, got, sizes)
		}
	}
	rates := value(d.FrameRates(YUYV, 640, 360))(t)
	for i, r := range w.GetSupportedFramerates(webcam.PixelFormat(YUYV), 640, 360) {
		// It has intervals.
		got := media.Rational{Num: int(r.MinDenominator), Den: int(r.MinNumerator)}
		if i >= len(rates) || got.Num*rates[i].Den != rates[i].Num*got.Den {
			t.Errorf("rate %d: it says %v, we %v", i, got, rates)
		}
	}
	c := controlNamed(t, d, "Brightness")
	must(t, d.Set(c.ID, 77))
	if v, err := w.GetControl(webcam.ControlID(c.ID)); err != nil || v != 77 {
		t.Errorf("it reads a brightness of %d, %v; we set 77", v, err)
	}
	must(t, d.Set(c.ID, c.Default))
}
