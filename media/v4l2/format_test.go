package v4l2

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

func TestFourCC(t *testing.T) {
	for f, want := range map[FourCC]string{
		NV12: "NV12", NV12M: "NM12", YUV420: "YU12", H264: "H264", MJPEG: "MJPG",
		'Y' | '1'<<8 | '6'<<16 | ' '<<24:         "Y16",
		'Y' | '1'<<8 | '6'<<16 | ' '<<24 | 1<<31: "Y16-BE",
		0:                                        "????",
		FourCC(0xff) | FourCC('A')<<8 | 7<<16 | 200: "?A??",
	} {
		if got := f.String(); got != want {
			t.Errorf("%#x is called %q, want %q", uint32(f), got, want)
		}
	}
}

func TestFourCCAndPixelFormat(t *testing.T) {
	for _, c := range []struct {
		f      FourCC
		p      media.PixelFormat
		planes int
	}{{NV12, media.NV12, 1}, {NV12M, media.NV12, 2}, {YUV420, media.I420, 1}, {YUV420M, media.I420, 3}, {YUYV, media.YUYV, 1}, {UYVY, media.UYVY, 1}} {
		if p, n, ok := c.f.Pixel(); !ok || p != c.p || n != c.planes {
			t.Errorf("%v is %v in %d buffers (%v), want %v in %d", c.f, p, n, ok, c.p, c.planes)
		}
		if f, ok := FourCCOf(c.p, c.planes); !ok || f != c.f {
			t.Errorf("%v in %d buffers is %v (%v), want %v", c.p, c.planes, f, ok, c.f)
		}
	}
	// The order of its colours has no name of ours: taken for I420 it would
	// swap blue and red.
	for _, f := range []FourCC{YVU420, NV21, NV21M, RGB24, MJPEG, H264} {
		if p, _, ok := f.Pixel(); ok {
			t.Errorf("%v is taken for %v", f, p)
		}
	}
	if f, ok := FourCCOf(media.NV12, 3); ok {
		t.Errorf("NV12 in three buffers is %v", f)
	}
}

func TestIsBayer(t *testing.T) {
	code := func(s string) FourCC { return FourCC(s[0]) | FourCC(s[1])<<8 | FourCC(s[2])<<16 | FourCC(s[3])<<24 }
	for _, s := range []string{"BA81", "GBRG", "RGGB", "BG10", "pRAA", "pRCC", "RG12", "BYR2"} {
		if !code(s).IsBayer() {
			t.Errorf("%s is not taken for Bayer", s)
		}
	}
	for _, f := range []FourCC{NV12, YUYV, UYVY, RGB24, MJPEG, H264, code("GREY"), code("Y10 ")} {
		if f.IsBayer() {
			t.Errorf("%v is taken for Bayer", f)
		}
	}
}

func TestColor(t *testing.T) {
	for _, c := range []struct {
		name string
		k    Color
		want media.Color
	}{
		{"nothing said", Color{}, media.Color{}},
		{"HD", Color{Space: spaceRec709}, media.Color{Primaries: 1, Transfer: 1, Matrix: 1}},
		{"NTSC", Color{Space: spaceSMPTE170M}, media.Color{Primaries: 6, Transfer: 6, Matrix: 6}},
		{"PAL", Color{Space: space470BG}, media.Color{Primaries: 5, Transfer: 6, Matrix: 5}},
		{"PAL, all told", Color{space470BG, xfer709, enc601, quantLimited}, media.Color{Primaries: 5, Transfer: 6, Matrix: 5}},
		{"a webcam", Color{Space: spaceSRGB}, media.Color{Primaries: 1, Transfer: 13, Matrix: 6}},
		{"Motion JPEG", Color{Space: spaceJPEG}, media.Color{Primaries: 1, Transfer: 13, Matrix: 6, FullRange: true}},
		{"full-range HD", Color{spaceRec709, 0, 0, quantFull}, media.Color{Primaries: 1, Transfer: 1, Matrix: 1, FullRange: true}},
		{"sRGB primaries by the HD matrix", Color{spaceSRGB, xfer709, enc709, quantLimited}, media.Color{Primaries: 1, Transfer: 1, Matrix: 1}},
		{"UHD", Color{Space: spaceBT2020}, media.Color{Primaries: 9, Transfer: 14, Matrix: 9}},
		{"HDR10", Color{spaceBT2020, xferSMPTE2084, encBT2020, quantLimited}, media.Color{Primaries: 9, Transfer: 16, Matrix: 9}},
		{"constant luminance", Color{spaceBT2020, 0, encBT2020Const, 0}, media.Color{Primaries: 9, Transfer: 14, Matrix: 10}},
		{"xvYCC HD", Color{spaceRec709, 0, encXV709, 0}, media.Color{Primaries: 1, Transfer: 11, Matrix: 1}},
		{"xvYCC SD", Color{spaceSMPTE170M, 0, encXV601, 0}, media.Color{Primaries: 6, Transfer: 11, Matrix: 5}},
		{"SMPTE 240M", Color{Space: spaceSMPTE240M}, media.Color{Primaries: 7, Transfer: 7, Matrix: 7}},
		{"cinema", Color{Space: spaceDCIP3}, media.Color{Primaries: 11, Transfer: 17, Matrix: 1}},
		{"linear light", Color{spaceRec709, xferNone, 0, 0}, media.Color{Primaries: 1, Transfer: 8, Matrix: 1}},
		{"no space, but the rest", Color{0, xfer709, enc709, quantLimited}, media.Color{Transfer: 1, Matrix: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.k.Media(); got != c.want {
				t.Errorf("%+v is %+v, want %+v", c.k, got, c.want)
			}
			if back := ColorOf(c.want).Media(); back != c.want {
				t.Errorf("%+v comes back from the kernel as %+v, by way of %+v", c.want, back, ColorOf(c.want))
			}
		})
	}
}

