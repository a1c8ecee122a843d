package live

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

type run = func(context.Context, *session) error

func newDevice(f media.VideoFormat, runs ...run) *device {
	return &device{clock: media.NewClock(), opens: opensAs(f), runs: runs, held: 2}
}

func TestASlateStandsInUntilThereIsASignal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(1920, 1080, fps30), shoots(-1, nil))
		d.opens = slices.Insert(d.opens, 0, slices.Repeat([]func(context.Context) (media.VideoFormat, error){refuses(none)}, 9)...)
		begin := time.Now()
		r := start(t, d, Config{Stream: "main"})
		if waited := time.Since(begin); waited != defaultWait {
			t.Errorf("Open waited for %v", waited)
		}
		if f := r.frames.format; f.Width != 1280 || f.Height != 720 || f.FrameRate != fps30 {
			t.Errorf("format without a signal: %v", f)
		}
		time.Sleep(time.Second + interval30/2)
		synctest.Wait()
		if live := r.frames.Live(); live.Signal != capture.SignalNone || live.Detail != none.Detail || !live.Slate || live.Losses != 0 || live.Frames != 0 || live.Slates < 29 {
			t.Errorf("status while nothing is connected: %+v", live)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		live := r.frames.Live()
		if live.Signal != capture.SignalOK || live.Slate || live.Device != "fake (usb:1-1)" || live.Arriving.Width != 1920 || live.Transfer != capture.OneCopy || live.Reason == "" {
			t.Errorf("status after it was connected: %+v", live)
		}
		shots := r.stop()
		if !shots[0].key || shots[0].device {
			t.Errorf("the first picture: %+v", shots[0])
		}
		if n := slates(shots); n != 1 || longest(shots) > 2*interval30 {
			t.Errorf("%d slates, up to %v without a picture", n, longest(shots))
		}
		if uint64(len(shots)) != r.frames.Live().Frames+r.frames.Live().Slates {
			t.Errorf("%d pictures came out, %+v", len(shots), r.frames.Live())
		}
	})
}

