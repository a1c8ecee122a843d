package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// remembered is what of the commands outlives a restart or a power cut: who
// pressed record does not lose the rest of an event to one.
type remembered struct {
	Mode    Mode          `json:"mode"` // commands of another one are forgotten
	Active  bool          `json:"active"`
	Label   string        `json:"label,omitempty"`
	Until   time.Time     `json:"until"` // zero: no end, or the time of day was not known
	Left    time.Duration `json:"left"`  // when this was written; 0: no end
	Stopped bool          `json:"stopped"`
	Edge    time.Time     `json:"edge"`
}

// commands are what is remembered, to see a change by.
type commands struct {
	mode    Mode
	manual  command
	stopped stop
	known   bool // the time of day
}

// remember writes the commands down when they have changed. Run alone calls it:
// no command waits for storage.
func (r *Recorder) remember() {
	r.mu.Lock()
	wall, known := r.opts.Clock.Now()
	file, now := r.cfg.StateFile, commands{r.cfg.Mode, r.manual, r.stopped, known}
	changed := now != r.written
	r.written = now
	r.mu.Unlock()
	if file == "" || !changed {
		return
	}
	was := remembered{Mode: now.mode, Active: now.manual.active, Label: now.manual.label, Stopped: now.stopped.active, Edge: now.stopped.until.UTC()}
	if end := now.manual.until; !end.IsZero() {
		was.Left = max(1, time.Until(end))
		if known {
			was.Until = wall.Round(0).Add(was.Left).UTC()
		}
	}
	if err := save(file, was); err != nil {
		r.mu.Lock()
		r.written = commands{} // tried again with the next look
		r.mu.Unlock()
	}
}

func save(path string, v any) (err error) {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record: encode state: %w", err)
	}
	f, err := os.OpenFile(path+temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// recall takes up the commands of the run before. What cannot be read is as if
// there were none.
func (r *Recorder) recall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cfg.StateFile == "" || r.manual.active || r.stopped.active {
		return
	}
	data, err := os.ReadFile(r.cfg.StateFile)
	var was remembered
	if err != nil || json.Unmarshal(data, &was) != nil || was.Mode != r.cfg.Mode || was.Mode == Off {
		return
	}
	if was.Stopped {
		r.stopped = stop{active: true, until: was.Edge}
	}
	if !was.Active {
		return
	}
	m := command{active: true, label: was.Label}
	if was.Left > 0 {
		left := was.Left
		if wall, known := r.opts.Clock.Now(); known && !was.Until.IsZero() {
			left = was.Until.Sub(wall.Round(0))
		}
		if left <= 0 {
			return
		}
		m.until = time.Now().Add(left)
	}
	r.manual = m
}
