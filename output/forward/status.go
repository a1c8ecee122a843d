package forward

import (
	"fmt"
	"slices"
	"time"
)

// State of a destination.
type State string

// The states.
const (
	Disabled State = "disabled"
	Starting State = "starting" // waits for the first segment
	Live     State = "live"     // the origin has everything up to now
	Behind   State = "behind"   // something waits to be sent, and is being sent
	Retrying State = "retrying" // the last attempt failed, another follows
	Failed   State = "failed"   // the server refuses, for a reason that will not go by itself (still tried, seldom), or the configuration is wrong
)

// Status is a snapshot of a destination; the receiver owns it.
type Status struct {
	Name  string
	Kind  string
	URL   string // without secrets
	State State
	// Text is the state in a few words: "live", "behind by 3m12s, 96 MB".
	Text string
	// AtLive says that viewers of the live playlist see what happens now, though
	// older segments may still wait.
	AtLive bool
	Cause  string // of Retrying and Failed: one of the causes
	// Unmade is why not every playlist can be made now: what players begin with may
	// be missing on the origin, or old. Empty when all can.
	Unmade string
	// Shedding is ShedBacklog or ShedAll while the bit rate policy has that wait
	// (Advise).
	Shedding string

	Lag         time.Duration // of programme that waits to be sent
	LagBytes    int64
	LagSegments uint64
	Oldest      time.Time // wall-clock time of the oldest that waits; zero if unknown or none
	Stored      bool      // asks storage to keep segments for it

	Segments   uint64 // delivered whole
	Files      uint64 // all kinds of them
	Bytes      uint64 // of files delivered
	Retries    uint64 // attempts after a failed one
	Verified   uint64 // files that were found to be there already
	Skipped    uint64 // segments that were gone before they could be sent
	Deleted    uint64 // files removed from the origin
	Undeleted  uint64 // files left on the origin: too many waited, or it refused
	Throughput int    // of the link, bits per second; 0: not known
	Bitrate    int    // delivered over the last seconds, bits per second

	ConnectedAt time.Time // the first success after the last failure; zero while failing
	NextAttempt time.Time // zero unless waiting for it
	Errors      []TimedError
}

// What Status.Shedding can be besides "".
const (
	ShedBacklog = "backlog"
	ShedAll     = "all"
)

// TimedError is something that went wrong once, as one line without secrets.
type TimedError struct {
	Time    time.Time
	Message string
}

const keptErrors = 5

func (s *Status) addError(at time.Time, message string) {
	s.Errors = slices.Insert(s.Errors, 0, TimedError{at, message})
	s.Errors = s.Errors[:min(len(s.Errors), keptErrors)]
}

// text is Status.Text.
func (s *Status) text(now time.Time) string {
	text := s.progress(now)
	if s.Unmade != "" && (s.State == Live || s.State == Behind) {
		text += ", but not every playlist can be made: " + s.Unmade
	}
	return text + sheddingWords[s.Shedding]
}

func (s *Status) progress(now time.Time) string {
	lag := fmt.Sprintf("behind by %s, %s", coarse(s.Lag), size(s.LagBytes))
	wait := ""
	if d := s.NextAttempt.Sub(now); d > 0 {
		wait = fmt.Sprintf(" in %v", max(d.Round(time.Second), time.Second))
	}
	switch s.State {
	case Behind:
		if s.AtLive {
			return "live, " + lag
		}
		return lag
	case Retrying:
		return fmt.Sprintf("retrying%s (%s), %s", wait, s.Cause, lag)
	case Failed:
		if s.LagSegments > 0 {
			return fmt.Sprintf("failed (%s), next try%s, %s", s.Cause, wait, lag)
		}
	}
	return string(s.State)
}

// coarse is a duration in whole seconds: 3m12s.
func coarse(d time.Duration) string { return d.Round(time.Second).String() }

// size is a number of bytes for people.
func size(n int64) string {
	const k = 1000
	switch {
	case n < k:
		return fmt.Sprintf("%d bytes", n)
	case n < k*k:
		return fmt.Sprintf("%d kB", n/k)
	case n < 10*k*k*k:
		return fmt.Sprintf("%d MB", n/(k*k))
	}
	return fmt.Sprintf("%d GB", n/(k*k*k))
}

func (s *Status) clone() Status {
	c := *s
	c.Errors = slices.Clone(s.Errors)
	return c
}
