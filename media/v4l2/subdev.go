package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// Subdev is an open subdevice node, /dev/v4l-subdevN: a sensor, a bridge, a
// receiver. Controls, events, timings and EDID are those of a Device.
type Subdev struct{ node }

// OpenSubdev opens a subdevice.
func OpenSubdev(path string) (*Subdev, error) {
	fd, err := openNode(path)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open %s: %w", path, err)
	}
	s := &Subdev{node: node{path: path, k: linux{}}}
	s.fd.Store(int32(fd))
	return s, nil
}

// BusCode names a format of samples on a bus between subdevices.
type BusCode uint32

// The bus codes of bridges and YUV sensors, by IsBayer those of raw sensors.
const (
	BusRGB888 BusCode = 0x100a
	BusUYVY2x BusCode = 0x2006 // two transfers of 8 bits
	BusYUYV2x BusCode = 0x2008
	BusUYVY   BusCode = 0x200f // one transfer of 16 bits, as on CSI-2
	BusYUYV   BusCode = 0x2011
	BusBGR888 BusCode = 0x1013
	BusJPEG   BusCode = 0x4001
)

// IsBayer says that the samples come from a sensor's colour filter.
func (c BusCode) IsBayer() bool { return c >= 0x3000 && c < 0x4000 }

// BusFormat is the format of a pad.
type BusFormat struct {
	Width, Height int
	Code          BusCode
	Field         Field
	Color         Color
}

const subdevActive = 1 // not "try"

// Format is the format of a pad.
func (s *Subdev) Format(pad int) (BusFormat, error) {
	k := v4l2SubdevFormat{which: subdevActive, pad: uint32(pad)}
	return s.format(fmt.Sprintf("get format of pad %d", pad), subdevGFmt, &k)
}

// SetFormat asks for a format of a pad and returns what holds.
func (s *Subdev) SetFormat(pad int, f BusFormat) (BusFormat, error) {
	k := v4l2SubdevFormat{which: subdevActive, pad: uint32(pad), format: v4l2MbusFrameFmt{
		width: uint32(f.Width), height: uint32(f.Height), code: uint32(f.Code), field: uint32(f.Field),
		colorspace: f.Color.Space, ycbcrEnc: uint16(f.Color.Encoding),
		quantization: uint16(f.Color.Quantization), xferFunc: uint16(f.Color.Transfer),
	}}
	return s.format(fmt.Sprintf("set format of pad %d to %dx%d %#x", pad, f.Width, f.Height, uint32(f.Code)), subdevSFmt, &k)
}

func (s *Subdev) format(op string, req uintptr, k *v4l2SubdevFormat) (BusFormat, error) {
	if err := s.do(op, req, unsafe.Pointer(k)); err != nil {
		return BusFormat{}, err
	}
	f := &k.format
	const most = 1 << 16
	if f.width > most || f.height > most {
		return BusFormat{}, s.fail(op, fmt.Errorf("the driver says %dx%d", f.width, f.height))
	}
	return BusFormat{int(f.width), int(f.height), BusCode(f.code), Field(f.field), Color{
		Space: f.colorspace, Encoding: uint32(f.ycbcrEnc),
		Quantization: uint32(f.quantization), Transfer: uint32(f.xferFunc)}}, nil
}

// BusCodes lists the codes of a pad.
func (s *Subdev) BusCodes(pad int) ([]BusCode, error) {
	var list []BusCode
	err := s.enumerate(fmt.Sprintf("list formats of pad %d", pad), func(i uint32) error {
		k := v4l2SubdevMbusCodeEnum{pad: uint32(pad), index: i, which: subdevActive}
		if err := s.call(subdevEnumMbusCode, unsafe.Pointer(&k)); err != nil {
			return err
		}
		list = append(list, BusCode(k.code))
		return nil
	})
	return list, err
}

// FrameSizes lists the sizes of a pad and code.
func (s *Subdev) FrameSizes(pad int, code BusCode) ([]SizeRange, error) {
	var list []SizeRange
	err := s.enumerate(fmt.Sprintf("list sizes of pad %d", pad), func(i uint32) error {
		k := v4l2SubdevFrameSizeEnum{index: i, pad: uint32(pad), code: uint32(code), which: subdevActive}
		if err := s.call(subdevEnumFrameSize, unsafe.Pointer(&k)); err != nil {
			return err
		}
		list = append(list, SizeRange{MinWidth: int(k.minWidth), MaxWidth: int(k.maxWidth),
			MinHeight: int(k.minHeight), MaxHeight: int(k.maxHeight)})
		return nil
	})
	return list, err
}

// Selection is a rectangle of a pad.
func (s *Subdev) Selection(pad int, target SelectionTarget) (Rect, error) {
	k := v4l2SubdevSelection{which: subdevActive, pad: uint32(pad), target: uint32(target)}
	err := s.do(fmt.Sprintf("get selection %#x of pad %d", uint32(target), pad), subdevGSelection, unsafe.Pointer(&k))
	return k.r.rect(), err
}

// SetSelection asks for a rectangle of a pad and returns what holds.
func (s *Subdev) SetSelection(pad int, target SelectionTarget, r Rect) (Rect, error) {
	k := v4l2SubdevSelection{which: subdevActive, pad: uint32(pad), target: uint32(target), r: r.kernel()}
	err := s.do(fmt.Sprintf("set selection %#x of pad %d to %v", uint32(target), pad, r), subdevSSelection, unsafe.Pointer(&k))
	return k.r.rect(), err
}

// FrameRate is the rate of a pad in frames a second. Without one the error is
// ErrNoFrameRate.
func (s *Subdev) FrameRate(pad int) (media.Rational, error) {
	k := v4l2SubdevFrameInterval{pad: uint32(pad)}
	return s.interval(fmt.Sprintf("get frame rate of pad %d", pad), subdevGInterval, &k)
}

// SetFrameRate asks for a rate of a pad and returns what holds.
func (s *Subdev) SetFrameRate(pad int, r media.Rational) (media.Rational, error) {
	op := fmt.Sprintf("set frame rate of pad %d to %v", pad, r)
	if r.Num <= 0 || r.Den <= 0 {
		return media.Rational{}, s.fail(op, unix.EINVAL)
	}
	k := v4l2SubdevFrameInterval{pad: uint32(pad), interval: v4l2Fract{uint32(r.Den), uint32(r.Num)}}
	return s.interval(op, subdevSInterval, &k)
}

func (s *Subdev) interval(op string, req uintptr, k *v4l2SubdevFrameInterval) (media.Rational, error) {
	err := s.call(req, unsafe.Pointer(k))
	r := k.interval.rate()
	switch {
	case errors.Is(err, unix.ENOTTY), err == nil && r.IsZero():
		err = ErrNoFrameRate
		fallthrough
	case err != nil:
		return media.Rational{}, s.fail(op, err)
	}
	return r, nil
}
