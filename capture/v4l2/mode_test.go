package v4l2capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

func TestCameraMode(t *testing.T) {
	fps := func(n int) media.Rational { return media.Rational{Num: n, Den: 1} }
	for _, c := range []struct {
		name string
		w, h int
		rate media.Rational
		edit func(h *hardware)
		want string
	}{
		{"nothing is wished", 0, 0, media.Rational{}, nil, "MJPG 1920x1080 30"},
		{"raw where its rate holds", 640, 480, fps(30), nil, "YUYV 640x480 30"},
		{"29.97 holds 30", 640, 480, media.Rational{Num: 30000, Den: 1001}, nil, "YUYV 640x480 30"},
		{"MJPEG where raw is too slow", 1280, 720, fps(30), nil, "MJPG 1280x720 30"},
		{"MJPEG for more pictures", 1280, 720, fps(60), nil, "MJPG 1280x720 60"},
		{"raw for few", 1280, 720, fps(10), nil, "YUYV 1280x720 10"},
		{"the next larger", 960, 540, fps(30), nil, "MJPG 1280x720 30"},
		{"the largest", 3840, 2160, fps(30), nil, "MJPG 1920x1080 30"},
		{"raw alone: pictures count more than size", 1920, 1080, fps(30), func(h *hardware) { h.formats = h.formats[1:] }, "YUYV 640x480 30"},
		{"a range of sizes", 1000, 562, fps(30), func(h *hardware) {
			h.formats = []v4l2.FormatDesc{{FourCC: v4l2.NV12}}
			h.sizes[v4l2.NV12] = []v4l2.SizeRange{{MinWidth: 16, MaxWidth: 4096, StepWidth: 16, MinHeight: 16, MaxHeight: 2160, StepHeight: 2}}
		}, "NV12 992x562"},
		{"no list of sizes", 0, 0, media.Rational{}, func(h *hardware) {
			h.sizes, h.formats = nil, []v4l2.FormatDesc{{FourCC: v4l2.UYVY}}
			h.format, h.rate = v4l2.Format{Width: 720, Height: 576}, fps(25)
		}, "UYVY 720x576 25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := webcam()
			if c.edit != nil {
				c.edit(h)
			}
			tale(t, Config{Width: c.w, Height: c.h, FrameRate: c.rate}, h, func(st *story) {
				st.mustOpen()
				f := st.s.Format()
				got := strings.TrimSuffix(fmt.Sprintf("%v %dx%d %v", st.s.modes[0].code, f.Width, f.Height, f.FrameRate), " 0/0")
				if got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				if h.format.FourCC != st.s.modes[0].code || !f.FrameRate.IsZero() && h.rate != f.FrameRate {
					t.Errorf("the device is at %v, %v", h.format, h.rate)
				}
			})
		})
	}
}

