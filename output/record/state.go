package record

import (
	"time"

	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// Activity is what a recorder does.
type Activity string

// The activities.
const (
	Idle      Activity = "idle"
	Recording Activity = "recording"
	Waiting   Activity = "waiting" // the schedule waits for the time of day
)

// State of a recorder.
type State struct {
	Mode   Mode     `json:"mode"`
	State  Activity `json:"state"`
	Reason Reason   `json:"reason,omitempty"`
	Label  string   `json:"label,omitempty"`
	// Since and Until are of the recording that runs; Until is null where no end
	// is set.
	Since *time.Time `json:"since"`
	Until *time.Time `json:"until"`
	// Next is when the schedule begins or ends the next range.
	Next *time.Time `json:"next"`
	// Stopped says that Stop holds against mode or schedule.
	Stopped  bool          `json:"stopped"`
	File     string        `json:"file,omitempty"` // being written
	Files    int           `json:"files"`          // of this recording
	Bytes    int64         `json:"bytes"`          // of this recording
	Duration time.Duration `json:"-"`              // of this recording, as stored
	Seconds  float64       `json:"duration_seconds"`
	Storage  Storage       `json:"storage"`
}

// Storage is how much longer there is room.
type Storage struct {
	Free      int64         `json:"free_bytes"`       // that recordings may still take
	Rate      int64         `json:"bytes_per_second"` // of the stream; 0 while not known
	Remaining time.Duration `json:"-"`
	// Seconds of recording that remain at that rate; null while it is not known.
	Seconds *float64 `json:"remaining_seconds"`
}

// State is the newest state.
func (r *Recorder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown
}

// publish makes the state anew and tells the reporter if it has changed, or always.
func (r *Recorder) publish(now time.Time, always bool) {
	s := State{Mode: r.cfg.Mode, State: Idle, Stopped: r.stopped.active, Storage: r.watch.storage}
	if r.cfg.Mode == Scheduled {
		_, edge, known := r.scheduled()
		if !known {
			s.State = Waiting
		} else if !edge.IsZero() {
			s.Next = &edge
		}
	}
	if x := r.session; x != nil {
		s.State, s.Reason, s.Label = Recording, x.reason, x.label
		since := x.since.Round(0)
		s.Since = &since
		s.File, s.Files, s.Bytes, s.Duration = r.watch.file, r.watch.files, r.watch.bytes, r.watch.duration
		s.Seconds = s.Duration.Seconds()
		switch {
		case x.reason == ByCommand && !r.manual.until.IsZero():
			until := r.manual.until.Round(0)
			s.Until = &until
		case x.reason == BySchedule:
			s.Until = s.Next
		}
	}
	changed := s.State != r.shown.State || s.Mode != r.shown.Mode || s.Reason != r.shown.Reason || s.Label != r.shown.Label ||
		s.File != r.shown.File || s.Stopped != r.shown.Stopped || !same(s.Until, r.shown.Until) || !same(s.Next, r.shown.Next)
	r.shown = s
	if changed || always {
		r.reporter.State(s)
	}
}

func same(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// mine are the reels of the session: kept ones that came after its start.
func (s *session) mine(reels []journal.Reel) (out []journal.Reel) {
	for _, x := range reels {
		if x.Kept && x.First > s.from {
			out = append(out, x)
		}
	}
	return out
}
