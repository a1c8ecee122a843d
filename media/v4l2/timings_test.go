package v4l2

import (
	"errors"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

func TestFrameRateOfDVTimings(t *testing.T) {
	vic := func(n int) DVTimings {
		v, ok := CEATimings(n)
		if !ok {
			t.Fatalf("CTA-861 mode %d is not known", n)
		}
		return v
	}
	reduced := func(n int) DVTimings {
		v := vic(n)
		v.Flags |= DVReducedFPS
		return v
	}
	measured := func(n int, clock uint64) DVTimings {
		v := vic(n)
		v.PixelClock = clock
		return v
	}
	for _, c := range []struct {
		name  string
		t     DVTimings
		rate  media.Rational
		short string
	}{
		{"640x480p by its 25.175 MHz", vic(1), media.Rational{Num: 60000, Den: 1001}, "640x480p59.94"},
		{"720x480p by its 27 MHz", vic(3), media.Rational{Num: 60000, Den: 1001}, "720x480p59.94"},
		{"720p60", vic(4), media.Rational{Num: 60, Den: 1}, "1280x720p60"},
		{"720p60 with the reduced flag", reduced(4), media.Rational{Num: 60000, Den: 1001}, "1280x720p59.94"},
		{"1080i60: 30 pictures, 60 fields", vic(5), media.Rational{Num: 30, Den: 1}, "1920x1080i60"},
		{"1080i59.94", reduced(5), media.Rational{Num: 30000, Den: 1001}, "1920x1080i59.94"},
		{"1080p60", vic(16), media.Rational{Num: 60, Den: 1}, "1920x1080p60"},
		{"576p50", vic(18), media.Rational{Num: 50, Den: 1}, "720x576p50"},
		{"720p50", vic(19), media.Rational{Num: 50, Den: 1}, "1280x720p50"},
		{"1080i50", vic(20), media.Rational{Num: 25, Den: 1}, "1920x1080i50"},
		{"1080p50", vic(31), media.Rational{Num: 50, Den: 1}, "1920x1080p50"},
		{"1080p24", vic(32), media.Rational{Num: 24, Den: 1}, "1920x1080p24"},
		{"1080p23.98", reduced(32), media.Rational{Num: 24000, Den: 1001}, "1920x1080p23.98"},
		{"1080p25", vic(33), media.Rational{Num: 25, Den: 1}, "1920x1080p25"},
		{"1080p30", vic(34), media.Rational{Num: 30, Den: 1}, "1920x1080p30"},
		{"720p24", vic(60), media.Rational{Num: 24, Den: 1}, "1280x720p24"},
		{"720p25", vic(61), media.Rational{Num: 25, Den: 1}, "1280x720p25"},
		{"720p30", vic(62), media.Rational{Num: 30, Den: 1}, "1280x720p30"},
		{"2160p24", vic(93), media.Rational{Num: 24, Den: 1}, "3840x2160p24"},
		{"2160p25", vic(94), media.Rational{Num: 25, Den: 1}, "3840x2160p25"},
		{"2160p30", vic(95), media.Rational{Num: 30, Den: 1}, "3840x2160p30"},
		{"1080p59.94 by a measured clock", measured(16, 148351648), media.Rational{Num: 60000, Den: 1001}, "1920x1080p59.94"},
		{"1080p60 measured 200 ppm slow", measured(16, 148470300), media.Rational{Num: 60, Den: 1}, "1920x1080p60"},
		{"1080p50 measured 300 ppm fast", measured(31, 148544550), media.Rational{Num: 50, Den: 1}, "1920x1080p50"},
		{"a rate of no standard", measured(31, 163350000), media.Rational{Num: 55, Den: 1}, "1920x1080p55"},
		{"a receiver that cannot measure", measured(16, 0), media.Rational{}, "1920x1080p"},
		{"no timings", DVTimings{}, media.Rational{}, "0x0p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.t.FrameRate(); got != c.rate {
				t.Errorf("rate %v, want %v", got, c.rate)
			}
			if got := c.t.String(); got != c.short {
				t.Errorf("called %s, want %s", got, c.short)
			}
		})
	}
}

func TestDVTimingsToTheKernelAndBack(t *testing.T) {
	for _, m := range ceaModes() {
		in := m.timings()
		in.PixelClock += 1 << 33 // so that both halves count
		k := in.kernel()
		if out, err := k.timings(); err != nil || out != in {
			t.Errorf("mode %d: %+v, %v, want %+v", m.vic, out, err, in)
		}
	}
}

func TestDVTimingsOfABrokenDriver(t *testing.T) {
	k := v4l2DVTimings{bt: v4l2BTTimings{width: 1920, height: 1080, hBack: 1 << 31}}
	if got, err := k.timings(); err == nil {
		t.Errorf("took %+v", got)
	}
	k = v4l2DVTimings{typ: 7}
	if got, err := k.timings(); err == nil {
		t.Errorf("took %+v", got)
	}
}

func TestQueryDVTimingsSaysWhatIsWrong(t *testing.T) {
	for errno, want := range map[unix.Errno]error{
		unix.ENOLINK: ErrNoSignal, unix.ENOLCK: ErrNoSync, unix.ERANGE: ErrOutOfRange,
	} {
		d := fakeDevice(t, func(uintptr, unsafe.Pointer) error { return errno })
		_, err := d.QueryDVTimings()
		if !errors.Is(err, want) || !errors.Is(err, errno) {
			t.Errorf("%v gives %v, want one that is %v", errno, err, want)
		}
	}
}
