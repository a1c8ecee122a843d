package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// BufType is a direction of a device, and whether its pictures may lie in
// several buffers.
type BufType uint32

// The buffer types.
const (
	VideoCapture       BufType = 1
	VideoOutput        BufType = 2
	VideoCaptureMplane BufType = 9
	VideoOutputMplane  BufType = 10
)

// IsOutput says that user space fills the buffers.
func (t BufType) IsOutput() bool { return t == VideoOutput || t == VideoOutputMplane }

// IsMplane says that the multi-planar API is used.
func (t BufType) IsMplane() bool { return t == VideoCaptureMplane || t == VideoOutputMplane }

func (t BufType) String() string {
	switch t {
	case VideoCapture:
		return "capture"
	case VideoOutput:
		return "output"
	case VideoCaptureMplane:
		return "capture (multi-planar)"
	case VideoOutputMplane:
		return "output (multi-planar)"
	}
	return fmt.Sprintf("BufType(%d)", uint32(t))
}

// Field is the order of the fields of a picture.
type Field uint32

// The field orders that matter here; any other is interlaced somehow.
const (
	FieldAny          Field = 0 // the driver chooses
	FieldNone         Field = 1 // progressive
	FieldTop          Field = 2
	FieldBottom       Field = 3
	FieldInterlaced   Field = 4
	FieldAlternate    Field = 7
	FieldInterlacedTB Field = 8
	FieldInterlacedBT Field = 9
)

// Format is a negotiated or wanted picture format of one direction.
type Format struct {
	Width, Height int // as the driver aligned them; Selection tells what is shown
	FourCC        FourCC
	Field         Field
	Planes        []PlaneLayout // one a buffer of the picture; none: the driver chooses
	Color         Color
}

// PlaneLayout is the layout of one buffer of a picture.
type PlaneLayout struct {
	Stride int // bytes from row to row; 0 for coded formats
	Size   int // bytes of the whole buffer
}

func (f Format) String() string {
	return fmt.Sprintf("%dx%d %v", f.Width, f.Height, f.FourCC)
}

// Format is the current format.
func (d *Device) Format(t BufType) (Format, error) {
	return d.format(fmt.Sprintf("get %v format", t), vidiocGFmt, t, Format{})
}

// SetFormat asks for a format and returns what the driver made of it, which
// holds, and may differ in every field.
func (d *Device) SetFormat(t BufType, f Format) (Format, error) {
	return d.format(fmt.Sprintf("set %v format %v", t, f), vidiocSFmt, t, f)
}

// TryFormat is SetFormat without effect.
func (d *Device) TryFormat(t BufType, f Format) (Format, error) {
	return d.format(fmt.Sprintf("try %v format %v", t, f), vidiocTryFmt, t, f)
}

func (d *Device) format(op string, req uintptr, t BufType, f Format) (Format, error) {
	if f.Width < 0 || f.Height < 0 || len(f.Planes) > maxPlanes {
		return Format{}, d.fail(op, unix.EINVAL)
	}
	var err error
	if t.IsMplane() {
		k := v4l2FormatMplane{typ: uint32(t), pix: f.mplane()}
		if err = d.do(op, req, unsafe.Pointer(&k)); err == nil {
			f, err = formatOfMplane(&k.pix)
		}
	} else {
		k := v4l2Format{typ: uint32(t), pix: f.single()}
		if err = d.do(op, req, unsafe.Pointer(&k)); err == nil {
			f, err = formatOfSingle(&k.pix)
		}
	}
	if err != nil {
		return Format{}, err
	}
	return f, nil
}

// pixFmtPrivMagic says that the fields after priv are filled in.
const pixFmtPrivMagic = 0xfeedcafe

func (f Format) single() v4l2PixFormat {
	k := v4l2PixFormat{
		width: uint32(f.Width), height: uint32(f.Height), pixelFormat: uint32(f.FourCC), field: uint32(f.Field),
		colorspace: f.Color.Space, priv: pixFmtPrivMagic,
		ycbcrEnc: f.Color.Encoding, quantization: f.Color.Quantization, xferFunc: f.Color.Transfer,
	}
	if len(f.Planes) > 0 {
		k.bytesPerLine, k.sizeImage = uint32(f.Planes[0].Stride), uint32(f.Planes[0].Size)
	}
	return k
}

