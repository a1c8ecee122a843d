package v4l2capture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// grey is a JPEG picture of one grey.
func grey(t *testing.T, w, h int, y uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: y}.Y
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMJPEG drops what came damaged over the cable, and nothing else.
func TestMJPEG(t *testing.T) {
	whole := grey(t, 1280, 720, 255)
	noEnd := whole[:len(whole)-2]
	noBegin := append([]byte{0, 0}, whole[2:]...)
	half := whole[:len(whole)/2]
	h := webcam()
	tale(t, Config{Width: 1280, Height: 720, FrameRate: media.Rational{Num: 30, Den: 1}}, h, func(st *story) {
		st.mustOpen()
		if p := st.s.Pixels(); len(p) != 4 || p[0] != media.I420 {
			t.Errorf("pixels %v", p)
		}
		var data []byte
		h.shot = func(b *v4l2.Buffer, mem []byte) {
			b.Planes[0].BytesUsed = copy(mem, data)
		}
		st.pool = newDMAPool(t, layout(media.I420, 1280, 720))
		st.keep = 1
		st.run(st.pool.layout)
		for _, step := range []struct {
			name string
			data []byte
			come int // pictures until then
		}{
			{"whole", whole, 1},
			{"whole with padding", append(bytes.Clone(whole), make([]byte, 100)...), 2},
			{"cut", half, 2},
			{"nothing", nil, 2},
			{"no end", noEnd, 2},
			{"no begin", noBegin, 2},
			{"no JPEG", []byte("HTTP/1.1 503 sorry, no picture now"), 2},
			{"another size", grey(t, 640, 480, 255), 2},
			{"whole again", whole, 3},
		} {
			data = step.data
			st.shoot(h, 1)
			if len(st.pts) != step.come {
				t.Fatalf("%s: %d pictures came, want %d", step.name, len(st.pts), step.come)
			}
		}
		st.wantStatus(capture.OneCopy, "uvcvideo: MJPEG is decoded", 6)
	})
}

// TestMJPEGIsLimitedRange: its white is 255, that of video 235.
func TestMJPEGIsLimitedRange(t *testing.T) {
	h := webcam()
	data := grey(t, 640, 480, 255)
	h.formats = h.formats[:1]
	h.shot = func(b *v4l2.Buffer, mem []byte) { b.Planes[0].BytesUsed = copy(mem, data) }
	tale(t, Config{Width: 640, Height: 480}, h, func(st *story) {
		st.mustOpen()
		if st.s.Format().Color.FullRange {
			t.Error("the format is of full range")
		}
		pool := capture.NewPool(media.VideoFormat{Width: 320, Height: 240, Pixel: media.I420}, nil)
		got, done := make(chan media.Frame, 1), make(chan error, 1)
		go func() { done <- st.s.Run(st.ctx, pool, func(f media.Frame) { got <- f }) }()
		st.shoot(h, 1)
		f := <-got
		if y := f.Planes[0].Data[1000]; y < 234 || y > 236 {
			t.Errorf("white is %d", y)
		}
		f.Release()
		st.stop()
		<-done
	})
}

// TestCopiesWaitForNoMemory: while none is there, pictures are lost, not the
// device.
func TestCopiesWaitForNoMemory(t *testing.T) {
	h := webcam()
	tale(t, Config{Width: 640, Height: 480}, h, func(st *story) {
		st.mustOpen()
		st.keep = 100
		st.run(layout(media.NV12, 640, 480))
		st.shoot(h, 200)
		st.wantFrames(6)
		st.keep = 0
		st.release(0)
		st.shoot(h, 2)
		st.wantFrames(8)
		st.wantStatus(capture.OneCopy, "uvcvideo: YUYV is converted to NV12", 194)
	})
}