func TestOpenLearnsTheFormat(t *testing.T) {
	uhd := size(3840, 2160, media.Rational{Num: 60000, Den: 1001})
	for _, c := range []struct {
		name   string
		cfg    Config
		refuse int
		want   media.VideoFormat
		wait   time.Duration
	}{
		{"of the device", Config{}, 0, uhd, 0},
		{"of a device that comes", Config{}, 3, uhd, 700 * time.Millisecond},
		{"size alone is given", Config{Format: size(640, 360, media.Rational{})}, 0, size(640, 360, uhd.FrameRate), 0},
		{"rate alone is given", Config{Format: size(0, 0, fps30)}, 0, size(3840, 2160, fps30), 0},
		{"all is given, no device", Config{Format: size(640, 360, fps30)}, 99, size(640, 360, fps30), 0},
		{"no device", Config{Wait: 500 * time.Millisecond}, 99, size(1280, 720, fps30), 500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDevice(uhd, shoots(-1, nil))
				d.opens = slices.Insert(d.opens, 0, slices.Repeat([]func(context.Context) (media.VideoFormat, error){refuses(none)}, c.refuse)...)
				c.cfg.Video = d
				in, err := Open(t.Context(), c.cfg, d.clock)
				if err != nil {
					t.Fatal(err)
				}
				if v := in.Video; v.Width != c.want.Width || v.Height != c.want.Height || v.FrameRate != c.want.FrameRate || v.Pixel != media.I420 {
					t.Errorf("format %+v, want %+v", v, c.want)
				}
				if waited := d.clock.Now(); waited != c.wait {
					t.Errorf("waited for %v, want %v", waited, c.wait)
				}
				if err := in.Close(); d.sessions() != 0 {
					t.Errorf("Close left a session: %v", err)
				}
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	d := newDevice(size(640, 360, fps30), shoots(-1, nil))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		cfg  Config
		want string
	}{
		{"no device", t.Context(), Config{}, "live input: no picture device is given"},
		{"half a size", t.Context(), Config{Video: d, Format: size(640, 0, fps30)}, "live input: size 640x0: give width and height"},
		{"odd size", t.Context(), Config{Video: d, Format: size(641, 360, fps30)}, "live input: size 641x360"},
		{"half a sound", t.Context(), Config{Video: d, AudioFormat: media.AudioFormat{SampleRate: 48000}}, "live input: sound of 48000 Hz, 0 channels"},
		{"negative rate", t.Context(), Config{Video: d, Format: size(0, 0, media.Rational{Num: -30, Den: 1})}, "live input: frame rate -30"},
		{"ended", ended, Config{Video: d}, "context canceled"},
	} {
		if in, err := Open(c.ctx, c.cfg, d.clock); err == nil || in != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if d.sessions() != 0 {
			t.Errorf("%s: a session is left open", c.name)
		}
	}
}

// TestEveryLossAndReturn plays each way to lose the signal, and what is seen.
func TestEveryLossAndReturn(t *testing.T) {
	unplugged := errors.New("v4l2: dequeue a buffer on /dev/video0: no such device")
	for _, c := range []struct {
		name string
		loss error
		want capture.Signal
	}{
		{"no signal", none, capture.SignalNone},
		{"no lock", &capture.SignalError{Signal: capture.SignalUnstable}, capture.SignalUnstable},
		{"out of range", &capture.SignalError{Signal: capture.SignalUnsupported, Detail: "1920x1080p120"}, capture.SignalUnsupported},
		{"unplugged, by its own word", &capture.SignalError{Signal: capture.SignalDeviceLost, Err: unplugged}, capture.SignalDeviceLost},
		{"unplugged, any error", unplugged, capture.SignalDeviceLost},
		{"ended without an error", nil, capture.SignalStalled},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDevice(size(1280, 720, fps30), shoots(30, c.loss), shoots(-1, nil))
				again := refuses(c.loss)
				if c.loss == nil {
					again = refuses(&capture.SignalError{Signal: capture.SignalStalled})
				}
				d.opens = []func(context.Context) (media.VideoFormat, error){d.opens[0], again, again, again, d.opens[0]}
				r := start(t, d, Config{})
				time.Sleep(29*interval30 + 60*time.Millisecond)
				synctest.Wait()
				live := r.frames.Live()
				if live.Signal != c.want || !live.Slate || live.Losses != 1 || live.Frames != 30 || live.Arriving.Width != 0 {
					t.Errorf("status after the loss: %+v", live)
				}
				if since := r.clock.Now() - live.Since; since > 61*time.Millisecond {
					t.Errorf("lost %v ago", since)
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				if live := r.frames.Live(); live.Signal != capture.SignalOK || live.Slate || live.Losses != 1 || live.Arriving.Width != 1280 {
					t.Errorf("status after the return: %+v", live)
				}
				shots := r.stop()
				if slates(shots) != 1 || longest(shots) > 2*interval30 {
					t.Errorf("%d slates, up to %v without a picture: the device said at once", slates(shots), longest(shots))
				}
			})
		})
	}
}

func TestPicturesThatJustStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stalls := &capture.SignalError{Signal: capture.SignalStalled, Detail: "no picture for 1 s"}
		d := newDevice(size(1280, 720, fps30), func(ctx context.Context, s *session) error {
			if err := shoots(30, nil)(ctx, s); err != nil {
				return err
			}
			return silent(time.Second, stalls)(ctx, s)
		}, shoots(-1, nil))
		r := start(t, d, Config{})
		time.Sleep(29*interval30 + minThreshold - 50*time.Millisecond)
		synctest.Wait()
		if live := r.frames.Live(); live.Signal != capture.SignalOK || live.Slate {
			t.Errorf("status before the threshold: %+v", live)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if live := r.frames.Live(); live.Signal != capture.SignalStalled || !live.Slate || live.Losses != 1 {
			t.Errorf("status behind the threshold: %+v", live)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if live := r.frames.Live(); live.Signal != capture.SignalOK || live.Losses != 1 {
			t.Errorf("status after the return: %+v", live)
		}
		shots := r.stop()
		if most := longest(shots); slates(shots) != 1 || most > minThreshold+2*interval30 || most < minThreshold-interval30 {
			t.Errorf("%d slates, %v without a picture", slates(shots), most)
		}
	})
}

func TestASessionThatNoticesNothingIsStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(1280, 720, fps30), deaf, shoots(-1, nil))
		r := start(t, d, Config{})
		time.Sleep(stallLimit + 3*time.Second)
		synctest.Wait()
		if live := r.frames.Live(); live.Signal != capture.SignalOK || len(d.attempts()) != 2 {
			t.Errorf("%+v after %d attempts", live, len(d.attempts()))
		}
		shots := r.stop()
		if slates(shots) != 1 || shots[0].at != startThreshold {
			t.Errorf("%d slates, the first at %v", slates(shots), shots[0].at)
		}
	})
}

