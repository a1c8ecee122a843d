package slate

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// keep is where pictures are left for a look: go test ./capture/slate -run Look -png /tmp/slate
var keep = flag.String("png", "", "write the slates as PNG into this folder")

var formats = []media.PixelFormat{media.I420, media.NV12, media.YUYV, media.UYVY}

var example = Text{
	Title: "NO SIGNAL", Detail: "Nothing is connected, or it is switched off.",
	Help:   "Check the cable and that the source is switched on.",
	Stream: "main", Device: "tc358743 (platform:fe801000.csi)", Address: "http://192.168.1.40:8080/",
}

const padding = 0xA5

// buffer is a picture in memory of the process, with padded rows.
func buffer(f media.VideoFormat) *media.Buffer {
	var planes [3]media.Plane
	for i := range f.Pixel.Planes() {
		row, rows := planeSize(f, i)
		planes[i] = media.Plane{Data: bytes.Repeat([]byte{padding}, (row+24)*rows), Stride: row + 24}
	}
	return media.NewBuffer(f, planes, nil)
}

func planeSize(f media.VideoFormat, plane int) (row, rows int) {
	switch {
	case f.Pixel == media.YUYV || f.Pixel == media.UYVY:
		return 2 * f.Width, f.Height
	case plane == 0:
		return f.Width, f.Height
	case f.Pixel == media.NV12:
		return f.Width, f.Height / 2
	}
	return f.Width / 2, f.Height / 2
}

func format(w, h int, p media.PixelFormat) media.VideoFormat {
	return media.VideoFormat{Width: w, Height: h, FrameRate: media.Rational{Num: 30, Den: 1}, Pixel: p}
}

// at reads one pixel, each format by its own definition.
func at(f media.VideoFormat, planes [3]media.Plane, x, y int) ycc {
	get := func(plane, x, y int) byte { return planes[plane].Data[y*planes[plane].Stride+x] }
	switch f.Pixel {
	case media.I420:
		return ycc{get(0, x, y), get(1, x/2, y/2), get(2, x/2, y/2)}
	case media.NV12:
		return ycc{get(0, x, y), get(1, x&^1, y/2), get(1, x|1, y/2)}
	case media.YUYV:
		return ycc{get(0, 2*x, y), get(0, x/2*4+1, y), get(0, x/2*4+3, y)}
	}
	return ycc{get(0, 2*x+1, y), get(0, x/2*4, y), get(0, x/2*4+2, y)}
}