func TestFormatToTheKernelAndBack(t *testing.T) {
	f := Format{Width: 1920, Height: 1088, FourCC: NV12M, Field: FieldNone,
		Planes: []PlaneLayout{{2048, 2048 * 1088}, {2048, 2048 * 544}}, Color: Color{spaceRec709, xfer709, enc709, quantLimited}}
	k := f.mplane()
	if got, err := formatOfMplane(&k); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v, want %+v", got, err, f)
	}
	f.FourCC, f.Planes = YUYV, f.Planes[:1]
	s := f.single()
	if got, err := formatOfSingle(&s); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v, want %+v", got, err, f)
	}
	// Without the magic number the driver is older than the fields behind it.
	s.priv = 0
	if got, err := formatOfSingle(&s); err != nil || got.Color != (Color{Space: spaceRec709}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFormatOfABrokenDriver(t *testing.T) {
	for name, spoil := range map[string]func(*v4l2PixFormatMplane){
		"width":  func(k *v4l2PixFormatMplane) { k.width = 1 << 31 },
		"size":   func(k *v4l2PixFormatMplane) { k.planeFmt[0].sizeImage = 0xffffffff },
		"planes": func(k *v4l2PixFormatMplane) { k.numPlanes = 200 },
	} {
		k := Format{Width: 64, Height: 64, FourCC: NV12}.mplane()
		spoil(&k)
		if f, err := formatOfMplane(&k); err == nil {
			t.Errorf("%s: took %+v", name, f)
		}
	}
}

func TestFormatTellsWhatTheDriverMadeOfIt(t *testing.T) {
	d := fakeDevice(t, func(req uintptr, arg unsafe.Pointer) error {
		if req != vidiocSFmt {
			return unix.ENOTTY
		}
		k := (*v4l2Format)(arg)
		k.pix.width, k.pix.height, k.pix.bytesPerLine, k.pix.sizeImage = 640, 368, 704, 704*368*3/2
		return nil
	})
	f, err := d.SetFormat(VideoCapture, Format{Width: 640, Height: 360, FourCC: NV12})
	want := Format{Width: 640, Height: 368, FourCC: NV12, Planes: []PlaneLayout{{704, 704 * 368 * 3 / 2}}}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, %v, want %+v", f, err, want)
	}
	_, err = d.TryFormat(VideoCapture, f)
	if !errors.Is(err, unix.ENOTTY) || !strings.Contains(err.Error(), "try capture format 640x368 NV12 on /dev/video9") {
		t.Errorf("error %v does not tell what was done where", err)
	}
}

