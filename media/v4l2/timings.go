package v4l2

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// What QueryDVTimings found instead of timings; wrapped in its error.
var (
	ErrNoSignal   = errors.New("no signal")
	ErrNoSync     = errors.New("signal without lock")
	ErrOutOfRange = errors.New("signal out of the receiver's range")
)

// InputStatus says what is wrong with an input; 0 is fine.
type InputStatus uint32

// The states of an input.
const (
	NoPower   InputStatus = 0x00000001
	NoSignal  InputStatus = 0x00000002
	NoHLock   InputStatus = 0x00000100
	NoVLock   InputStatus = 0x00000400
	NoSync    InputStatus = 0x00010000
	NoCarrier InputStatus = 0x00040000
)

// Has says whether any of want is the case.
func (s InputStatus) Has(want InputStatus) bool { return s&want != 0 }

// InputDesc describes an input of a capture device.
type InputDesc struct {
	Index        int
	Name         string
	Status       InputStatus // of the current input only
	HasDVTimings bool        // HDMI and its like
}

// Inputs lists the inputs; none of a device that has just one way in.
func (d *Device) Inputs() ([]InputDesc, error) {
	const capDVTimings = 2
	var list []InputDesc
	err := d.enumerate("list inputs", func(i uint32) error {
		k := v4l2Input{index: i}
		if err := d.call(vidiocEnumInput, unsafe.Pointer(&k)); err != nil {
			return err
		}
		list = append(list, InputDesc{int(i), cString(k.name[:]), InputStatus(k.status), k.capabilities&capDVTimings != 0})
		return nil
	})
	return list, err
}

// Input is the index of the current input.
func (d *Device) Input() (int, error) {
	var i int32
	err := d.do("get input", vidiocGInput, unsafe.Pointer(&i))
	return int(i), err
}

// SetInput chooses the input, which may change format, timings and controls.
func (d *Device) SetInput(index int) error {
	i := int32(index)
	return d.do(fmt.Sprintf("set input %d", index), vidiocSInput, unsafe.Pointer(&i))
}

// DVTimings are the timings of a digital signal.
type DVTimings struct {
	Width, Height        int // of the whole picture, both fields
	Interlaced           bool
	Polarities           uint32
	PixelClock           uint64 // Hz; 0 where a receiver cannot measure it
	HFront, HSync, HBack int
	VFront, VSync, VBack int // of the first field, where interlaced
	ILVFront, ILVSync    int // of the second field
	ILVBack              int
	Standards, Flags     uint32
	CEA861VIC, HDMIVIC   uint8 // 0: not told
	pictureAspect        v4l2Fract
}

// Flags of DVTimings.
const (
	DVReducedBlanking = 1 << 0
	DVCanReduceFPS    = 1 << 1 // the rate may be 1000/1001 of the nominal
	DVReducedFPS      = 1 << 2 // it is
	DVIsCEVideo       = 1 << 4 // RGB has limited range by default
	dvHasAspect       = 1 << 6
	dvHasCEA861VIC    = 1 << 7
	dvHasHDMIVIC      = 1 << 8
)

// FrameRate is the rate of whole pictures (of an interlaced signal half the
// field rate); zero when the pixel clock is not known. Receivers measure to
// some 100 ppm: what is nearer than 500 ppm to a rate of the standards, or to
// its 1000/1001, is that.
func (t DVTimings) FrameRate() media.Rational {
	total := t.total()
	if total == 0 || t.PixelClock == 0 {
		return media.Rational{}
	}
	fps := float64(t.PixelClock) / float64(total)
	if t.Flags&DVReducedFPS != 0 {
		fps *= 1000.0 / 1001
	}
	best, bestOff := media.Rational{}, 500e-6
	try := func(r media.Rational) {
		if off := math.Abs(fps/r.Float() - 1); off < bestOff {
			best, bestOff = r, off
		}
	}
	for _, n := range [...]int{15, 24, 25, 30, 48, 50, 60, 72, 75, 85, 100, 120, 144, 200, 240} {
		try(media.Rational{Num: n, Den: 1})
		if n%6 == 0 { // those CEA-861 lets run at 1000/1001
			try(media.Rational{Num: n * 1000, Den: 1001})
		}
	}
	if !best.IsZero() {
		return best
	}
	return rational(uint64(math.Round(fps*1000)), 1000)
}

// total is the number of pixel clocks of a whole picture.
func (t DVTimings) total() uint64 {
	h := t.Width + t.HFront + t.HSync + t.HBack
	v := t.Height + t.VFront + t.VSync + t.VBack
	if t.Interlaced {
		v += t.ILVFront + t.ILVSync + t.ILVBack
	}
	return uint64(h) * uint64(v)
}

// String is the usual short name: "1920x1080p50", "1280x720p59.94", and
// "1920x1080i50" by the field rate.
func (t DVTimings) String() string {
	scan, rate := "p", t.FrameRate()
	f := rate.Float()
	if t.Interlaced {
		scan, f = "i", 2*f
	}
	s := fmt.Sprintf("%dx%d%s", t.Width, t.Height, scan)
	switch {
	case rate.IsZero():
		return s
	case f == math.Trunc(f):
		return fmt.Sprintf("%s%d", s, int(f))
	}
	return fmt.Sprintf("%s%.2f", s, f)
}

