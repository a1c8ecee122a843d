package programme

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// flapper is a programme whose input is told of by a test.
type flapper struct {
	*Programme
	store *status.Store
	log   bytes.Buffer
}

func newFlapper() *flapper {
	f := &flapper{store: status.NewStore("")}
	f.Programme = newProgramme(hub.New(media.NewClock()), f.store.Stream("main"))
	f.Programme.log = slog.New(slog.NewTextHandler(&f.log, nil))
	return f
}

// pass lets time pass, with watch looking once a second.
func (f *flapper) pass(d time.Duration) {
	for range d / time.Second {
		time.Sleep(time.Second)
		f.tellChange(f.changes.due(time.Now()))
	}
}

func (f *flapper) events() (list []status.Event) {
	list, _ = f.store.Events(0)
	return list
}

var (
	wellSignal = capture.LiveStatus{Signal: capture.SignalOK, Device: "tc358743", Arriving: media.VideoFormat{Width: 1280, Height: 720, Pixel: media.UYVY}}
	deadSignal = capture.LiveStatus{Signal: capture.SignalStalled, Slate: true, Detail: "no picture has come for 1s"}
)

// TestSignalThatComesAndGoesIsTold: the first changes at once, those of an hour
// in a handful of lines that add up, and the conditions always.
func TestSignalThatComesAndGoesIsTold(t *testing.T) {
	for name, period := range map[string]time.Duration{"fast": 4 * time.Second, "slow": 3 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlapper()
				changes := 0
				for begin := time.Now(); time.Since(begin) < time.Hour; {
					for _, s := range []capture.LiveStatus{deadSignal, wellSignal} {
						f.reportSignal(s)
						if changes++; changes <= changesAtOnce && len(f.events()) != changes {
							t.Errorf("change %d is not told at once: %+v", changes, f.events())
						}
						if got := len(f.store.Load().Streams); got != 1 {
							t.Fatalf("%d streams", got)
						}
						if got := len(f.store.Load().Streams[0].Conditions); (got == 1) != (s.Signal != capture.SignalOK) {
							t.Errorf("%v: %d conditions", s.Signal, got)
						}
						f.pass(period / 2)
					}
				}
				f.tellChange(f.changes.rest(time.Now()))
				events := f.events()
				if len(events) < changesAtOnce+3 || len(events) > changesAtOnce+5 {
					t.Errorf("%d events of %d changes", len(events), changes)
				}
				lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
				told := 0
				for _, l := range lines {
					told += changesOf(t, l)
				}
				if told != changes || len(lines) != len(events) {
					t.Errorf("%d of %d changes are told, in %d lines and %d events", told, changes, len(lines), len(events))
				}
				if last := events[len(events)-1]; last.Severity != status.Warning || !strings.Contains(last.Message, "it changed") {
					t.Errorf("the last: %+v", last)
				}
			})
		})
	}
}

// TestLastChangeIsTold: where the input ends up is told without another change,
// and after an hour of calm all is told at once again.
func TestLastChangeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlapper()
		for range 10 {
			f.reportSignal(deadSignal)
			f.pass(time.Second)
			f.reportSignal(wellSignal)
			f.pass(time.Second)
		}
		f.reportSignal(deadSignal)
		if n := len(f.events()); n != changesAtOnce {
			t.Errorf("%d events at first", n)
		}
		f.pass(changesEvery)
		events := f.events()
		last := events[len(events)-1]
		if len(events) != changesAtOnce+1 || !strings.HasPrefix(last.Message, "signal: stalled (no picture has come for 1s); it changed 17 times in ") {
			t.Errorf("then %+v", events)
		}
		f.pass(2 * time.Hour)
		if len(f.events()) != len(events) {
			t.Errorf("told again: %+v", f.events())
		}
		for i, s := range []capture.LiveStatus{wellSignal, deadSignal, wellSignal} {
			f.reportSignal(s)
			if got := f.events(); len(got) != len(events)+i+1 || strings.Contains(got[len(got)-1].Message, "changed") {
				t.Errorf("after calm: %+v", got[len(events):])
			}
		}
	})
}

// TestSameSignalIsNoChange: the slate comes a little after the loss, which is no
// news.
func TestSameSignalIsNoChange(t *testing.T) {
	f := newFlapper()
	before := deadSignal
	before.Slate = false
	f.reportSignal(before)
	f.reportSignal(deadSignal)
	if got := f.events(); len(got) != 1 || got[0].Message != "signal: stalled (no picture has come for 1s)" || got[0].Severity != status.Warning {
		t.Errorf("%+v", got)
	}
}

// changesOf is the count that a line of the log has.
func changesOf(t *testing.T, l string) (n int) {
	t.Helper()
	_, count, found := strings.Cut(l, " changes=")
	if !found {
		t.Fatalf("no count: %s", l)
	}
	for _, c := range count {
		n = 10*n + int(c-'0')
	}
	return n
}
