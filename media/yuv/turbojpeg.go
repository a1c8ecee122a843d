package yuv

// #cgo LDFLAGS: -lturbojpeg
// #include <turbojpeg.h>
//
// // The array of pointers lives here, since C may not be given Go memory that holds pointers.
// static int decode_planes(tjhandle h, const unsigned char *data, unsigned long size, unsigned char *y, unsigned char *u,
// 	unsigned char *v, int y_stride, int u_stride, int v_stride, int width, int height, int flags)
// {
// 	unsigned char *planes[3] = {y, u, v};
// 	int strides[3] = {y_stride, u_stride, v_stride};
//
// 	return tjDecompressToYUVPlanes(h, data, size, planes, width, strides, height, flags);
// }
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// decoder is libjpeg-turbo's decompressor.
type decoder struct{ handle C.tjhandle }

func newDecoder() (*decoder, error) {
	h := C.tjInitDecompress()
	if h == nil {
		return nil, errors.New("yuv: make a JPEG decompressor: out of memory")
	}
	return &decoder{handle: h}, nil
}

func (d *decoder) close() {
	if d.handle != nil {
		C.tjDestroy(d.handle)
		d.handle = nil
	}
}

// layout is what the header of a JPEG picture says.
type layout struct {
	width, height int
	sampling      C.int
}

func (d *decoder) header(data []byte) (layout, error) {
	var w, h, sampling, space C.int
	if C.tjDecompressHeader3(d.handle, jpegPointer(data), C.ulong(len(data)), &w, &h, &sampling, &space) != 0 {
		return layout{}, errors.New(d.message())
	}
	if space != C.TJCS_YCbCr && space != C.TJCS_GRAY {
		return layout{}, errors.New("its samples are not Y, Cb, Cr or grey")
	}
	if sampling < 0 || sampling >= C.TJ_NUMSAMP {
		return layout{}, errors.New("its chroma subsampling is none of 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1, grey")
	}
	if err := checkSize(int(w), int(h)); err != nil {
		return layout{}, err
	}
	return layout{width: int(w), height: int(h), sampling: sampling}, nil
}

// plane is the size of component i as the decompressor writes it.
func (l layout) plane(i int) (width, height int) {
	return int(C.tjPlaneWidth(C.int(i), C.int(l.width), l.sampling)), int(C.tjPlaneHeight(C.int(i), C.int(l.height), l.sampling))
}

func (l layout) grey() bool { return l.sampling == C.TJSAMP_GRAY }

func (l layout) name() string {
	switch l.sampling {
	case C.TJSAMP_444:
		return "4:4:4"
	case C.TJSAMP_422:
		return "4:2:2"
	case C.TJSAMP_420:
		return "4:2:0"
	case C.TJSAMP_440:
		return "4:4:0"
	case C.TJSAMP_411:
		return "4:1:1"
	}
	return "grey"
}

// decode writes the components, each plane as large as layout.plane says. What
// is damaged is still decoded as far as it goes; then the error is ErrDamaged.
func (d *decoder) decode(planes [3]plane, l layout, data []byte) error {
	// Limiting the scans keeps a forged progressive picture from taking minutes.
	const flags = C.TJFLAG_LIMITSCANS
	y, u, v := &planes[0], &planes[1], &planes[2]
	r := C.decode_planes(d.handle, jpegPointer(data), C.ulong(len(data)),
		jpegPointer(y.data), jpegPointer(u.data), jpegPointer(v.data),
		C.int(y.stride), C.int(u.stride), C.int(v.stride), C.int(l.width), C.int(l.height), flags)
	if r == 0 {
		return nil
	}
	text := d.message()
	if C.tjGetErrorCode(d.handle) == C.TJERR_FATAL {
		return errors.New(text)
	}
	// Some cameras put filling bytes before each marker. They harm nothing.
	if strings.Contains(text, "extraneous bytes before marker") {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDamaged, text)
}

func (d *decoder) message() string { return C.GoString(C.tjGetErrorStr2(d.handle)) }

func jpegPointer(b []byte) *C.uchar { return (*C.uchar)(unsafe.SliceData(b)) }
