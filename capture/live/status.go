package live

import (
	"errors"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// state is what a part of the input tells of itself.
type state struct {
	clock    *media.Clock
	onChange func(capture.LiveStatus) // may be nil

	telling sync.Mutex // held while onChange is called, so that calls come in order

	mu      sync.Mutex         // guards the fields below
	live    capture.LiveStatus // Skipped: of the sessions that ended
	session wayTeller          // that runs; nil: none
	missed  uint64             // slate pictures that had no memory
	untold  []capture.LiveStatus
}

// wayTeller is what a VideoSession tells of its way of working.
type wayTeller interface {
	Status() (t capture.Transfer, reason string, skipped uint64)
}

// Live implements capture.LiveReporter for the parts that embed it.
func (s *state) Live() capture.LiveStatus {
	s.mu.Lock()
	live, session := s.live, s.session
	s.mu.Unlock()
	if session != nil {
		var skipped uint64
		live.Transfer, live.Reason, skipped = session.Status()
		live.Skipped += skipped
	}
	return live
}

// change edits the status. Where the signal, its detail or the slate are others
// then, that is a transition, which tell passes on.
func (s *state) change(edit func(*capture.LiveStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.live
	edit(&s.live)
	if s.live.Signal != before.Signal {
		s.live.Since = s.clock.Now()
		if before.Signal == capture.SignalOK {
			s.live.Losses++
		}
		if s.live.Signal != capture.SignalOK {
			s.live.Arriving = media.VideoFormat{}
		}
	}
	if s.live.Signal != before.Signal || s.live.Slate != before.Slate || s.live.Detail != before.Detail {
		if s.onChange != nil {
			s.untold = append(s.untold, s.live)
		}
	}
}

// tell calls onChange for what has not been told yet. It is called without a lock.
func (s *state) tell() {
	if s.onChange == nil {
		return
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	for {
		s.mu.Lock()
		untold := s.untold
		s.untold = nil
		s.mu.Unlock()
		if len(untold) == 0 {
			return
		}
		for _, live := range untold {
			s.onChange(live)
		}
	}
}

// begin notes which session runs, and end that it does not any more.
func (s *state) begin(session wayTeller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = session
}

func (s *state) end() {
	s.mu.Lock()
	session := s.session
	s.mu.Unlock()
	if session == nil {
		return
	}
	transfer, reason, skipped := session.Status()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = nil
	s.live.Transfer, s.live.Reason = transfer, reason
	s.live.Skipped += skipped
}

// why is an error of a device as the state it means.
func why(err error) *capture.SignalError {
	var signal *capture.SignalError
	if !errors.As(err, &signal) {
		return &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: err.Error()}
	}
	if signal.Detail == "" && signal.Err != nil {
		return &capture.SignalError{Signal: signal.Signal, Detail: signal.Err.Error(), Err: signal.Err}
	}
	return signal
}

// stalled is the state of a device that claims to work and delivers nothing.
func stalled(d time.Duration) *capture.SignalError {
	return &capture.SignalError{
		Signal: capture.SignalStalled,
		Detail: "The device has sent nothing for " + d.String() + " and is opened again.",
	}
}