func painter(t testing.TB, f media.VideoFormat, text Text) *Painter {
	t.Helper()
	p, err := New(capture.Layout{Format: f, Count: 4, Rows: f.Height}, media.NewClock(), text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func paint(t testing.TB, p *Painter, b *media.Buffer, pts time.Duration) {
	t.Helper()
	if err := p.Paint(b, pts); err != nil {
		t.Fatal(err)
	}
}

// TestLook writes what a person should look at.
func TestLook(t *testing.T) {
	for i, size := range [][2]int{{320, 180}, {640, 360}, {1280, 720}, {1920, 1080}, {720, 1280}, {96, 54}, {64, 48}} {
		f := format(size[0], size[1], formats[i%4])
		for s := capture.SignalStarting; s <= capture.SignalRecovering; s++ {
			text := Say(s, "")
			text.Stream, text.Device, text.Address = example.Stream, example.Device, example.Address
			b := buffer(f)
			paint(t, painter(t, f, text), b, 1300*time.Millisecond)
			if bright := brightest(f, b.Planes); bright < 200 {
				t.Errorf("%dx%d %v: nothing is written in white, only %d", size[0], size[1], s, bright)
			}
			if *keep != "" {
				savePNG(t, fmt.Sprintf("%dx%d-%v-%v.png", size[0], size[1], f.Pixel, s), f, b.Planes)
			}
		}
	}
}

func brightest(f media.VideoFormat, planes [3]media.Plane) (most byte) {
	for y := range f.Height {
		for x := range f.Width {
			most = max(most, at(f, planes, x, y).y)
		}
	}
	return most
}

func savePNG(t *testing.T, name string, f media.VideoFormat, planes [3]media.Plane) {
	img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	q := func(v float64) uint8 { return uint8(max(0, min(255, v*255+0.5))) }
	for y := range f.Height {
		for x := range f.Width {
			c := at(f, planes, x, y)
			l, cb, cr := (float64(c.y)-16)/219, (float64(c.cb)-128)/224, (float64(c.cr)-128)/224
			img.SetRGBA(x, y, color.RGBA{q(l + 1.5748*cr), q(l - 0.1873*cb - 0.4681*cr), q(l + 1.8556*cb), 255})
		}
	}
	out, err := os.Create(filepath.Join(*keep, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(out, img); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPixelFormatShowsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that all show the same time
		var first [3]media.Plane
		for i, pixel := range formats {
			f := format(320, 180, pixel)
			b := buffer(f)
			paint(t, painter(t, f, example), b, time.Second)
			if i == 0 {
				first = b.Planes
			}
			for y := range 180 {
				for x := range 320 {
					if got, want := at(f, b.Planes, x, y), at(format(320, 180, media.I420), first, x, y); got != want {
						t.Fatalf("%v: %v at %d,%d, and %v in I420", pixel, got, x, y, want)
					}
				}
			}
		}
	})
}

func TestNothingIsWrittenBehindTheRows(t *testing.T) {
	for _, pixel := range formats {
		f := format(318, 178, pixel)
		b := buffer(f)
		p := painter(t, f, example)
		for n := range 100 {
			paint(t, p, b, time.Duration(n)*40*time.Millisecond)
		}
		for i := range pixel.Planes() {
			row, rows := planeSize(f, i)
			for y := range rows {
				for x, v := range b.Planes[i].Data[y*(row+24):][:row+24] {
					if x >= row && v != padding {
						t.Fatalf("%v plane %d: byte %d of row %d is %d", pixel, i, x, y, v)
					}
					if x < row && (v < 16 || v > 240) {
						t.Fatalf("%v plane %d: sample %d at %d,%d is outside limited range", pixel, i, v, x, y)
					}
				}
			}
		}
	}
}

// changed is how many luma samples differ between two moments.
func changed(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func TestOnlyWhatChangedIsRedrawn(t *testing.T) {
	f := format(640, 360, media.I420)
	p := painter(t, f, example)
	one, other := buffer(f), buffer(f)
	paint(t, p, one, 0)
	whole := bytes.Clone(one.Planes[0].Data)

	paint(t, p, one, 500*time.Millisecond)
	if n := changed(whole, one.Planes[0].Data); n == 0 || n > 640*6 {
		t.Errorf("half a second on %d samples changed: the bar's, and no others, should", n)
	}
	paint(t, p, other, 500*time.Millisecond)
	if !bytes.Equal(one.Planes[0].Data, other.Planes[0].Data) {
		t.Error("the second picture shows something else than the first")
	}

	const mark = 10*(640+24) + 300 // in the ground above the title
	one.Planes[0].Data[mark] = 99
	paint(t, p, one, 600*time.Millisecond)
	if one.Planes[0].Data[mark] != 99 {
		t.Error("what stands still was drawn again")
	}
	p.Touched(one)
	paint(t, p, one, 700*time.Millisecond)
	if one.Planes[0].Data[mark] != p.colors.ground.y {
		t.Error("a touched picture was not drawn again")
	}
	one.Planes[0].Data[mark] = 99
	p.SetText(example)
	paint(t, p, one, 800*time.Millisecond)
	if one.Planes[0].Data[mark] != 99 {
		t.Error("the same text again was drawn again")
	}
	next := example
	next.Title = "DEVICE LOST"
	p.SetText(next)
	paint(t, p, one, 900*time.Millisecond)
	paint(t, p, other, 900*time.Millisecond)
	if one.Planes[0].Data[mark] == 99 || !bytes.Equal(one.Planes[0].Data, other.Planes[0].Data) {
		t.Error("a new text was not drawn into every picture")
	}
}

func TestTheClockGoesOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := format(640, 360, media.NV12)
		p := painter(t, f, example)
		b := buffer(f)
		read := func(pts time.Duration) []byte {
			paint(t, p, b, pts)
			var out []byte
			for y := p.design.clock.Min.Y; y < p.design.clock.Max.Y; y++ {
				out = append(out, b.Planes[0].Data[y*b.Planes[0].Stride:][p.design.clock.Min.X:p.design.clock.Max.X]...)
			}
			return out
		}
		one, same, next := read(10*time.Second), read(10900*time.Millisecond), read(11*time.Second)
		if !bytes.Equal(one, same) || bytes.Equal(same, next) {
			t.Error("the clock does not change with the seconds, and with them alone")
		}
	})
}

