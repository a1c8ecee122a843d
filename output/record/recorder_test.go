package record

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// rig is a running recorder in a bubble of virtual time.
type rig struct {
	*Recorder
	journal *fakeJournal
	rep     *fakeReporter
	clock   *fakeClock
	free    atomic.Int64
	fail    atomic.Bool
	stop    func()
}

func bubble(t *testing.T, cfg Config, test func(*testing.T, *rig)) {
	t.Helper()
	cfg.Dir = t.TempDir()
	cfg.Stream = "main"
	cfg.Location = berlin(t)
	synctest.Test(t, func(t *testing.T) {
		r := &rig{journal: &fakeJournal{}, rep: &fakeReporter{}, clock: &fakeClock{}}
		r.free.Store(1 << 40)
		rec, err := New(cfg, r.journal, r.rep, Options{Clock: r.clock, Incidents: r.rep, Free: func(string) (int64, error) {
			if r.fail.Load() {
				return 0, errIO
			}
			return r.free.Load(), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		r.Recorder = rec
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- rec.Run(ctx) }()
		r.stop = func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			done <- nil
		}
		synctest.Wait()
		test(t, r)
		r.stop()
	})
}

func (r *rig) after(d time.Duration) State {
	time.Sleep(d)
	synctest.Wait()
	return r.Recorder.State()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func schedule(t *testing.T, s string) Schedule {
	t.Helper()
	out, err := ParseSchedule(s)
	must(t, err)
	return out
}

func TestManual(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, r *rig) {
		if s := r.after(time.Hour); s.State != Idle || r.journal.running() != 0 {
			t.Fatalf("%+v", s)
		}
		if err := r.Stop(); !errors.Is(err, ErrIdle) {
			t.Errorf("Stop while idle: %v", err)
		}
		if err := r.Mark("x"); !errors.Is(err, ErrIdle) {
			t.Errorf("Mark while idle: %v", err)
		}
		must(t, r.Start("goal", 0))
		if err := r.Mark("too early"); !errors.Is(err, ErrIdle) {
			t.Errorf("Mark before the first segment: %v", err)
		}
		r.journal.grow(3)
		s := r.after(tick)
		if s.State != Recording || s.Reason != ByCommand || s.Label != "goal" || s.Bytes != 3000 || s.Files != 1 || s.Duration != 6*time.Second || s.Until != nil ||
			!strings.HasPrefix(s.File, "main_") {
			t.Errorf("%+v", s)
		}
		must(t, r.Mark("here"))
		r.journal.cut()
		r.journal.grow(2)
		if s := r.after(tick); s.Files != 2 || s.Bytes != 5000 || s.Duration != 10*time.Second || !strings.HasSuffix(s.File, "_002.mp4") {
			t.Errorf("%+v", s)
		}
		must(t, r.Stop())
		if s := r.Recorder.State(); s.State != Idle || r.journal.running() != 0 {
			t.Errorf("%+v", s)
		}
		if !slices.Equal(r.journal.marks, []string{"here"}) {
			t.Errorf("marks %v", r.journal.marks)
		}
	})
}

func TestStartAgainExtendsAndNeverShortens(t *testing.T) {
	bubble(t, Config{MaxDuration: time.Minute}, func(t *testing.T, r *rig) {
		must(t, r.Start("a", 0)) // MaxDuration
		if s := r.after(50 * time.Second); s.State != Recording || s.Until == nil {
			t.Fatalf("%+v", s)
		}
		must(t, r.Start("", 30*time.Second)) // until 80 s
		must(t, r.Start("", time.Second))    // does not shorten it
		if s := r.after(29 * time.Second); s.State != Recording || s.Label != "a" || r.journal.running() != 1 {
			t.Fatalf("at 79 s: %+v", s)
		}
		if s := r.after(2 * time.Second); s.State != Idle || r.journal.running() != 0 {
			t.Fatalf("at 81 s: %+v", s)
		}
	})
}

func TestAnotherLabelBeginsAFileWithoutAGap(t *testing.T) {
	bubble(t, Config{Template: Template{"{label}_{part}"}}, func(t *testing.T, r *rig) {
		must(t, r.Start("one", 0))
		r.journal.grow(2)
		must(t, r.Start("two", 0))
		r.journal.grow(2)
		r.after(tick)
		reels := r.journal.Reels()
		if len(reels) != 2 || reels[0].Name != "one_001.mp4" || reels[1].Name != "two_001.mp4" || reels[0].Last+1 != reels[1].First || r.journal.running() != 1 {
			t.Errorf("%+v", reels)
		}
	})
}