func TestAChangedInputUnderFixedKeepsTheStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hd := size(1280, 720, fps30)
		d := newDevice(hd, shoots(30, &Changed{To: size(1920, 1080, fps30)}), shoots(-1, nil))
		d.opens = append(d.opens, opensAs(size(1920, 1080, fps30))...)
		r := start(t, d, Config{})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if live := r.frames.Live(); live.Arriving.Width != 1920 || live.Losses != 0 || live.Slates != 0 {
			t.Errorf("%+v", live)
		}
		if shots := r.stop(); longest(shots) > 2*interval30 {
			t.Errorf("%v without a picture", longest(shots))
		}
	})
}

func TestFollowEndsWithErrChanged(t *testing.T) {
	hd, full := size(1280, 720, fps30), size(1920, 1080, fps30)
	for _, c := range []struct {
		name   string
		format media.VideoFormat
		to     media.VideoFormat
		end    bool
	}{
		{"another size", media.VideoFormat{}, full, true},
		{"another rate", media.VideoFormat{}, size(1280, 720, media.Rational{Num: 25, Den: 1}), true},
		{"30 and 29.97 are two", media.VideoFormat{}, size(1280, 720, media.Rational{Num: 30000, Den: 1001}), true},
		{"a measured rate wobbles", media.VideoFormat{}, size(1280, 720, media.Rational{Num: 29999, Den: 1000}), false},
		{"the same again", media.VideoFormat{}, hd, false},
		{"the size is given", size(640, 360, media.Rational{}), full, false},
		{"the rate is given", size(0, 0, fps30), size(1280, 720, media.Rational{Num: 50, Den: 1}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDevice(hd, shoots(10, &Changed{}), shoots(-1, nil))
				d.opens = append(d.opens, refuses(none))
				d.opens = append(d.opens, opensAs(c.to)...)
				r := start(t, d, Config{Follow: true, Format: c.format})
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if !c.end {
					r.stop()
					return
				}
				if err := <-r.done; !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), describe(c.to)) {
					t.Errorf("Run returned %v", err)
				}
				if live := r.frames.Live(); live.Slate {
					t.Errorf("the slate is on after the end: %+v", live)
				}
				r.ended()
				r.cancel()
			})
		})
	}
}

func TestALateDeviceComesBackAfterASlate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(1280, 720, fps30), shoots(-1, nil))
		d.opens = []func(context.Context) (media.VideoFormat, error){refuses(none), refuses(none), d.opens[0]}
		d.lag = 400 * time.Millisecond
		r := start(t, d, Config{Format: size(640, 360, fps30)})
		time.Sleep(3 * time.Second)
		shots := r.stop()
		if last := shots[len(shots)-1]; !last.device || slates(shots) != 1 || longest(shots) > 2*interval30 {
			t.Errorf("the last picture is %+v, %d slates, %v without a picture", last, slates(shots), longest(shots))
		}
	})
}

func TestTheSlateKeepsTheDevicesLag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(1280, 720, fps30), shoots(30, none), shoots(-1, nil))
		d.opens = []func(context.Context) (media.VideoFormat, error){d.opens[0], refuses(none), refuses(none), d.opens[0]}
		d.lag = 90 * time.Millisecond
		r := start(t, d, Config{})
		time.Sleep(3 * time.Second)
		shots := r.stop()
		for _, s := range shots {
			if late := s.at - s.pts; late < d.lag || late > d.lag+interval30 {
				t.Fatalf("a picture of %v came at %v", s.pts, s.at)
			}
		}
		if slates(shots) != 1 || longest(shots) > 2*interval30 {
			t.Errorf("%d slates, %v without a picture", slates(shots), longest(shots))
		}
	})
}

func TestADeviceWithAClockOfItsOwn(t *testing.T) {
	for _, wrong := range []time.Duration{-time.Hour, time.Hour} {
		bubble(t, func(t *testing.T) {
			d := newDevice(size(1280, 720, fps30), shoots(-1, nil))
			d.lag = wrong
			r := start(t, d, Config{})
			time.Sleep(2*time.Second + interval30/2)
			synctest.Wait()
			if live := r.frames.Live(); live.Signal != capture.SignalOK || live.Frames != 61 || live.Slates != 0 {
				t.Errorf("%v off: %+v", wrong, live)
			}
			r.cancel()
			<-r.done
			for _, s := range r.shots {
				if s.pts != s.at {
					t.Fatalf("a picture of %v came at %v", s.pts, s.at)
				}
			}
		})
	}
}