func TestEverySignalHasWordsThatFit(t *testing.T) {
	for _, size := range [][2]int{{320, 180}, {1280, 720}, {1920, 1080}} {
		d, err := newDesign(size[0], size[1])
		if err != nil {
			t.Fatal(err)
		}
		limit := d.right - d.left
		for s := capture.SignalStarting; s <= capture.SignalRecovering; s++ {
			text := Say(s, "")
			if text.Title == "" || text.Detail == "" || text.Help == "" && s > capture.SignalOK {
				t.Errorf("%v: words are missing: %+v", s, text)
			}
			title, detail, help := wrap(d.fonts.title, text.Title, limit, 2), wrap(d.fonts.body, text.Detail, limit, 2), wrap(d.fonts.body, text.Help, limit, 2)
			all := strings.Join(append(append(title, detail...), help...), " ")
			if strings.Contains(all, "…") {
				t.Errorf("%v at %v is cut: %s", s, size, all)
			}
			height := len(title)*lineHeight(d.fonts.title) + (len(detail)+len(help))*lineHeight(d.fonts.body) + 9*d.unit
			if height > d.bottom-d.top {
				t.Errorf("%v at %v: %d rows of text in %d", s, size, height, d.bottom-d.top)
			}
		}
	}
	if got := Say(capture.SignalUnsupported, "1920x1080p120: at most 60 frames a second"); got.Detail != "1920x1080p120: at most 60 frames a second" || got.Help == "" {
		t.Errorf("the device's own reason is not shown: %+v", got)
	}
}

func TestLongWordsAreCut(t *testing.T) {
	long := strings.Repeat("Donaudampfschiff", 20)
	for _, size := range [][2]int{{16, 16}, {64, 36}, {320, 180}, {180, 320}} {
		for _, pixel := range formats {
			f := format(size[0], size[1], pixel)
			paint(t, painter(t, f, Text{long, long, long, long, long, long}), buffer(f), time.Second)
		}
	}
}

func TestNewRefusesWhatItCannotDraw(t *testing.T) {
	for _, f := range []media.VideoFormat{format(0, 0, media.I420), format(641, 360, media.I420), format(640, 360, 0), format(640, 360, 9)} {
		if _, err := New(capture.Layout{Format: f}, media.NewClock(), example); err == nil || !strings.HasPrefix(err.Error(), "slate: ") {
			t.Errorf("%v: %v", f, err)
		}
	}
}

// kernelPicture is an NV12 picture in two shared memories, as a driver of
// multi-planar formats gives it.
func kernelPicture(t *testing.T, f media.VideoFormat, generation uint64) *media.Buffer {
	t.Helper()
	const stride = 384
	dma := &media.DMA{Generation: generation, Planes: [3]media.DMAPlane{{}, {Memory: 1, Offset: 4096}}}
	for _, n := range []int{stride * f.Height, 4096 + stride*f.Height/2} {
		fd, err := unix.MemfdCreate("slate-test", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		if err := unix.Ftruncate(fd, int64(n)); err != nil {
			t.Fatal(err)
		}
		dma.Memory = append(dma.Memory, media.DMAMemory{FD: fd, Length: n})
	}
	b := media.NewBuffer(f, [3]media.Plane{{Stride: stride}, {Stride: stride}}, nil)
	b.DMA = dma
	return b
}

func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("slate-test"))
}

func TestKernelMemoryIsMappedOnlyWhileTheSlateIsOn(t *testing.T) {
	f := format(320, 180, media.NV12)
	p := painter(t, f, example)
	one, two, renewed := kernelPicture(t, f, 1), kernelPicture(t, f, 1), kernelPicture(t, f, 2)
	for n := range 4 {
		paint(t, p, one, time.Duration(n)*time.Second)
		paint(t, p, two, time.Duration(n)*time.Second)
		if got := mappings(t); got != 4 {
			t.Fatalf("%d mappings of two pictures in two memories each", got)
		}
	}
	want := buffer(f)
	paint(t, p, want, 3*time.Second)
	for i := range 2 {
		row, rows := planeSize(f, i)
		at := one.DMA.Planes[i]
		got := make([]byte, one.DMA.Memory[at.Memory].Length)
		if _, err := unix.Pread(one.DMA.Memory[at.Memory].FD, got, 0); err != nil {
			t.Fatal(err)
		}
		for y := range rows {
			if !bytes.Equal(got[at.Offset+y*384:][:row], want.Planes[i].Data[y*want.Planes[i].Stride:][:row]) {
				t.Fatalf("plane %d, row %d of the kernel's picture differs from one in own memory", i, y)
			}
		}
	}
	paint(t, p, renewed, 4*time.Second)
	if got := mappings(t); got != 2 {
		t.Errorf("%d mappings after the encoder made new memory, want those of one picture", got)
	}
	if err := p.Close(); err != nil || mappings(t) != 0 {
		t.Errorf("Close: %v, %d mappings left", err, mappings(t))
	}
	paint(t, p, renewed, 5*time.Second)
	if err := p.Close(); err != nil || mappings(t) != 0 {
		t.Errorf("Close after a second slate: %v, %d mappings left", err, mappings(t))
	}
}

func BenchmarkPaint(b *testing.B) {
	f := format(1920, 1080, media.NV12)
	p := painter(b, f, example)
	pic := buffer(f)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		paint(b, p, pic, time.Duration(n)*33*time.Millisecond)
	}
}
