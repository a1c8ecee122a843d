package record

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestCommandsOutliveARestart(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     Config
		command func(*testing.T, *rig)
		pause   time.Duration
		known   bool
		want    Activity
		left    time.Duration // after the restart; 0: no end
	}{
		"Start":                           {Config{}, func(t *testing.T, r *rig) { must(t, r.Start("goal", 0)) }, time.Hour, true, Recording, 0},
		"Start with an end":               {Config{}, func(t *testing.T, r *rig) { must(t, r.Start("goal", time.Hour)) }, 20 * time.Minute, true, Recording, 40 * time.Minute},
		"Start with an end that is past":  {Config{}, func(t *testing.T, r *rig) { must(t, r.Start("goal", time.Hour)) }, 2 * time.Hour, true, Idle, 0},
		"Start with an end, no clock yet": {Config{}, func(t *testing.T, r *rig) { must(t, r.Start("goal", time.Hour)) }, 20 * time.Minute, false, Recording, time.Hour},
		"Stop":                            {Config{Mode: Always}, func(t *testing.T, r *rig) { must(t, r.Stop()) }, time.Hour, true, Idle, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.StateFile = filepath.Join(t.TempDir(), "recording.json")
			bubble(t, c.cfg, func(t *testing.T, r *rig) {
				r.clock.set(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC))
				c.command(t, r)
				r.after(0)
				r.stop()
				time.Sleep(c.pause)
				r.clock.mu.Lock()
				r.clock.known = c.known
				r.clock.mu.Unlock()
				again, err := New(r.Recorder.cfg, r.journal, r.rep, Options{Clock: r.clock, Free: r.opts.Free})
				must(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- again.Run(ctx) }()
				synctest.Wait()
				s := again.State()
				if s.State != c.want || (s.Until == nil) != (c.left == 0) || s.Until != nil && (time.Until(*s.Until)-c.left).Abs() > time.Second {
					t.Errorf("%+v", s)
				}
				if s.State == Recording && s.Label != "goal" {
					t.Errorf("label %q", s.Label)
				}
				cancel()
				must(t, <-done)
			})
		})
	}
}
