package v4l2

import (
	"fmt"
	"unsafe"
)

// Rect is a rectangle in pixels.
type Rect struct{ Left, Top, Width, Height int }

func (r Rect) kernel() v4l2Rect {
	return v4l2Rect{int32(r.Left), int32(r.Top), uint32(r.Width), uint32(r.Height)}
}

func (r v4l2Rect) rect() Rect {
	return Rect{int(r.left), int(r.top), int(r.width), int(r.height)}
}

// SelectionTarget names a rectangle of a direction.
type SelectionTarget uint32

// The targets. Of an encoder's output, SelCrop is the part that is coded.
const (
	SelCrop           SelectionTarget = 0x0000
	SelCropDefault    SelectionTarget = 0x0001
	SelCropBounds     SelectionTarget = 0x0002
	SelNativeSize     SelectionTarget = 0x0003
	SelCompose        SelectionTarget = 0x0100
	SelComposeDefault SelectionTarget = 0x0101
	SelComposeBounds  SelectionTarget = 0x0102
	SelComposePadded  SelectionTarget = 0x0103
)

// single is the type that selections are asked by; all kernels take it for
// multi-planar queues too.
func (t BufType) single() BufType {
	switch t {
	case VideoCaptureMplane:
		return VideoCapture
	case VideoOutputMplane:
		return VideoOutput
	}
	return t
}

// Selection is a rectangle of a direction.
func (d *Device) Selection(t BufType, target SelectionTarget) (Rect, error) {
	k := v4l2Selection{typ: uint32(t.single()), target: uint32(target)}
	err := d.do(fmt.Sprintf("get %v selection %#x", t, uint32(target)), vidiocGSelection, unsafe.Pointer(&k))
	return k.r.rect(), err
}

// SetSelection asks for a rectangle and returns what holds.
func (d *Device) SetSelection(t BufType, target SelectionTarget, r Rect) (Rect, error) {
	k := v4l2Selection{typ: uint32(t.single()), target: uint32(target), r: r.kernel()}
	err := d.do(fmt.Sprintf("set %v selection %#x to %v", t, uint32(target), r), vidiocSSelection, unsafe.Pointer(&k))
	return k.r.rect(), err
}
