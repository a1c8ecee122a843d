package v4l2capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// TestOpenWaitsForASignal: a state that is new is told soon, one that is known
// is waited on, and news end the wait.
func TestOpenWaitsForASignal(t *testing.T) {
	h := hdmi()
	h.queryErr = v4l2.ErrNoSignal
	tale(t, Config{}, h, func(st *story) {
		for _, want := range []time.Duration{settle, statePoll + settle, statePoll + settle} {
			begin := time.Now()
			wantSignal(t, st.open(), capture.SignalNone, "nothing is connected")
			if d := time.Since(begin); d != want {
				t.Errorf("told after %v, want %v", d, want)
			}
		}
		time.AfterFunc(time.Second, func() { h.tell(func() { h.queryErr = v4l2.ErrNoSync }) })
		time.AfterFunc(1100*time.Millisecond, func() { h.tell(func() { h.queryErr = nil }) })
		begin := time.Now()
		st.mustOpen()
		if d := time.Since(begin); d != 1100*time.Millisecond {
			t.Errorf("open after %v", d)
		}
	})
}

func TestOpenEndsWithItsContext(t *testing.T) {
	h := hdmi()
	h.queryErr = v4l2.ErrNoSignal
	tale(t, Config{}, h, func(st *story) {
		time.AfterFunc(100*time.Millisecond, st.stop)
		if err := st.open(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := st.open(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	h := hdmi()
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		st.run(layout(media.NV12, 1280, 720))
		st.shoot(h, 1)
		begin := time.Now()
		st.stop()
		err := <-st.ended
		if st.ended = nil; !errors.Is(err, context.Canceled) || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

func TestWhyThereIsNoPicture(t *testing.T) {
	interlaced := hd50
	interlaced.Interlaced, interlaced.Width, interlaced.Height = true, 1920, 1080
	odd := hd50
	odd.Width = 1281
	for _, c := range []struct {
		name   string
		cfg    Config
		make   func() *hardware
		edit   func(h *hardware)
		signal capture.Signal
		words  string
	}{
		{"lock", Config{}, hdmi, func(h *hardware) { h.queryErr = v4l2.ErrNoSync }, capture.SignalUnstable, "cannot be locked on"},
		{"range", Config{}, hdmi, func(h *hardware) { h.queryErr = v4l2.ErrOutOfRange }, capture.SignalUnsupported, "set the source to"},
		{"no EDID", Config{}, hdmi, func(h *hardware) { h.queryErr, h.edid, h.edidErr = v4l2.ErrNoSignal, nil, unix.ENODATA }, capture.SignalNone, "has no EDID"},
		{"interlaced", Config{}, hdmi, func(h *hardware) { h.timing = interlaced }, capture.SignalUnsupported, "interlaced pictures are not taken; set the source to progressive"},
		{"odd size", Config{}, hdmi, func(h *hardware) { h.timing = odd }, capture.SignalUnsupported, "1281x720p"},
		{"EDID refused", Config{EDID: make([]byte, 384)}, hdmi, nil, capture.SignalUnsupported, "the receiver does not take the EDID of 384 bytes"},
		{"timing refused", Config{}, hdmi, func(h *hardware) { h.setErr = unix.EINVAL }, capture.SignalUnsupported, "1280x720p50: the receiver cannot take it"},
		{"too fast for the wiring", Config{Quirks: always(Quirks{MaxPixelRate: 40e6})}, hdmi, nil, capture.SignalUnsupported, "1280x720p50: the wiring of this board carries up to 40.0 million pixels a second, this needs 46.1"},
		{"in use", Config{}, hdmi, func(h *hardware) { h.busy = true }, capture.SignalDeviceLost, "/dev/video0 is in use by another program"},
		{"fields", Config{}, webcam, func(h *hardware) { h.field = v4l2.FieldInterlaced }, capture.SignalUnsupported, "it delivers fields"},
		{"rows that hold no picture", Config{}, hdmi, func(h *hardware) { h.lay = func(f *v4l2.Format) { f.Planes[0].Stride = 0 } }, capture.SignalUnsupported, "its driver says rows of 0 bytes"},
		{"input without signal", Config{}, webcam, func(h *hardware) { h.inputs[0].Status = v4l2.NoSignal }, capture.SignalNone, "nothing is connected to Camera 1"},
		{"input without lock", Config{}, webcam, func(h *hardware) { h.inputs[0].Status = v4l2.NoHLock }, capture.SignalUnstable, "Camera 1"},
		{"input without power", Config{}, webcam, func(h *hardware) { h.inputs[0].Status = v4l2.NoPower }, capture.SignalNone, "Camera 1 has no power"},
		{"no such input", Config{Input: "SDI"}, webcam, nil, capture.SignalUnsupported, `/dev/video0 has no input "SDI"; it has 0 (Camera 1)`},
		{"Bayer", Config{}, webcam, func(h *hardware) { h.formats = []v4l2.FormatDesc{{FourCC: 'R' | 'G'<<8 | '1'<<16 | '0'<<24}} },
			capture.SignalUnsupported, "HD Webcam (usb:1-1.4) gives raw Bayer samples, which need an image signal processor"},
		{"other formats", Config{}, webcam, func(h *hardware) { h.formats = []v4l2.FormatDesc{{FourCC: v4l2.RGB24}, {FourCC: v4l2.H264}} },
			capture.SignalUnsupported, "has none of the formats NV12, YU12, YUYV, UYVY and MJPG: it has RGB3, H264"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := c.make()
			if c.edit != nil {
				c.edit(h)
			}
			tale(t, c.cfg, h, func(st *story) { wantSignal(t, st.open(), c.signal, c.words) })
		})
	}
}

// TestEDID: a new one is written once, and the source waited for; one that is
// there is left alone, since writing makes the source begin anew.
func TestEDID(t *testing.T) {
	edid := bytes.Repeat([]byte{7}, 256)
	h := hdmi()
	h.edid, h.edidErr, h.queryErr = nil, unix.ENODATA, v4l2.ErrNoSignal
	h.inputs = append([]v4l2.InputDesc{{Name: "Analog", Index: 1}}, h.inputs...)
	h.inputs[1].Index, h.input = 3, 3
	tale(t, Config{EDID: edid}, h, func(st *story) {
		time.AfterFunc(2500*time.Millisecond, func() { h.tell(func() { h.queryErr = nil }) })
		begin := time.Now()
		st.mustOpen()
		if d := time.Since(begin); d != 2500*time.Millisecond || h.edids != 1 || !bytes.Equal(h.edid, edid) {
			t.Errorf("open after %v, EDID written %d times", d, h.edids)
		}
		for range 3 {
			st.shut()
			h.edid[200] = 1 // the driver keeps it in a form of its own
			st.mustOpen()
		}
		if h.edids != 1 {
			t.Errorf("EDID written %d times", h.edids)
		}
		st.shut()
		h.edid = nil // the receiver was reset
		st.mustOpen()
		if h.edids != 2 {
			t.Errorf("EDID written %d times", h.edids)
		}
	})
}

// TestDeviceComesBackUnderAnotherNumber also has another device take its old
// one.
func TestDeviceComesBackUnderAnotherNumber(t *testing.T) {
	for _, selector := range []string{"auto", "/dev/video0", "usb:1-1.4", "HD Webcam"} {
		t.Run(selector, func(t *testing.T) {
			h := webcam()
			tale(t, Config{Selector: selector}, h, func(st *story) {
				st.mustOpen()
				st.run(layout(media.I420, 320, 240))
				st.k.unplug(h)
				st.wantEnd(capture.SignalDeviceLost, "was unplugged")
				st.shut()
				other := webcam()
				other.node.Info.Card, other.node.USB = "Other", &v4l2.USBID{Path: "1-1.3"}
				st.k.plug("/dev/video0", other)
				wantSignal(t, st.open(), capture.SignalDeviceLost, "there is /dev/video0 (Other)")
				st.k.plug("/dev/video2", h)
				st.mustOpen()
				if p := st.s.node.Path; p != "/dev/video2" {
					t.Errorf("found as %s", p)
				}
			})
		})
	}
}

// TestAnotherDeviceTakesItsPlace after a while, where the selector allows it.
func TestAnotherDeviceTakesItsPlace(t *testing.T) {
	for selector, want := range map[string]bool{"auto": true, "/dev/video0": true, "HD Webcam": false} {
		t.Run(selector, func(t *testing.T) {
			h := webcam()
			tale(t, Config{Selector: selector}, h, func(st *story) {
				st.mustOpen()
				st.shut()
				st.k.unplug(h)
				other := webcam()
				other.node.Info.Card, other.node.USB = "Other", &v4l2.USBID{Path: "1-1.3"}
				st.k.plug("/dev/video0", other)
				time.Sleep(grace)
				if err := st.open(); (err == nil) != want {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestSelector(t *testing.T) {
	meta := webcam()
	meta.node.Info.Caps = v4l2.CapMetaCapture | v4l2.CapStreaming
	codec := hdmi()
	codec.node.Info = v4l2.Info{Driver: "vicodec", Card: "vicodec", Caps: v4l2.CapVideoM2MMplane | v4l2.CapStreaming}
	isp := hdmi()
	isp.node.Info.Driver = "bcm2835-isp"
	camera := webcam()
	camera.node.USB, camera.node.Info.Card, camera.node.Info.Bus = nil, "sensor", "platform:csi"
	all := func() []*hardware { return []*hardware{meta, codec, isp, camera, webcam(), hdmi()} }
	for _, c := range []struct{ selector, want string }{
		{"", "/dev/video5"},
		{"auto", "/dev/video5"},
		{"auto, but of uvcvideo first", "/dev/video4"},
		{"/dev/video4", "/dev/video4"},
		{"usb:1-1.4", "/dev/video4"},
		{"hd webcam", "/dev/video4"},
		{"uvcvideo", "/dev/video4"},
		{"platform:fe801000.csi", "/dev/video5"},
		{"/dev/video0", `no capture device is "/dev/video0"; there is /dev/video3 (sensor), /dev/video4 (HD Webcam), /dev/video5 (unicam)`},
		{"usb:1-1", `no capture device is "usb:1-1"`},
	} {
		t.Run(c.selector, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKernel(t, all()...)
				cfg := Config{Selector: c.selector}
				if selector, driver, ok := strings.Cut(c.selector, ", but of "); ok {
					cfg.Selector, cfg.Prefer = selector, []string{"absent", strings.TrimSuffix(driver, " first")}
				}
				s, err := k.video(cfg, media.NewClock()).Open(t.Context())
				if err != nil {
					wantSignal(t, err, capture.SignalDeviceLost, c.want)
					return
				}
				if p := s.(*session).node.Path; p != c.want {
					t.Errorf("found %s, want %s", p, c.want)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestList(t *testing.T) {
	bayer := webcam()
	bayer.node.Info.Card = "imx219"
	bayer.formats = []v4l2.FormatDesc{{FourCC: 'R' | 'G'<<8 | '1'<<16 | '0'<<24}}
	synctest.Test(t, func(t *testing.T) {
		list, err := newKernel(t, hdmi(), webcam(), bayer).video(Config{}, nil).list()
		if err != nil || len(list) != 3 {
			t.Fatalf("%v, %+v", err, list)
		}
		if f := list[0]; f.Kind != "hdmi" || f.Problem != "" || len(f.Formats) != 2 || f.Formats[0] != "UYVY" {
			t.Errorf("%+v", f)
		}
		if f := list[1]; f.Kind != "usb" || f.USB != "1-1.4" || f.Problem != "" {
			t.Errorf("%+v", f)
		}
		if f := list[2]; f.Problem == "" || f.Path != "/dev/video2" {
			t.Errorf("%+v", f)
		}
	})
}

func TestInputIsSet(t *testing.T) {
	for _, want := range []string{"1", "hdmi 1"} {
		h := hdmi()
		h.inputs = []v4l2.InputDesc{{Name: "Webcam 0"}, {Index: 1, Name: "HDMI 1", HasDVTimings: true}}
		tale(t, Config{Input: want}, h, func(st *story) {
			st.mustOpen()
			if h.input != 1 || st.s.Format().Width != 1280 {
				t.Errorf("input %d, format %+v", h.input, st.s.Format())
			}
		})
	}
}

// What a driver answers is on the slate, in words, with a way out.
func TestErrorsInWords(t *testing.T) {
	for err, c := range map[error]struct {
		signal capture.Signal
		says   string
	}{
		unix.ENOSPC: {capture.SignalUnsupported, "no bandwidth on the USB bus: use another port"},
		unix.ENOMEM: {capture.SignalStalled, "(cma=)"},
		unix.EPIPE:  {capture.SignalStalled, "/dev/video0 cannot be set up: broken pipe"},
		unix.ENODEV: {capture.SignalDeviceLost, "/dev/video0 was unplugged or has failed"},
	} {
		got := signalOf(fmt.Errorf("v4l2: start video capture on /dev/video0: %w", err), "/dev/video0")
		e := (*capture.SignalError)(nil)
		if !errors.As(got, &e) || e.Signal != c.signal || !strings.Contains(e.Detail, c.says) || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
}
