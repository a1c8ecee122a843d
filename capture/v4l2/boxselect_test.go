//go:build box

package v4l2capture

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
	"github.com/encoderbox/encoderbox/media/yuv"
)

// What vivid can be told to have.
const (
	boxCrops = 1 << iota
	boxComposes
	boxScales
)

// boxSelections has it have those alone; that resets its rectangles.
func boxSelections(t *testing.T, has int) {
	t.Helper()
	boxControl(t, "Enable Capture Cropping", int64(has&boxCrops))
	boxControl(t, "Enable Capture Composing", int64(has&boxComposes/boxComposes))
	boxControl(t, "Enable Capture Scaler", int64(has&boxScales/boxScales))
}

// TestBoxWholePicture has receivers that crop, compose and scale, and all
// mixtures of them, deliver pictures smaller than the source's, as large and
// larger, by either way, one after the other on the same device. Each must show
// all that the source sends, and nothing else, whatever the one before and
// another program left set.
func TestBoxWholePicture(t *testing.T) {
	cfg := boxHDMI(t)
	boxControl(t, "DV Timings Signal Mode", signalCurrent)
	boxControl(t, "OSD Text Mode", 2)
	boxControl(t, "Test Pattern", 4) // coloured squares
	defer boxControl(t, "OSD Text Mode", 0)
	defer boxControl(t, "Test Pattern", 0)
	defer boxSelections(t, boxCrops|boxComposes|boxScales)
	boxSelections(t, 0)
	source, _ := boxPicture(t, cfg, capture.NewPool(media.VideoFormat{Width: 640, Height: 480, Pixel: media.I420}, nil))

	for has := range boxCrops + boxComposes + boxScales + 1 {
		name := fmt.Sprintf("crop %v, compose %v, scaler %v", has&boxCrops != 0, has&boxComposes != 0, has&boxScales != 0)
		t.Run(name, func(t *testing.T) {
			boxSelections(t, has)
			for _, size := range [][2]int{{boxW, boxH}, {640, 480}, {720, 576}, {128, 72}, {boxW, boxH}, {720, 576}, {640, 480}} {
				shared := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), media.NV12, 1, size[0], size[1])
				own := capture.NewPool(media.VideoFormat{Width: size[0], Height: size[1], Pixel: media.I420}, nil)
				want := boxConverted(t, boxI420(source, 640, 480), size[0], size[1])
				for i, pool := range []capture.Pool{shared, own, shared} {
					if i == 2 {
						boxSelectPart(t)
					}
					got, s := boxPicture(t, cfg, pool)
					way, reason, _ := s.Status()
					match := boxPSNR(got, want)
					t.Logf("%dx%d, %v %q: %.1f dB", size[0], size[1], way, reason, match)
					// vivid takes the nearest pixel, without a filter.
					if least := map[capture.Transfer]float64{capture.OneCopy: 60, capture.ZeroCopy: 20}[way]; match < least {
						t.Errorf("%dx%d by %v is not the source's picture: %.1f dB", size[0], size[1], way, match)
					}
					// Nor does it scale below a fourth.
					scales := has&boxScales != 0 && has&boxCrops != 0 && size[0] > 640/4
					zero := pool == capture.Pool(shared) && (size == [2]int{640, 480} || scales)
					if zero != (way == capture.ZeroCopy) {
						t.Errorf("%dx%d by %v: %s", size[0], size[1], way, reason)
					}
				}
				shared.close(t)
			}
		})
	}
}

// boxSelectPart has the device take a corner, and write a corner, where it can.
func boxSelectPart(t *testing.T) {
	t.Helper()
	d := boxNode(t, "V4L2_CAPTURE")
	defer d.Close()
	typ, _ := d.Info().CaptureType()
	part := v4l2.Rect{Left: 64, Top: 32, Width: 160, Height: 90}
	for _, target := range []v4l2.SelectionTarget{v4l2.SelCrop, v4l2.SelCompose} {
		if _, err := d.Selection(typ, target); err != nil {
			continue
		}
		if _, err := d.SetSelection(typ, target, part); err != nil {
			t.Error(err)
		}
	}
}

// boxPicture opens the device, streams into the pool, and returns a picture with
// the session that made it, closed.
func boxPicture(t *testing.T, cfg Config, pool capture.Pool) (picture []byte, s *session) {
	t.Helper()
	s = boxOpen(t, boxVideo(t, cfg))
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	n := 0
	err := s.Run(ctx, pool, func(f media.Frame) {
		defer f.Release()
		if n++; n != 2 {
			return
		}
		defer stop()
		planes := f.Planes
		if f.DMA != nil {
			m, err := v4l2.MapBuffer(f.Buffer)
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Close()
			planes = m.Planes
		}
		picture = boxConverted(t, yuv.PictureOf(f.Format, planes), f.Format.Width, f.Format.Height)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return picture, s
}

// boxI420 is a packed picture in the terms of the converter.
func boxI420(p []byte, w, h int) yuv.Picture {
	return yuv.Picture{Format: media.I420, Width: w, Height: h, Planes: [3]media.Plane{
		{Data: p[:w*h], Stride: w}, {Data: p[w*h : w*h*5/4], Stride: w / 2}, {Data: p[w*h*5/4:], Stride: w / 2},
	}}
}

// boxConverted is a picture as I420 without gaps, in a size.
func boxConverted(t *testing.T, p yuv.Picture, w, h int) []byte {
	t.Helper()
	out := make([]byte, w*h*3/2)
	c := yuv.NewConverter()
	defer c.Close()
	if err := c.Convert(boxI420(out, w, h), p); err != nil {
		t.Error(err)
	}
	return out
}

// boxPSNR is the peak signal-to-noise ratio in dB, at most 99.
func boxPSNR(a, b []byte) float64 {
	if len(a) != len(b) {
		return 0
	}
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return min(99, 10*math.Log10(255*255*float64(len(a))/sum))
}
