package output

import "time"

// Blame is the part of the chain that is at fault.
type Blame string

// The blames: all there are.
const (
	BlameInput   Blame = "input"   // the source: cable, camera, file
	BlameEncoder Blame = "encoder" // the encoder, or the box's own processor
	BlameDisk    Blame = "disk"    // storage: full, gone, slow, read-only
	BlameLink    Blame = "link"    // the network between box and receiver
	BlameServer  Blame = "server"  // the receiver
	BlameClock   Blame = "clock"   // the wall clock was set or stepped
)

// IncidentKind says what a viewer or a receiver misses.
type IncidentKind string

// The kinds.
const (
	Gap     IncidentKind = "gap"     // something is missing and stays so
	Drop    IncidentKind = "drop"    // the box left something out, for one reader
	Late    IncidentKind = "late"    // it came or will come, but later than it should
	Restart IncidentKind = "restart" // a connection, a device or a component began anew
)

// Symptom is what a component saw, before anybody is blamed.
type Symptom string

// The symptoms.
const (
	SymptomSignal        Symptom = "signal"        // the input has none, or not a good one
	SymptomInput         Symptom = "input"         // the input failed, or left something out
	SymptomEncoder       Symptom = "encoder"       // it failed, hung, was opened anew
	SymptomSkipped       Symptom = "skipped"       // pictures the encoder had no time for
	SymptomQueue         Symptom = "queue"         // a bounded queue ran over, packets are lost
	SymptomDiscontinuity Symptom = "discontinuity" // segments do not continue each other
	SymptomForcedCut     Symptom = "forced_cut"    // a segment was cut without a key picture
	SymptomLostSegment   Symptom = "lost_segment"  // a segment is not there: never stored, or deleted before it was used
	SymptomLate          Symptom = "late"          // done, but after its time
	SymptomConnection    Symptom = "connection"    // it broke, stalled, or could not be made
	SymptomRefused       Symptom = "refused"       // the receiver answered, and it was a no
	SymptomBehind        Symptom = "behind"        // a store-and-forward destination left the live edge
	SymptomStorage       Symptom = "storage"       // reading or writing storage failed, or was too slow
	SymptomClock         Symptom = "clock"         // the wall clock was set or stepped
	SymptomStart         Symptom = "start"         // the component, or the box, began anew
)

// Incident is a symptom as the component that saw it tells it. The flight
// recorder finds whom to blame, so a component fills in what it knows and
// nothing more.
type Incident struct {
	Time    time.Time // zero: now. With its monotonic reading, where it comes from time.Now
	Stream  string    // may be left empty by components that know one stream only
	Subject string    // "destination youtube", "recording", "segment 1234", "journal"
	Kind    IncidentKind
	Symptom Symptom
	Blame   Blame  // set only by a component that is sure; "" leaves it to the recorder
	Err     error  // what went wrong, where there is an error; its class weighs more than its text
	Detail  string // one line for a person, without secrets; "" where Err says all

	// What is lost or late; zero where it is not known or makes no sense.
	Packets  uint64
	Segments uint64
	Bytes    int64
	Duration time.Duration
}

// Incidents takes what components saw. Report never blocks, and may be called
// from any goroutine. A component that is given none reports nothing.
type Incidents interface{ Report(Incident) }

// IncidentFunc is a function as Incidents; nil is one that drops everything.
type IncidentFunc func(Incident)

// Report implements Incidents.
func (f IncidentFunc) Report(i Incident) {
	if f != nil {
		f(i)
	}
}
