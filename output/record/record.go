// Package record is what people handle of recordings: when they are made, what
// they are called, how they are listed, fetched, finished and deleted. The
// bytes are the journal's (output/segment/journal): a recording is reels of it
// that are kept.
//
// Who wins, in every mode but off, where no command is taken:
//   - Start records until its duration is over or Stop, whatever the mode says
//     meanwhile. A Start while one runs extends it and never shortens it.
//   - Stop ends what runs, commanded or not: in mode schedule until the next
//     edge of the schedule, in mode always until Start or a change of mode.
//
// There is no way back in Keep, so a recording begins with the segment after
// the command. What came before is in the journal all the same where a time
// shift is configured: finishing by time takes it in, kept or not.
//
// With a StateFile both outlive restarts and power cuts.
//
// Without a known time of day (no battery clock, no network yet) commands and
// mode always work as ever; a schedule waits and ConditionClock says so.
package record

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// Mode says when to record.
type Mode string

// The modes.
const (
	Off       Mode = "off"      // not even by command
	Manual    Mode = "manual"   // by command
	Always    Mode = "always"   // but for what Stop ended
	Scheduled Mode = "schedule" // at the times of a Schedule, and by command
)

// Config of a Recorder. Zero fields take the defaults.
type Config struct {
	Stream string // its name, for {stream}
	Host   string // the box's, for {host}
	// Dir is where the journal keeps its reels. Finished files go there too.
	Dir string
	// StateFile remembers commands over restarts and power cuts; "": forgotten.
	StateFile string
	Mode      Mode // default Manual
	Schedule  Schedule
	// Location is the box's time zone, for Schedule and for names; default time.Local.
	Location *time.Location
	Template Template // of files' names
	// Length begins a new file after this time, at a segment's end. Default: DefaultLength.
	Length time.Duration
	// MaxDuration is how long a Start without a duration records; zero: until Stop.
	MaxDuration time.Duration
	// Loop deletes recordings and finished files older than MaxAge. (The journal
	// deletes the oldest recordings when space runs out.)
	Loop   bool
	MaxAge time.Duration
	// MaxBytes bounds what the journal keeps, and Reserve is what stays free on
	// storage: both as the journal has them, for the time that remains.
	MaxBytes int64
	Reserve  int64
	// Warn is the remaining time of recording below which ConditionSpace is
	// raised. Default: DefaultWarn.
	Warn time.Duration
}

// Defaults of Config.
const (
	DefaultLength = 10 * time.Minute
	DefaultWarn   = 30 * time.Minute
)

func (c Config) withDefaults() Config {
	if c.Mode == "" {
		c.Mode = Manual
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	if c.Template.text == "" {
		c.Template = Template{DefaultTemplate}
	}
	if c.Length == 0 {
		c.Length = DefaultLength
	}
	if c.Warn == 0 {
		c.Warn = DefaultWarn
	}
	return c
}

func (c Config) check() error {
	switch c.Mode {
	case Off, Manual, Always:
	case Scheduled:
		if c.Schedule.IsZero() {
			return errors.New("record: mode schedule without a schedule: give one such as \"mon-fri 08:00-18:00\"")
		}
	default:
		return fmt.Errorf("record: mode %q: use off, manual, always or schedule", c.Mode)
	}
	switch {
	case c.Dir == "":
		return errors.New("record: no folder given")
	case c.Length < 10*time.Second || c.Length > 24*time.Hour:
		return fmt.Errorf("record: file length %v is not between 10 s and 24 h", c.Length)
	case c.MaxDuration < 0 || c.MaxAge < 0 || c.Warn < 0 || c.MaxBytes < 0:
		return errors.New("record: a bound is negative")
	}
	return nil
}

// Journal has the reels. *journal.Journal is one.
type Journal interface {
	Keep(journal.Keep) (release func())
	Mark(text string) error
	Reels() []journal.Reel
	Open(name string) (io.ReadSeekCloser, journal.Reel, error)
	Delete(name string) error
}

var _ Journal = (*journal.Journal)(nil)

// Codes of the conditions a Recorder reports.
const (
	// ConditionSpace (a warning): storage will soon be full at the present rate.
	ConditionSpace = "record.space"
	// ConditionFull (an error): there is no room left to record.
	ConditionFull = "record.full"
	// ConditionStorage (an error): recording is on and nothing reaches storage.
	ConditionStorage = "record.storage"
	// ConditionClock (a warning): the schedule waits for the time of day.
	ConditionClock = "record.clock"
)

// Reporter is told about conditions and the state. It must not block.
type Reporter interface {
	// Raise says that a condition holds. Called again, it replaces the message.
	Raise(code, message string)
	// Clear says that it does not hold any more; also of one that did not hold.
	Clear(code string)
	// State is called when it has changed, and every few seconds while recording.
	State(State)
}

// Clock is the time of day.
type Clock interface {
	// Now is the time; known is false while it has not been set.
	Now() (now time.Time, known bool)
}

// SystemClock is the system's, known once it shows a time after the box was made.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() (time.Time, bool) {
	now := time.Now()
	return now, now.Year() >= 2026
}

// Options of New that tests and the device set. Zero fields take the defaults.
type Options struct {
	Clock     Clock            // default SystemClock
	Incidents output.Incidents // default: none are told
	// Free is the free bytes on the file system of a folder; default: statfs.
	Free func(dir string) (int64, error)
}