func TestEnumerationsEnd(t *testing.T) {
	d := fakeDevice(t, func(uintptr, unsafe.Pointer) error { return nil }) // a driver without an end
	if list, err := d.Formats(VideoCapture); err == nil {
		t.Errorf("%d formats, no error", len(list))
	}
	d = fakeDevice(t, func(uintptr, unsafe.Pointer) error { return unix.ENOTTY })
	if list, err := d.Formats(VideoCapture); err != nil || list != nil {
		t.Errorf("%v, %v of a driver that lists nothing", list, err)
	}
	d = fakeDevice(t, func(uintptr, unsafe.Pointer) error { return unix.ENODEV })
	if _, err := d.Formats(VideoCapture); !IsGone(err) {
		t.Errorf("%v of a device that is gone", err)
	}
}

func TestFrameSizesAndRates(t *testing.T) {
	d := fakeDevice(t, func(req uintptr, arg unsafe.Pointer) error {
		switch req {
		case vidiocEnumFrameSizes:
			k := (*v4l2FrmSizeEnum)(arg)
			if k.pixelFormat == uint32(H264) { // stepwise
				k.typ, k.size = 3, [6]uint32{32, 1920, 2, 16, 1080, 2}
				return nil
			}
			if k.index > 1 {
				return unix.EINVAL
			}
			k.typ, k.size = 1, [6]uint32{640 << k.index, 480 << k.index}
		case vidiocEnumFrameIntervals:
			k := (*v4l2FrmIvalEnum)(arg)
			if k.pixelFormat == uint32(H264) { // continuous
				k.typ, k.interval = 2, [3]v4l2Fract{{1, 120}, {1, 1}, {1, 1}}
				return nil
			}
			if k.index > 1 {
				return unix.EINVAL
			}
			k.typ, k.interval[0] = 1, [2]v4l2Fract{{333333, 10000000}, {1001, 60000}}[k.index]
		}
		return nil
	})
	sizes, err := d.FrameSizes(YUYV)
	if want := []SizeRange{{640, 640, 0, 480, 480, 0}, {1280, 1280, 0, 960, 960, 0}}; err != nil || !reflect.DeepEqual(sizes, want) {
		t.Errorf("%v, %v, want %v", sizes, err, want)
	}
	sizes, err = d.FrameSizes(H264)
	if want := []SizeRange{{32, 1920, 2, 16, 1080, 2}}; err != nil || !reflect.DeepEqual(sizes, want) {
		t.Errorf("%v, %v, want %v", sizes, err, want)
	}
	if s := sizes[0]; !s.Has(1920, 1080) || s.Has(33, 1080) || s.Has(30, 16) || s.Has(1922, 1080) {
		t.Errorf("%v does not know its members", s)
	}
	rates, err := d.FrameRates(YUYV, 640, 480)
	if want := []media.Rational{{Num: 10000000, Den: 333333}, {Num: 60000, Den: 1001}}; err != nil || !reflect.DeepEqual(rates, want) {
		t.Errorf("%v, %v, want %v", rates, err, want)
	}
	rates, err = d.FrameRates(H264, 640, 480)
	if want := []media.Rational{{Num: 1, Den: 1}, {Num: 120, Den: 1}}; err != nil || !reflect.DeepEqual(rates, want) {
		t.Errorf("%v, %v, want %v", rates, err, want)
	}
}

func TestFrameRateThatIsNotThere(t *testing.T) {
	d := fakeDevice(t, func(uintptr, unsafe.Pointer) error { return unix.ENOTTY })
	if _, err := d.SetFrameRate(VideoOutput, media.Rational{Num: 30, Den: 1}); !errors.Is(err, ErrNoFrameRate) {
		t.Errorf("%v of a driver without S_PARM", err)
	}
	d = fakeDevice(t, func(uintptr, unsafe.Pointer) error { return nil })
	if _, err := d.SetFrameRate(VideoOutput, media.Rational{Num: 30, Den: 1}); !errors.Is(err, ErrNoFrameRate) {
		t.Errorf("%v of a driver that ignores the rate", err)
	}
}

func TestRational(t *testing.T) {
	for _, c := range []struct {
		n, d uint64
		want media.Rational
	}{
		{60000, 1000, media.Rational{Num: 60, Den: 1}},
		{30000, 1001, media.Rational{Num: 30000, Den: 1001}},
		{1 << 40, 1<<35 + 1, media.Rational{Num: 32000, Den: 1000}},
		{1 << 60, 1, media.Rational{}},
	} {
		if got := rational(c.n, c.d); got != c.want {
			t.Errorf("%d/%d is %v, want %v", c.n, c.d, got, c.want)
		}
	}
}
