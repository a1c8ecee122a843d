//go:build box

package v4l2capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// The menus of vivid's controls.
const (
	signalCurrent, signalNone, signalNoLock, signalRange, signalSelected = 0, 1, 2, 3, 4
)

// boxHDMI is the number of the HDMI input, with a signal of 640x480.
func boxHDMI(t *testing.T) Config {
	t.Helper()
	d := boxNode(t, "V4L2_CAPTURE")
	defer d.Close()
	inputs, err := d.Inputs()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range inputs {
		if !i.HasDVTimings {
			continue
		}
		if err := d.SetInput(i.Index); err != nil {
			t.Fatal(err)
		}
		timings, err := d.EnumDVTimings(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, dv := range timings {
			if dv.Width == 640 && dv.Height == 480 {
				if err := d.SetDVTimings(dv); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		return Config{Input: fmt.Sprint(i.Index)}
	}
	t.Fatal("vivid has no HDMI input")
	return Config{}
}

// TestBoxHDMISignal loses the signal in each way, and gets it back.
func TestBoxHDMISignal(t *testing.T) {
	cfg := boxHDMI(t)
	boxControl(t, "DV Timings Signal Mode", signalCurrent)
	v := boxVideo(t, cfg)
	for _, c := range []struct {
		mode int64
		want capture.Signal
	}{{signalNone, capture.SignalNone}, {signalNoLock, capture.SignalUnstable}, {signalRange, capture.SignalUnsupported}} {
		t.Run(c.want.String(), func(t *testing.T) {
			s := boxOpen(t, v)
			m := boxLayouts(boxNode(t, "V4L2_ENCODER"))[0]
			pool := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), m.pixel, m.planes, 640, 480)
			if f := s.Format(); f.Width != 640 || f.Height != 480 || f.FrameRate.Float() < 59 {
				t.Errorf("format %+v", f)
			}
			var begin time.Time
			_, err := boxRun(t, s, pool, 10, func(context.CancelFunc) {
				begin = time.Now()
				boxControl(t, "DV Timings Signal Mode", c.mode)
			})
			t.Logf("after %v: %v", time.Since(begin), err)
			wantSignal(t, err, c.want, "")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = v.Open(t.Context())
			wantSignal(t, err, c.want, "")
			back := time.AfterFunc(time.Second, func() { boxControl(t, "DV Timings Signal Mode", signalCurrent) })
			defer back.Stop()
			begin = time.Now()
			s = boxOpen(t, v)
			t.Logf("back after %v", time.Since(begin)-time.Second)
			defer s.Close()
			if _, err := boxRun(t, s, pool, 5, func(stop context.CancelFunc) { stop() }); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// TestBoxEDID gives the receiver an EDID, once.
func TestBoxEDID(t *testing.T) {
	cfg := boxHDMI(t)
	boxControl(t, "DV Timings Signal Mode", signalCurrent)
	d := boxNode(t, "V4L2_CAPTURE")
	pad, err := d.Input()
	if err != nil {
		t.Fatal(err)
	}
	old, err := d.EDID(pad)
	if err != nil {
		t.Fatal(err)
	}
	defer d.SetEDID(pad, old)
	cfg.EDID = slices.Clone(old)
	cfg.EDID[12]++ // the serial number
	cfg.EDID[127]--
	s := boxOpen(t, boxVideo(t, cfg))
	defer s.Close()
	if has, err := d.EDID(pad); err != nil || !bytes.Equal(has[:128], cfg.EDID[:128]) {
		t.Errorf("%v; the EDID is %x, want %x", err, has, cfg.EDID)
	}
	if _, err := boxRun(t, s, capture.NewPool(media.VideoFormat{Width: boxW, Height: boxH, Pixel: media.I420}, nil), 5,
		func(stop context.CancelFunc) { stop() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestBoxScaled has vivid's scaler write the encoder's size.
func TestBoxScaled(t *testing.T) {
	cfg := boxHDMI(t)
	boxControl(t, "DV Timings Signal Mode", signalCurrent)
	boxControl(t, "Enable Capture Scaler", 1)
	m := boxLayouts(boxNode(t, "V4L2_ENCODER"))[0]
	for scaler, want := range []capture.Transfer{capture.OneCopy, capture.ZeroCopy} {
		boxControl(t, "Enable Capture Scaler", int64(scaler))
		boxControl(t, "Enable Capture Composing", int64(scaler))
		s := boxOpen(t, boxVideo(t, cfg))
		pool := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), m.pixel, m.planes, boxW, boxH)
		_, err := boxRun(t, s, pool, 20, func(stop context.CancelFunc) { stop() }) // each of its pictures
		way, reason, _ := s.Status()
		if !errors.Is(err, context.Canceled) || way != want {
			t.Errorf("%v, %v %q", err, way, reason)
		}
		boxLook(t, pool)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBoxFramesStop has vivid drop all of its pictures, then some.
func TestBoxFramesStop(t *testing.T) {
	s := boxOpen(t, boxVideo(t, boxCamera))
	defer s.Close()
	pool := capture.NewPool(media.VideoFormat{Width: boxW, Height: boxH, Pixel: media.I420}, nil)
	defer boxControl(t, "Percentage of Dropped Buffers", 0)
	_, err := boxRun(t, s, pool, 5, func(context.CancelFunc) { boxControl(t, "Percentage of Dropped Buffers", 100) })
	wantSignal(t, err, capture.SignalStalled, "no picture has come")
	boxControl(t, "Percentage of Dropped Buffers", 0)
	if _, err := boxRun(t, s, pool, 5, func(stop context.CancelFunc) { stop() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestBoxErrors injects what the kernel can have go wrong.
func TestBoxErrors(t *testing.T) {
	pool := capture.NewPool(media.VideoFormat{Width: boxW, Height: boxH, Pixel: media.I420}, nil)
	t.Run("a damaged buffer", func(t *testing.T) {
		s := boxOpen(t, boxVideo(t, boxCamera))
		defer s.Close()
		_, err := boxRun(t, s, pool, 5, func(stop context.CancelFunc) {
			boxControl(t, "Inject V4L2_BUF_FLAG_ERROR", 1)
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if _, _, n := s.Status(); n > 0 {
					break
				}
			}
			stop()
		})
		if _, _, n := s.Status(); n == 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d skipped, %v", n, err)
		}
	})
	t.Run("queue error", func(t *testing.T) {
		s := boxOpen(t, boxVideo(t, boxCamera))
		defer s.Close()
		_, err := boxRun(t, s, pool, 5, func(context.CancelFunc) { boxControl(t, "Inject Fatal Streaming Error", 1) })
		wantSignal(t, err, capture.SignalDeviceLost, "")
	})
	t.Run("import refused", func(t *testing.T) {
		m := boxLayouts(boxNode(t, "V4L2_ENCODER"))[0]
		pool := newBoxPool(t, boxNode(t, "V4L2_ENCODER"), m.pixel, m.planes, boxW, boxH)
		s := boxOpen(t, boxVideo(t, boxCamera))
		defer s.Close()
		boxControl(t, "Inject VIDIOC_REQBUFS Error", 1)
		_, err := boxRun(t, s, pool, 5, func(stop context.CancelFunc) { stop() })
		if way, reason, _ := s.Status(); !errors.Is(err, context.Canceled) || way != capture.OneCopy {
			t.Errorf("%v, %v %q", err, way, reason)
		}
	})
}

// TestBoxUnplugged takes the node away while it streams, and then the device.
func TestBoxUnplugged(t *testing.T) {
	v := boxVideo(t, boxCamera)
	s := boxOpen(t, v)
	pool := capture.NewPool(media.VideoFormat{Width: boxW, Height: boxH, Pixel: media.I420}, nil)
	const driver, name = "/sys/bus/platform/drivers/vivid/", "vivid.0"
	_, err := boxRun(t, s, pool, 5, func(context.CancelFunc) { boxControl(t, "Disconnect", 1) })
	wantSignal(t, err, capture.SignalDeviceLost, "unplugged")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(driver+"unbind", []byte(name), 0); err != nil {
		t.Fatal(err)
	}
	_, err = v.Open(t.Context())
	wantSignal(t, err, capture.SignalDeviceLost, "is not there")
	if err := os.WriteFile(driver+"bind", []byte(name), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // the node appears
	s = boxOpen(t, v)
	defer s.Close()
	if _, err := boxRun(t, s, pool, 5, func(stop context.CancelFunc) { stop() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