func TestAlwaysStopsByCommandAloneAndGoesOnByIt(t *testing.T) {
	bubble(t, Config{Mode: Always}, func(t *testing.T, r *rig) {
		if s := r.after(0); s.State != Recording || s.Reason != ByMode {
			t.Fatalf("%+v", s)
		}
		must(t, r.Stop())
		if s := r.after(24 * time.Hour); s.State != Idle || !s.Stopped {
			t.Fatalf("%+v", s)
		}
		must(t, r.Start("", time.Minute))
		if s := r.after(2 * time.Minute); s.State != Recording || s.Reason != ByMode || s.Stopped {
			t.Fatalf("%+v", s)
		}
		r.stop()
		if s := r.Recorder.State(); s.State != Idle || r.journal.running() != 0 {
			t.Errorf("after Run: %+v", s)
		}
	})
}

func TestOffTakesNoCommand(t *testing.T) {
	bubble(t, Config{Mode: Off}, func(t *testing.T, r *rig) {
		if err := r.Start("", 0); !errors.Is(err, ErrOff) {
			t.Errorf("Start: %v", err)
		}
	})
}

func TestModeChangesLive(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, r *rig) {
		must(t, r.Start("", 0))
		cfg := r.Recorder.cfg
		cfg.Length = time.Hour
		must(t, r.Update(cfg))
		if s := r.after(0); s.State != Recording {
			t.Errorf("another length ended the recording: %+v", s)
		}
		cfg.Mode = Off
		must(t, r.Update(cfg))
		if s := r.after(0); s.State != Idle {
			t.Errorf("%+v", s)
		}
		cfg.Mode = Always
		must(t, r.Update(cfg))
		if s := r.after(0); s.State != Recording {
			t.Errorf("%+v", s)
		}
		cfg.Dir = "/elsewhere"
		if err := r.Update(cfg); !errors.Is(err, ErrRestart) {
			t.Errorf("another folder: %v", err)
		}
	})
}

func TestScheduleWaitsForTheTimeOfDay(t *testing.T) {
	cfg := Config{Mode: Scheduled, Schedule: schedule(t, "mon-fri 08:00-18:00")}
	bubble(t, cfg, func(t *testing.T, r *rig) {
		if s := r.after(time.Hour); s.State != Waiting || r.rep.message(ConditionClock) == "" {
			t.Fatalf("%+v %q", s, r.rep.message(ConditionClock))
		}
		must(t, r.Start("", time.Minute)) // commands work
		if s := r.after(time.Second); s.State != Recording {
			t.Fatalf("%+v", s)
		}
		r.after(2 * time.Minute)
		r.clock.set(time.Date(2026, 11, 20, 9, 0, 0, 0, berlin(t))) // a Friday
		if s := r.after(tick); s.State != Recording || s.Reason != BySchedule || r.rep.message(ConditionClock) != "" {
			t.Fatalf("%+v", s)
		}
		if s := r.after(9*time.Hour - tick - time.Second); s.State != Recording {
			t.Fatalf("before the end: %+v", s)
		}
		if s := r.after(time.Second); s.State != Idle || !s.Next.Equal(time.Date(2026, 11, 23, 8, 0, 0, 0, berlin(t))) {
			t.Fatalf("at the end: %+v", s)
		}
		if s := r.after(62 * time.Hour); s.State != Recording {
			t.Fatalf("on Monday: %+v", s)
		}
	})
}

func TestCommandsDuringASchedule(t *testing.T) {
	cfg := Config{Mode: Scheduled, Schedule: schedule(t, "daily 08:00-18:00")}
	for name, test := range map[string]func(*testing.T, *rig){
		"Stop holds until the next range": func(t *testing.T, r *rig) {
			must(t, r.Stop())
			if s := r.after(8*time.Hour + time.Minute); s.State != Idle || s.Stopped {
				t.Errorf("after the end: %+v", s)
			}
			if s := r.after(14 * time.Hour); s.State != Recording {
				t.Errorf("the next morning: %+v", s)
			}
		},
		"Start ends a Stop": func(t *testing.T, r *rig) {
			must(t, r.Stop())
			r.after(time.Minute)
			must(t, r.Start("", time.Minute))
			if s := r.after(2 * time.Minute); s.State != Recording || s.Reason != BySchedule {
				t.Errorf("%+v", s)
			}
		},
		"Start goes on behind the range": func(t *testing.T, r *rig) {
			r.journal.grow(1)
			must(t, r.Start("", 10*time.Hour))
			r.journal.grow(1)
			if s := r.after(8*time.Hour + time.Minute); s.State != Recording || s.Reason != ByCommand || len(r.journal.Reels()) != 1 {
				t.Errorf("%+v, %d files", s, len(r.journal.Reels()))
			}
			if s := r.after(2 * time.Hour); s.State != Idle {
				t.Errorf("%+v", s)
			}
		},
		"a Stop of a command outside a range holds nothing back": func(t *testing.T, r *rig) {
			r.after(9 * time.Hour)
			must(t, r.Start("", 0))
			must(t, r.Stop())
			if s := r.after(13*time.Hour + time.Minute); s.State != Recording {
				t.Errorf("%+v", s)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, cfg, func(t *testing.T, r *rig) {
				r.clock.set(time.Date(2026, 11, 20, 10, 0, 0, 0, berlin(t)))
				if s := r.after(tick); s.State != Recording {
					t.Fatalf("%+v", s)
				}
				test(t, r)
			})
		})
	}
}

