package v4l2

import (
	"strings"

	"github.com/encoderbox/encoderbox/media"
)

// FourCC names a format of samples or of a coded stream.
type FourCC uint32

// The formats the product deals with. An M means that the planes lie in
// buffers of their own.
const (
	NV12    FourCC = 'N' | 'V'<<8 | '1'<<16 | '2'<<24
	NV12M   FourCC = 'N' | 'M'<<8 | '1'<<16 | '2'<<24
	NV21    FourCC = 'N' | 'V'<<8 | '2'<<16 | '1'<<24
	NV21M   FourCC = 'N' | 'M'<<8 | '2'<<16 | '1'<<24
	YUV420  FourCC = 'Y' | 'U'<<8 | '1'<<16 | '2'<<24
	YUV420M FourCC = 'Y' | 'M'<<8 | '1'<<16 | '2'<<24
	YVU420  FourCC = 'Y' | 'V'<<8 | '1'<<16 | '2'<<24
	YVU420M FourCC = 'Y' | 'M'<<8 | '2'<<16 | '1'<<24
	YUYV    FourCC = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24
	UYVY    FourCC = 'U' | 'Y'<<8 | 'V'<<16 | 'Y'<<24
	RGB24   FourCC = 'R' | 'G'<<8 | 'B'<<16 | '3'<<24
	BGR24   FourCC = 'B' | 'G'<<8 | 'R'<<16 | '3'<<24
	MJPEG   FourCC = 'M' | 'J'<<8 | 'P'<<16 | 'G'<<24
	JPEG    FourCC = 'J' | 'P'<<8 | 'E'<<16 | 'G'<<24
	H264    FourCC = 'H' | '2'<<8 | '6'<<16 | '4'<<24
	FWHT    FourCC = 'F' | 'W'<<8 | 'H'<<16 | 'T'<<24
)

// fourCCBigEndian marks the big-endian variant of a format.
const fourCCBigEndian = 1 << 31

// String is the code's four characters ("NV12"), without trailing blanks,
// with "-BE" behind a big-endian variant.
func (f FourCC) String() string {
	var b [4]byte
	for i := range b {
		b[i] = byte(f &^ fourCCBigEndian >> (8 * i))
		if b[i] < ' ' || b[i] > '~' {
			b[i] = '?'
		}
	}
	s := strings.TrimRight(string(b[:]), " ")
	if f&fourCCBigEndian != 0 {
		s += "-BE"
	}
	return s
}

// fourCCs pairs raw formats with the product's own, and tells in how many
// buffers a picture lies.
func fourCCs() [6]struct {
	code   FourCC
	pixel  media.PixelFormat
	planes int
} {
	return [...]struct {
		code   FourCC
		pixel  media.PixelFormat
		planes int
	}{
		{NV12, media.NV12, 1},
		{NV12M, media.NV12, 2},
		{YUV420, media.I420, 1},
		{YUV420M, media.I420, 3},
		{YUYV, media.YUYV, 1},
		{UYVY, media.UYVY, 1},
	}
}

// Pixel is the product's name of a raw format, and in how many buffers
// (memory planes) its samples lie; false for what media has no name for.
func (f FourCC) Pixel() (p media.PixelFormat, memoryPlanes int, ok bool) {
	for _, e := range fourCCs() {
		if e.code == f {
			return e.pixel, e.planes, true
		}
	}
	return 0, 0, false
}

// FourCCOf is the code of a raw format whose samples lie in memoryPlanes
// buffers.
func FourCCOf(p media.PixelFormat, memoryPlanes int) (FourCC, bool) {
	for _, e := range fourCCs() {
		if e.pixel == p && e.planes == memoryPlanes {
			return e.code, true
		}
	}
	return 0, false
}

// IsBayer says that the samples come straight from a sensor's colour filter
// and need an image signal processor to become a picture.
func (f FourCC) IsBayer() bool {
	const families = "BA81 GBRG GRBG RGGB " + // 8 bit
		"BG10 GB10 BA10 RG10 pBAA pGAA pgAA pRAA aBA8 aGA8 agA8 aRA8 bBA8 bGA8 BD10 bRA8 ip3b ip3g ip3G ip3r " +
		"BG12 GB12 BA12 RG12 pBCC pGCC pgCC pRCC " +
		"BG14 GB14 GR14 RG14 pBEE pGEE pgEE pREE " +
		"BYR2 GB16 GR16 RG16 BYR1"
	if f&fourCCBigEndian != 0 {
		return false
	}
	code := string([]byte{byte(f), byte(f >> 8), byte(f >> 16), byte(f >> 24)})
	for name := range strings.FieldsSeq(families) {
		if name == code {
			return true
		}
	}
	return false
}
