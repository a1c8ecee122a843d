// Package flight is the box's flight recorder: it takes every gap, drop, late
// segment and restart as the components saw it, blames one part of the chain
// for each, and keeps the result in a small bounded file that survives a reboot
// and a power cut.
//
// Who is blamed is decided by a table, in blame.go: a symptom, what else was
// true at that time, a cause. Evidence that comes a little later still counts,
// so a blame may change within some seconds. Repeats of one trouble are one
// incident with a count; however bad a storm, the recorder, its file and its
// readers stay small.
//
// A box may come up without the time of day. Every incident therefore carries
// the boot and the time since it; its wall-clock time is derived from them, and
// is corrected for the whole boot when the clock is set.
package flight

import (
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// Incident is one trouble and whom to blame. Its JSON form is what the API, the
// export and the file hold.
type Incident struct {
	ID uint64 `json:"id"` // rises, also over restarts
	// At and Until are its first and last moment as wall-clock time. They are
	// absent for a boot that ended before its time was known. As long as it is
	// Ongoing, Until is the last that was heard of it.
	At      time.Time           `json:"at,omitzero"`
	Until   time.Time           `json:"until,omitzero"`
	Ongoing bool                `json:"ongoing,omitempty"`
	Boot    string              `json:"boot"`    // which boot of the box
	Uptime  float64             `json:"uptime"`  // At in seconds since that boot
	Lasted  float64             `json:"lasted"`  // from At to Until, in seconds
	Stream  string              `json:"stream"`  // "" for the box as a whole
	Subject string              `json:"subject"` // "destination youtube", "recording", "input"
	Kind    output.IncidentKind `json:"kind"`    // gap, drop, late, restart
	Symptom output.Symptom      `json:"symptom"` // what was seen
	Blame   output.Blame        `json:"blame"`   // input, encoder, disk, link, server, clock
	Because string              `json:"because"` // why that one, for a person
	Detail  string              `json:"detail"`  // what was seen, for a person
	Count   uint64              `json:"count"`   // repeats of it, with the first
	Amount  Amount              `json:"amount"`  // lost or late, in all
}

// Amount is how much was lost or late; zero is not known, or nothing.
type Amount struct {
	Packets  uint64  `json:"packets,omitempty"`
	Segments uint64  `json:"segments,omitempty"`
	Bytes    int64   `json:"bytes,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
}

func (a *Amount) add(b Amount) {
	a.Packets += b.Packets
	a.Segments += b.Segments
	a.Bytes += b.Bytes
	a.Seconds += b.Seconds
}

// Kinds and Blames are all there are, in the order in which they are shown.
var (
	Kinds  = []output.IncidentKind{output.Gap, output.Drop, output.Late, output.Restart}
	Blames = []output.Blame{
		output.BlameInput, output.BlameEncoder, output.BlameDisk,
		output.BlameLink, output.BlameServer, output.BlameClock,
	}
)

// Bounds of what one incident may say: its line in the file stays short.
const (
	longestName   = 120
	longestDetail = 400
)

// clip is s as one line of at most n bytes, cut between characters.
func clip(s string, n int) string {
	clean := make([]rune, 0, min(len(s), n))
	size := 0
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r == '\ufffd' {
			r = ' '
		}
		if size += len(string(r)); size > n {
			break
		}
		clean = append(clean, r)
	}
	return string(clean)
}