// TestNegotiation: memory is shared where every byte lies as the encoder reads
// it, and only there.
func TestNegotiation(t *testing.T) {
	const shared = ""
	edited := func(l capture.Layout, f func(l *capture.Layout)) capture.Layout { f(&l); return l }
	nv12 := layout(media.NV12, 1280, 720)
	twoMemories := edited(nv12, func(l *capture.Layout) { l.Memory = []int{1280 * 720, 1280 * 360} })
	for _, c := range []struct {
		name string
		l    capture.Layout
		edit func(h *hardware)
		cfg  Config
		want string // the reason; shared: none
	}{
		{"as it is", nv12, nil, Config{}, shared},
		{"packed", layout(media.UYVY, 1280, 720), nil, Config{}, shared},
		{"packed with rows to spare", edited(layout(media.UYVY, 1280, 720), func(l *capture.Layout) { l.Rows, l.Memory = 736, []int{2560 * 736} }), nil, Config{}, shared},
		{"longer rows, and the driver has them too", edited(nv12, func(l *capture.Layout) {
			l.Strides, l.Memory = [3]int{1344, 1344}, []int{1344 * 1080}
		}), nil, Config{}, shared},
		{"longer rows, and the driver has its own", edited(nv12, func(l *capture.Layout) {
			l.Strides, l.Memory = [3]int{1344, 1344}, []int{1344 * 1080}
		}), func(h *hardware) { h.lay = func(f *v4l2.Format) { f.Planes[0].Stride = 1280 } }, Config{}, "unicam: its rows are of 1280 bytes, the encoder's of 1344"},
		{"colour behind more rows", edited(nv12, func(l *capture.Layout) { l.Rows, l.Memory = 736, []int{1280 * 736 * 3 / 2} }), nil, Config{},
			"unicam: its colour begins behind row 720, the encoder's behind row 736"},
		{"two memories, one plane", twoMemories, nil, Config{}, "unicam: NV12 is converted to NM12"},
		{"two memories, and two planes", twoMemories, func(h *hardware) { h.formats = append(h.formats, v4l2.FormatDesc{FourCC: v4l2.NV12M}) }, Config{}, shared},
		{"two memories with rows to spare", edited(twoMemories, func(l *capture.Layout) { l.Rows, l.Memory = 736, []int{1280 * 736, 1280 * 368} }),
			func(h *hardware) { h.formats = append(h.formats, v4l2.FormatDesc{FourCC: v4l2.NV12M}) }, Config{}, shared},
		{"I420", layout(media.I420, 1280, 720), func(h *hardware) { h.formats = append(h.formats, v4l2.FormatDesc{FourCC: v4l2.YUV420}) }, Config{}, shared},
		{"I420 of odd chroma rows", edited(layout(media.I420, 1280, 720), func(l *capture.Layout) { l.Strides[1] = 704 }),
			func(h *hardware) { h.formats = append(h.formats, v4l2.FormatDesc{FourCC: v4l2.YUV420}) }, Config{},
			"unicam: its colour rows are of 640 bytes, the encoder's of 704"},
		{"full range into a limited stream", nv12, func(h *hardware) { h.lay = func(f *v4l2.Format) { f.Color.Quantization = 1 } }, Config{},
			"unicam: its samples are of full range, the stream's of limited"},
		{"full range into a stream of full range", edited(nv12, func(l *capture.Layout) { l.Format.Color.FullRange = true }),
			func(h *hardware) { h.lay = func(f *v4l2.Format) { f.Color.Quantization = 1 } }, Config{}, shared},
		{"another format", layout(media.YUYV, 1280, 720), nil, Config{}, "unicam: NV12 is converted to YUYV"},
		{"another size", layout(media.NV12, 640, 360), nil, Config{}, "unicam: 1280x720 is scaled to 640x360"},
		{"another size that the device scales to", layout(media.NV12, 640, 360), func(h *hardware) { h.part = fakePart{crops: true, scales: true} }, Config{}, shared},
		{"memory too small", edited(nv12, func(l *capture.Layout) { l.Memory = []int{1280*1080 - 1} }), nil, Config{},
			"unicam: its pictures are of 1382400 bytes, the encoder's memory of 1382399"},
		{"few pictures", edited(nv12, func(l *capture.Layout) { l.Count = 4 }), nil, Config{}, "unicam: the encoder has 4 pictures, too few to share"},
		{"the board says no", nv12, nil, Config{Quirks: always(Quirks{ForceCopy: "CMA is short here"})}, "unicam: CMA is short here"},
		{"REQBUFS refused", nv12, func(h *hardware) { h.refuse = "request" }, Config{}, "unicam: it does not take the encoder's memory: invalid argument"},
		{"QBUF refused", nv12, func(h *hardware) { h.refuse = "queue" }, Config{}, "unicam: it does not take the encoder's memory: invalid argument"},
		{"STREAMON refused", nv12, func(h *hardware) { h.refuse = "start" }, Config{}, "unicam: it does not take the encoder's memory: invalid argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hdmi()
			if c.edit != nil {
				c.edit(h)
			}
			tale(t, c.cfg, h, func(st *story) {
				st.mustOpen()
				st.run(c.l)
				st.shoot(h, 5)
				st.wantFrames(5)
				kind, way := v4l2.DMABUF, capture.ZeroCopy
				if c.want != shared {
					kind, way = v4l2.MMAP, capture.OneCopy
				}
				st.wantStatus(way, c.want, 0)
				if h.q.kind != kind || (kind == v4l2.MMAP) != (st.k.mapped > 0) || st.k.mapped > c.l.Count {
					t.Errorf("%v, %d pictures mapped", h.q.kind, st.k.mapped)
				}
			})
		})
	}
}

// TestProcessMemory: the software encoder's pictures are the process's own.
func TestProcessMemory(t *testing.T) {
	h := hdmi()
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		pool := capture.NewPool(media.VideoFormat{Width: 320, Height: 180, Pixel: media.I420}, nil)
		h.shot = func(_ *v4l2.Buffer, mem []byte) {
			for i := range mem {
				mem[i] = 77
			}
		}
		done := make(chan error, 1)
		got := make(chan media.Frame, 1)
		go func() { done <- st.s.Run(st.ctx, pool, func(f media.Frame) { got <- f }) }()
		st.shoot(h, 1)
		f := <-got
		for i := range f.Planes {
			if d := f.Planes[i].Data; d[0] != 77 || d[len(d)-1] != 77 {
				t.Errorf("plane %d holds %d … %d", i, d[0], d[len(d)-1])
			}
		}
		f.Release()
		st.stop()
		<-done
		st.wantStatus(capture.OneCopy, "unicam: the encoder works in the processor's memory", 0)
	})
}