func (t DVTimings) kernel() v4l2DVTimings {
	u := func(v int) uint32 { return uint32(v) }
	k := v4l2DVTimings{bt: v4l2BTTimings{
		width: u(t.Width), height: u(t.Height), polarities: t.Polarities,
		pixelClockLow: uint32(t.PixelClock), pixelClockHigh: uint32(t.PixelClock >> 32),
		hFront: u(t.HFront), hSync: u(t.HSync), hBack: u(t.HBack),
		vFront: u(t.VFront), vSync: u(t.VSync), vBack: u(t.VBack),
		ilVFront: u(t.ILVFront), ilVSync: u(t.ILVSync), ilVBack: u(t.ILVBack),
		standards: t.Standards, flags: t.Flags, pictureAspect: t.pictureAspect,
		cea861VIC: t.CEA861VIC, hdmiVIC: t.HDMIVIC,
	}}
	if t.Interlaced {
		k.bt.interlaced = 1
	}
	return k
}

func (k *v4l2DVTimings) timings() (DVTimings, error) {
	b := &k.bt
	const most = 1 << 16 // pixels or lines
	for _, v := range [...]uint32{b.width, b.height, b.hFront, b.hSync, b.hBack, b.vFront, b.vSync, b.vBack,
		b.ilVFront, b.ilVSync, b.ilVBack} {
		if v > most {
			return DVTimings{}, fmt.Errorf("the driver says timings of %dx%d with a part of %d", b.width, b.height, v)
		}
	}
	if k.typ != 0 {
		return DVTimings{}, fmt.Errorf("the driver says timings of kind %d", k.typ)
	}
	t := DVTimings{
		Width: int(b.width), Height: int(b.height), Interlaced: b.interlaced != 0, Polarities: b.polarities,
		PixelClock: uint64(b.pixelClockHigh)<<32 | uint64(b.pixelClockLow),
		HFront:     int(b.hFront), HSync: int(b.hSync), HBack: int(b.hBack),
		VFront: int(b.vFront), VSync: int(b.vSync), VBack: int(b.vBack),
		ILVFront: int(b.ilVFront), ILVSync: int(b.ilVSync), ILVBack: int(b.ilVBack),
		Standards: b.standards, Flags: b.flags,
	}
	if b.flags&dvHasAspect != 0 {
		t.pictureAspect = b.pictureAspect
	}
	if b.flags&dvHasCEA861VIC != 0 {
		t.CEA861VIC = b.cea861VIC
	}
	if b.flags&dvHasHDMIVIC != 0 {
		t.HDMIVIC = b.hdmiVIC
	}
	return t, nil
}

// DVTimings are the timings the receiver is set to.
func (n *node) DVTimings() (DVTimings, error) {
	return n.timings("get DV timings", vidiocGDVTimings)
}

// QueryDVTimings measures the signal; it changes nothing. The error wraps
// ErrNoSignal, ErrNoSync or ErrOutOfRange.
func (n *node) QueryDVTimings() (DVTimings, error) {
	return n.timings("query DV timings", vidiocQueryDVTimings)
}

func (n *node) timings(op string, req uintptr) (DVTimings, error) {
	var k v4l2DVTimings
	err := n.call(req, unsafe.Pointer(&k))
	var t DVTimings
	switch {
	case errors.Is(err, unix.ENOLINK):
		err = fmt.Errorf("%w: %w", ErrNoSignal, err)
	case errors.Is(err, unix.ENOLCK):
		err = fmt.Errorf("%w: %w", ErrNoSync, err)
	case errors.Is(err, unix.ERANGE):
		err = fmt.Errorf("%w: %w", ErrOutOfRange, err)
	case err == nil:
		t, err = k.timings()
	}
	if err != nil {
		return DVTimings{}, n.fail(op, err)
	}
	return t, nil
}

// SetDVTimings sets the receiver to timings, usually those of QueryDVTimings.
// Format must be asked again then.
func (n *node) SetDVTimings(t DVTimings) error {
	k := t.kernel()
	return n.do("set DV timings "+t.String(), vidiocSDVTimings, unsafe.Pointer(&k))
}

// EnumDVTimings lists the timings a receiver knows; pad is that of a
// subdevice, else 0.
func (n *node) EnumDVTimings(pad int) ([]DVTimings, error) {
	const op = "list DV timings"
	var list []DVTimings
	err := n.enumerate(op, func(i uint32) error {
		k := v4l2EnumDVTimings{index: i, pad: uint32(pad)}
		if err := n.call(vidiocEnumDVTimings, unsafe.Pointer(&k)); err != nil {
			return err
		}
		t, err := k.timings.timings()
		list = append(list, t)
		return err
	})
	return list, err
}

// DVTimingsCap are the limits of a receiver.
type DVTimingsCap struct {
	MinWidth, MaxWidth, MinHeight, MaxHeight int
	MinPixelClock, MaxPixelClock             uint64 // Hz
	Standards                                uint32
	Interlaced, Progressive                  bool
}

// DVTimingsCap asks for the limits; pad is that of a subdevice, else 0.
func (n *node) DVTimingsCap(pad int) (DVTimingsCap, error) {
	k := v4l2DVTimingsCap{pad: uint32(pad)}
	if err := n.do("get limits of DV timings", vidiocDVTimingsCap, unsafe.Pointer(&k)); err != nil {
		return DVTimingsCap{}, err
	}
	return DVTimingsCap{
		MinWidth: int(k.minWidth), MaxWidth: int(k.maxWidth), MinHeight: int(k.minHeight), MaxHeight: int(k.maxHeight),
		MinPixelClock: uint64(k.minPixelClockHigh)<<32 | uint64(k.minPixelClockLow),
		MaxPixelClock: uint64(k.maxPixelClockHigh)<<32 | uint64(k.maxPixelClockLow),
		Standards:     k.standards,
		Interlaced:    k.capabilities&1 != 0,
		Progressive:   k.capabilities&2 != 0,
	}, nil
}