func formatOfSingle(k *v4l2PixFormat) (Format, error) {
	f := Format{
		Width: int(k.width), Height: int(k.height), FourCC: FourCC(k.pixelFormat), Field: Field(k.field),
		Planes: []PlaneLayout{{int(k.bytesPerLine), int(k.sizeImage)}},
		Color:  Color{Space: k.colorspace},
	}
	if k.priv == pixFmtPrivMagic {
		f.Color.Encoding, f.Color.Quantization, f.Color.Transfer = k.ycbcrEnc, k.quantization, k.xferFunc
	}
	return f, f.plausible()
}

func (f Format) mplane() v4l2PixFormatMplane {
	k := v4l2PixFormatMplane{
		width: uint32(f.Width), height: uint32(f.Height), pixelFormat: uint32(f.FourCC), field: uint32(f.Field),
		colorspace: f.Color.Space, numPlanes: uint8(len(f.Planes)),
		ycbcrEnc: uint8(f.Color.Encoding), quantization: uint8(f.Color.Quantization), xferFunc: uint8(f.Color.Transfer),
	}
	if len(f.Planes) == 0 {
		if _, planes, ok := f.FourCC.Pixel(); ok {
			k.numPlanes = uint8(planes)
		} else {
			k.numPlanes = 1
		}
	}
	for i, p := range f.Planes {
		k.planeFmt[i].bytesPerLine, k.planeFmt[i].sizeImage = uint32(p.Stride), uint32(p.Size)
	}
	return k
}

func formatOfMplane(k *v4l2PixFormatMplane) (Format, error) {
	if k.numPlanes > maxPlanes {
		return Format{}, fmt.Errorf("v4l2: the driver says a picture lies in %d buffers", k.numPlanes)
	}
	f := Format{
		Width: int(k.width), Height: int(k.height), FourCC: FourCC(k.pixelFormat), Field: Field(k.field),
		Planes: make([]PlaneLayout, k.numPlanes),
		Color: Color{Space: k.colorspace, Encoding: uint32(k.ycbcrEnc),
			Quantization: uint32(k.quantization), Transfer: uint32(k.xferFunc)},
	}
	for i := range f.Planes {
		f.Planes[i] = PlaneLayout{int(k.planeFmt[i].bytesPerLine), int(k.planeFmt[i].sizeImage)}
	}
	return f, f.plausible()
}

// plausible keeps nonsense of a driver from becoming sizes of memory.
func (f Format) plausible() error {
	const mostPixels, mostBytes = 1 << 16, 1 << 30
	if uint(f.Width) > mostPixels || uint(f.Height) > mostPixels {
		return fmt.Errorf("v4l2: the driver says a picture has %dx%d pixels", f.Width, f.Height)
	}
	for _, p := range f.Planes {
		if uint(p.Size) > mostBytes || uint(p.Stride) > mostBytes {
			return fmt.Errorf("v4l2: the driver says a buffer has %d bytes, %d a row", uint(p.Size), uint(p.Stride))
		}
	}
	return nil
}

// FormatDesc is an entry of a device's list of formats.
type FormatDesc struct {
	FourCC      FourCC
	Description string
	Compressed  bool // a coded stream
	Emulated    bool // converted by a library, not made by the hardware
}

// Formats lists what a direction can carry; for an encoder's output after its
// capture format was set, only what can be coded to that.
func (d *Device) Formats(t BufType) ([]FormatDesc, error) {
	const compressed, emulated = 1, 2
	var list []FormatDesc
	err := d.enumerate(fmt.Sprintf("list %v formats", t), func(i uint32) error {
		k := v4l2FmtDesc{index: i, typ: uint32(t)}
		if err := d.call(vidiocEnumFmt, unsafe.Pointer(&k)); err != nil {
			return err
		}
		list = append(list, FormatDesc{FourCC(k.pixelFormat), cString(k.description[:]),
			k.flags&compressed != 0, k.flags&emulated != 0})
		return nil
	})
	return list, err
}

// The kinds of v4l2_frmsizeenum and v4l2_frmivalenum; any other is a range.
const enumDiscrete = 1

// SizeRange is a picture size (minimum and maximum the same, steps 0) or a
// range of sizes.
type SizeRange struct{ MinWidth, MaxWidth, StepWidth, MinHeight, MaxHeight, StepHeight int }

// Has says whether w×h is in the range.
func (s SizeRange) Has(w, h int) bool {
	in := func(v, low, high, step int) bool {
		return low <= v && v <= high && (step == 0 || (v-low)%step == 0)
	}
	return in(w, s.MinWidth, s.MaxWidth, s.StepWidth) && in(h, s.MinHeight, s.MaxHeight, s.StepHeight)
}