func TestAlarmsOnSpace(t *testing.T) {
	bubble(t, Config{Mode: Always, Reserve: 1000, Warn: 100 * time.Second}, func(t *testing.T, r *rig) {
		at := func(free int64) (string, string) {
			r.free.Store(free)
			r.journal.grow(2)
			r.after(tick)
			return r.rep.message(ConditionSpace), r.rep.message(ConditionFull)
		}
		if low, full := at(1000 + 500*101); low != "" || full != "" { // 500 bytes a second
			t.Errorf("room for 101 s: %q %q", low, full)
		}
		if s := r.Recorder.State().Storage; s.Free != 500*101 || s.Rate != 500 || s.Remaining != 101*time.Second {
			t.Errorf("%+v", s)
		}
		if low, full := at(1000 + 500*90); !strings.Contains(low, "1m30s") || full != "" {
			t.Errorf("room for 90 s: %q %q", low, full)
		}
		if low, full := at(900); low != "" || !strings.Contains(full, "no room") {
			t.Errorf("no room: %q %q", low, full)
		}
		r.fail.Store(true)
		if low, full := at(900); low != "" || full != "" {
			t.Errorf("no storage: %q %q", low, full)
		}
		r.fail.Store(false)
		cfg := r.Recorder.cfg
		cfg.Loop = true
		must(t, r.Update(cfg))
		if low, full := at(900); low != "" || full != "" {
			t.Errorf("loop: %q %q", low, full)
		}
	})
}

func TestNothingReachesStorage(t *testing.T) {
	bubble(t, Config{Mode: Always}, func(t *testing.T, r *rig) {
		if r.after(stalled - tick); r.rep.message(ConditionStorage) != "" {
			t.Error("too early")
		}
		if r.after(2 * tick); !strings.Contains(r.rep.message(ConditionStorage), "nothing has reached") {
			t.Errorf("%q", r.rep.message(ConditionStorage))
		}
		r.journal.grow(1)
		if r.after(tick); r.rep.message(ConditionStorage) != "" {
			t.Errorf("%q", r.rep.message(ConditionStorage))
		}
	})
}

func TestLossBetweenFilesIsAnIncident(t *testing.T) {
	bubble(t, Config{Mode: Always}, func(t *testing.T, r *rig) {
		r.journal.grow(3)
		r.after(tick)
		r.journal.cut()
		r.journal.grow(1)
		r.after(tick)
		if len(r.rep.incidents) != 0 {
			t.Fatalf("%+v", r.rep.incidents)
		}
		r.journal.cut()
		r.journal.mu.Lock()
		r.journal.next += 4
		r.journal.mu.Unlock()
		r.journal.grow(1)
		r.after(2 * tick)
		if len(r.rep.incidents) != 1 || r.rep.incidents[0].Segments != 4 {
			t.Fatalf("%+v", r.rep.incidents)
		}
	})
}

func TestLoopDeletesWhatIsTooOld(t *testing.T) {
	bubble(t, Config{Mode: Always, Loop: true, MaxAge: time.Hour}, func(t *testing.T, r *rig) {
		r.clock.set(time.Now())
		r.journal.grow(2)
		r.journal.cut()
		r.after(30 * time.Minute)
		r.journal.grow(2)
		r.journal.cut()
		if r.after(29 * time.Minute); len(r.journal.names()) != 2 {
			t.Fatalf("%v", r.journal.names())
		}
		if r.after(2 * time.Minute); len(r.journal.names()) != 1 {
			t.Fatalf("%v", r.journal.names())
		}
	})
}
