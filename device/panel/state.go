package panel

import (
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// Air is whether a stream, or the box, is on the air.
type Air string

// The ways to be on the air or not.
const (
	AirStarting   Air = "STARTING" // the daemon, or the input for the first time
	AirOff        Air = "OFF AIR"  // no destination is to be sent to
	AirConnecting Air = "CONNECTING"
	AirOn         Air = "ON AIR"
	AirDegraded   Air = "ON AIR!" // worse than configured
	AirFailed     Air = "TROUBLE" // what is to be on the air is not
)

// airOf says how a stream is on the air.
func airOf(st *status.Stream) Air {
	active, wanted, broken, waiting := 0, 0, 0, 0
	for _, d := range st.Destinations {
		switch d.State {
		case status.Disabled:
			continue
		case status.Active:
			active++
		case status.Failed, status.Reconnecting:
			broken++
		default:
			waiting++
		}
		wanted++
	}
	worst := worstOf(st.Conditions)
	switch {
	case st.OffAir != "":
		return AirOff
	case active > 0 && (broken > 0 || worst != "" || st.Input.State == status.InputRetrying || worse(st)):
		return AirDegraded
	case active > 0:
		return AirOn
	case broken > 0 || worst == status.Error || st.Input.State == status.InputRetrying:
		return AirFailed
	case st.Input.State == status.InputStarting:
		return AirStarting
	case wanted > 0 && waiting > 0:
		return AirConnecting
	}
	return AirOff
}

// worse says that what goes out is less than what was configured.
func worse(st *status.Stream) bool {
	if st.Rate != nil && st.Rate.Step != "" && st.Rate.Step != "full" {
		return true
	}
	for _, d := range st.Destinations {
		if d.State == status.Active && (d.Alarm != "" || d.Shedding != "") {
			return true
		}
	}
	for _, g := range st.Groups {
		if g.Alarm != "" {
			return true
		}
	}
	return st.Input.Signal != nil && st.Input.Signal.Slate
}

// worstOf is the highest severity that matters, "" without one.
func worstOf(conditions []status.Condition) (worst status.Severity) {
	for _, c := range conditions {
		if c.Severity == status.Error || c.Severity == status.Warning && worst == "" {
			worst = c.Severity
		}
	}
	return worst
}

// airOfBox is what matters most among the streams. What is wrong with the box itself makes
// it neither go off the air nor want to be on it.
func airOfBox(s *status.Snapshot) Air {
	if len(s.Streams) == 0 {
		return AirStarting
	}
	count := map[Air]int{}
	for i := range s.Streams {
		count[airOf(&s.Streams[i])]++
	}
	if count[AirOn] > 0 && (worstOf(s.Conditions) != "" || count[AirFailed] > 0) {
		return AirDegraded
	}
	for _, a := range []Air{AirDegraded, AirFailed, AirOn, AirConnecting, AirStarting} {
		if count[a] > 0 {
			return a
		}
	}
	return AirOff
}

// recordingOfBox is "recording" where any stream is being recorded, "waiting" where one
// waits for its time, else "".
func recordingOfBox(s *status.Snapshot) (state string) {
	for i := range s.Streams {
		switch r := s.Streams[i].Recording; {
		case r == nil || r.State == "idle":
		case r.State == "recording":
			return r.State
		default:
			state = r.State
		}
	}
	return state
}

// onAirSince is since when a stream is sent without a break, zero where it is not.
func onAirSince(st *status.Stream) (since time.Time) {
	for _, d := range st.Destinations {
		if d.State == status.Active && d.ConnectedAt != nil && (since.IsZero() || d.ConnectedAt.Before(since)) {
			since = *d.ConnectedAt
		}
	}
	return since
}

// tallyOf is what the tally light says: what was told, else whether a destination gets
// the programme; of all of them, or of the one that is named.
func tallyOf(s *status.Snapshot, told Tally, destination string) Tally {
	if told != Follow {
		return told
	}
	tally := Dark
	for i := range s.Streams {
		for _, d := range s.Streams[i].Destinations {
			switch {
			case destination != "" && d.Name != destination:
			case d.State == status.Active:
				return OnAir
			case d.State == status.Connecting || d.State == status.Reconnecting:
				tally = Preview
			}
		}
	}
	return tally
}

// alarmsOf are the conditions that hold, the box's first, errors before warnings.
func alarmsOf(s *status.Snapshot) (errors, warnings []status.Condition) {
	take := func(all []status.Condition) {
		for _, c := range all {
			switch c.Severity {
			case status.Error:
				errors = append(errors, c)
			case status.Warning:
				warnings = append(warnings, c)
			}
		}
	}
	take(s.Conditions)
	for i := range s.Streams {
		take(s.Streams[i].Conditions)
		for _, d := range s.Streams[i].Destinations {
			if d.Alarm != "" {
				warnings = append(warnings, status.Condition{Severity: status.Warning, Message: d.Name + ": " + d.Alarm})
			}
		}
		for _, g := range s.Streams[i].Groups {
			if g.Alarm != "" {
				warnings = append(warnings, status.Condition{Severity: status.Warning, Message: g.Name + ": " + g.Alarm})
			}
		}
	}
	return errors, warnings
}