// FrameSizes lists the sizes of a format; none where the driver does not say.
func (d *Device) FrameSizes(f FourCC) ([]SizeRange, error) {
	var list []SizeRange
	err := d.enumerate(fmt.Sprintf("list sizes of %v", f), func(i uint32) error {
		k := v4l2FrmSizeEnum{index: i, pixelFormat: uint32(f)}
		if err := d.call(vidiocEnumFrameSizes, unsafe.Pointer(&k)); err != nil {
			return err
		}
		s := k.size
		if k.typ == enumDiscrete {
			s = [6]uint32{s[0], s[0], 0, s[1], s[1], 0}
		}
		list = append(list, SizeRange{int(s[0]), int(s[1]), int(s[2]), int(s[3]), int(s[4]), int(s[5])})
		if k.typ != enumDiscrete {
			return unix.EINVAL // a range stands alone
		}
		return nil
	})
	return list, err
}

// FrameRates lists the rates of a format and size in frames a second; of a
// range its two ends, the lower first; none where the driver does not say.
func (d *Device) FrameRates(f FourCC, w, h int) ([]media.Rational, error) {
	var list []media.Rational
	add := func(f v4l2Fract) {
		if r := f.rate(); !r.IsZero() {
			list = append(list, r)
		}
	}
	err := d.enumerate(fmt.Sprintf("list rates of %v at %dx%d", f, w, h), func(i uint32) error {
		k := v4l2FrmIvalEnum{index: i, pixelFormat: uint32(f), width: uint32(w), height: uint32(h)}
		if err := d.call(vidiocEnumFrameIntervals, unsafe.Pointer(&k)); err != nil {
			return err
		}
		if k.typ == enumDiscrete {
			add(k.interval[0])
			return nil
		}
		add(k.interval[1]) // the longest interval
		add(k.interval[0])
		return unix.EINVAL // a range stands alone
	})
	return list, err
}

// ErrNoFrameRate says that a driver has no frame rate to get or set.
var ErrNoFrameRate = errors.New("the driver has no frame rate")

// capTimePerFrame: the rate can be set.
const capTimePerFrame = 0x1000

// FrameRate is the nominal rate in frames a second. Without one the error is
// ErrNoFrameRate.
func (d *Device) FrameRate(t BufType) (media.Rational, error) {
	k := v4l2StreamParm{typ: uint32(t)}
	return d.frameRate(fmt.Sprintf("get %v frame rate", t), vidiocGParm, &k)
}

// SetFrameRate asks for a rate in frames a second and returns what holds. An
// encoder's output also takes its rate control from it.
func (d *Device) SetFrameRate(t BufType, r media.Rational) (media.Rational, error) {
	op := fmt.Sprintf("set %v frame rate %v", t, r)
	if r.Num <= 0 || r.Den <= 0 {
		return media.Rational{}, d.fail(op, unix.EINVAL)
	}
	k := v4l2StreamParm{typ: uint32(t), timePerFrame: v4l2Fract{uint32(r.Den), uint32(r.Num)}}
	return d.frameRate(op, vidiocSParm, &k)
}

func (d *Device) frameRate(op string, req uintptr, k *v4l2StreamParm) (media.Rational, error) {
	switch err := d.call(req, unsafe.Pointer(k)); {
	case errors.Is(err, unix.ENOTTY):
		return media.Rational{}, d.fail(op, fmt.Errorf("%w: %w", ErrNoFrameRate, err))
	case err != nil:
		return media.Rational{}, d.fail(op, err)
	}
	r := k.timePerFrame.rate()
	if r.IsZero() || req == vidiocSParm && k.capability&capTimePerFrame == 0 {
		return media.Rational{}, d.fail(op, ErrNoFrameRate)
	}
	return r, nil
}

// rate turns a frame interval into frames a second, in lowest terms; zero when
// it is not known.
func (f v4l2Fract) rate() media.Rational {
	if f.numerator == 0 || f.denominator == 0 {
		return media.Rational{}
	}
	return rational(uint64(f.denominator), uint64(f.numerator))
}

// rational is n/d in lowest terms, rounded to thousandths where it would not
// fit into 31 bits.
func rational(n, d uint64) media.Rational {
	a, b := n, d
	for b != 0 {
		a, b = b, a%b
	}
	n, d = n/a, d/a
	const most = 1<<31 - 1
	if n > most || d > most {
		n, d = (n/d)*1000+(n%d*1000+d/2)/d, 1000
		if n > most {
			return media.Rational{}
		}
	}
	return media.Rational{Num: int(n), Den: int(d)}
}
