package yuv

// #cgo CFLAGS: -O3
// #cgo LDFLAGS: -lyuv
// #include <libyuv/convert.h>
// #include <libyuv/convert_from.h>
// #include <libyuv/planar_functions.h>
// #include <libyuv/scale.h>
// #include "range.h"
import "C"

import (
	"unsafe"

	"github.com/encoderbox/encoderbox/media"
)

// The functions of this file trust their arguments: pictures and planes have
// been checked, and both of a pair have the same size where no scaling is done.

func pointer(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }

func (p plane) args() (data *C.uint8_t, stride, width, height C.int) {
	return pointer(p.data), C.int(p.stride), C.int(p.width), C.int(p.height)
}

func (p *Picture) args(i int) (data *C.uint8_t, stride C.int) {
	return pointer(p.Planes[i].Data), C.int(p.Planes[i].Stride)
}

func copyPlane(dst, src plane) {
	s, sStride, w, h := src.args()
	d, dStride, _, _ := dst.args()
	C.CopyPlane(s, sStride, d, dStride, w, h)
}

func fillPlane(dst plane, value byte) {
	d, stride, w, h := dst.args()
	C.SetPlane(d, stride, w, h, C.uint32_t(value))
}

// scalePlane averages where it shrinks to less than half, and interpolates elsewhere.
func scalePlane(dst, src plane) {
	s, sStride, sw, sh := src.args()
	d, dStride, dw, dh := dst.args()
	C.ScalePlane(s, sStride, sw, sh, d, dStride, dw, dh, C.kFilterBox)
}

// rangePlane maps to full range, or to limited.
func rangePlane(dst, src plane, chroma, full bool) {
	what := C.int(C.RANGE_LUMA_TO_LIMITED)
	switch {
	case full && chroma:
		what = C.RANGE_CHROMA_TO_FULL
	case full:
		what = C.RANGE_LUMA_TO_FULL
	case chroma:
		what = C.RANGE_CHROMA_TO_LIMITED
	}
	s, sStride, w, h := src.args()
	d, dStride, _, _ := dst.args()
	C.range_plane(s, sStride, d, dStride, w, h, what)
}

// split takes the chroma of an NV12 picture apart.
func split(u, v plane, src *Picture) {
	s, sStride := src.args(1)
	ud, uStride, w, h := u.args()
	vd, vStride, _, _ := v.args()
	C.SplitUVPlane(s, sStride, ud, uStride, vd, vStride, w, h)
}

// merge puts the chroma of an NV12 picture together.
func merge(dst *Picture, u, v plane) {
	d, dStride := dst.args(1)
	ud, uStride, w, h := u.args()
	vd, vStride, _, _ := v.args()
	C.MergeUVPlane(ud, uStride, vd, vStride, d, dStride, w, h)
}

// unpack takes a YUYV or UYVY picture apart into 4:2:2.
func unpack(dst [3]plane, src *Picture) {
	s, sStride := src.args(0)
	y, yStride, w, h := dst[0].args()
	u, uStride, _, _ := dst[1].args()
	v, vStride, _, _ := dst[2].args()
	if src.Format == media.YUYV {
		C.YUY2ToI422(s, sStride, y, yStride, u, uStride, v, vStride, w, h)
		return
	}
	C.UYVYToI422(s, sStride, y, yStride, u, uStride, v, vStride, w, h)
}

// pack puts a YUYV or UYVY picture together from 4:2:2.
func pack(dst *Picture, src [3]plane) {
	d, dStride := dst.args(0)
	y, yStride, w, h := src[0].args()
	u, uStride, _, _ := src[1].args()
	v, vStride, _, _ := src[2].args()
	if dst.Format == media.YUYV {
		C.I422ToYUY2(y, yStride, u, uStride, v, vStride, d, dStride, w, h)
		return
	}
	C.I422ToUYVY(y, yStride, u, uStride, v, vStride, d, dStride, w, h)
}

// The conversions that libyuv does in one pass over the picture.

func copyRows(dst, src *Picture) {
	for i := range src.Format.Planes() {
		row, rows := planeSize(src.Format, i, src.Width, src.Height)
		d, dStride := dst.args(i)
		s, sStride := src.args(i)
		C.CopyPlane(s, sStride, d, dStride, C.int(row), C.int(rows))
	}
}

// swapBytes turns YUYV into UYVY and back.
func swapBytes(dst, src *Picture) {
	order := [16]C.uint8_t{1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14}
	d, dStride := dst.args(0)
	s, sStride := src.args(0)
	C.ARGBShuffle(s, sStride, d, dStride, &order[0], C.int(src.Width/2), C.int(src.Height))
}

func planarToBiplanar(dst, src *Picture) {
	y, yStride := src.args(0)
	u, uStride := src.args(1)
	v, vStride := src.args(2)
	dy, dyStride := dst.args(0)
	uv, uvStride := dst.args(1)
	C.I420ToNV12(y, yStride, u, uStride, v, vStride, dy, dyStride, uv, uvStride, C.int(src.Width), C.int(src.Height))
}

func biplanarToPlanar(dst, src *Picture) {
	y, yStride := src.args(0)
	uv, uvStride := src.args(1)
	dy, dyStride := dst.args(0)
	u, uStride := dst.args(1)
	v, vStride := dst.args(2)
	C.NV12ToI420(y, yStride, uv, uvStride, dy, dyStride, u, uStride, v, vStride, C.int(src.Width), C.int(src.Height))
}

func packedToBiplanar(dst, src *Picture) {
	s, sStride := src.args(0)
	y, yStride := dst.args(0)
	uv, uvStride := dst.args(1)
	if src.Format == media.YUYV {
		C.YUY2ToNV12(s, sStride, y, yStride, uv, uvStride, C.int(src.Width), C.int(src.Height))
		return
	}
	C.UYVYToNV12(s, sStride, y, yStride, uv, uvStride, C.int(src.Width), C.int(src.Height))
}

func packedToPlanar(dst, src *Picture) {
	s, sStride := src.args(0)
	y, yStride := dst.args(0)
	u, uStride := dst.args(1)
	v, vStride := dst.args(2)
	if src.Format == media.YUYV {
		C.YUY2ToI420(s, sStride, y, yStride, u, uStride, v, vStride, C.int(src.Width), C.int(src.Height))
		return
	}
	C.UYVYToI420(s, sStride, y, yStride, u, uStride, v, vStride, C.int(src.Width), C.int(src.Height))
}
