package flight

import (
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// fact is something that holds, or happened, beside a symptom.
type fact int

const (
	always        fact = iota // a rule that needs no more than the symptom
	inputBad                  // of a stream: no signal, failed, ended, starting anew
	encoderBad                // of a stream: failed, recovering, dead
	encoderBusy               // of a stream: it leaves pictures out for want of time
	narrowed                  // of a stream: it leaves out more than bit rate, since a link carries too little
	passthrough               // of a stream: no encoder takes part
	linkBad                   // of a destination: timeouts, no route, packets sent again, round trips growing
	serverBad                 // of a destination: it refused, answered with an error, hung up
	transportWell             // of a destination: round trips are measured and normal, nothing is sent again
	diskBad                   // of the box: storage fails, is full, or slow
	clockStepped              // of the box
	clockUnknown              // of the box: the time of day is not known
	boxStarted                // of the box: the daemon has just come up
	reconfigured              // of the box: a person has changed the configuration
)

// scope is where a fact is looked for.
type scope int

const (
	ofBox scope = iota
	ofStream
	ofDestination
)

// facts tells of each fact its scope, and its name in the table for people.
var facts = map[fact]struct {
	scope scope
	name  string
}{
	always:        {ofBox, "–"},
	inputBad:      {ofStream, "no input, or a bad one"},
	encoderBad:    {ofStream, "the encoder failed or recovers"},
	encoderBusy:   {ofStream, "the encoder leaves pictures out"},
	narrowed:      {ofStream, "fewer or smaller pictures, or none, for a slow link"},
	passthrough:   {ofStream, "no encoder takes part"},
	linkBad:       {ofDestination, "its link times out, sends again, or slows down"},
	serverBad:     {ofDestination, "its receiver refused or hung up"},
	transportWell: {ofDestination, "its link is measured, and well"},
	diskBad:       {ofBox, "storage fails, is full or slow"},
	clockStepped:  {ofBox, "the wall clock stepped"},
	clockUnknown:  {ofBox, "the time of day is not known"},
	boxStarted:    {ofBox, "the daemon has just started"},
	reconfigured:  {ofBox, "the configuration was changed"},
}

// rule blames a symptom if its fact held within near of it.
type rule struct {
	symptoms symptoms // none: any
	remote   bool     // of destinations alone
	class    class    // of the error; classNone: any, or no error
	fact     fact
	near     time.Duration
	blame    output.Blame
	because  string
}

type symptoms = []output.Symptom

// How far apart two things may be and still belong together. A connection that
// stands still is found out only when its write times out, so what filled its
// queue looks for a reason for longer.
const (
	soon  = 5 * time.Second
	stall = 20 * time.Second
)

// The symptoms that have the same reasons.
var (
	delivery = symptoms{
		output.SymptomQueue, output.SymptomLate, output.SymptomBehind,
		output.SymptomLostSegment, output.SymptomConnection, output.SymptomRefused,
	}
	kept    = symptoms{output.SymptomQueue, output.SymptomLate, output.SymptomLostSegment}
	picture = symptoms{
		output.SymptomDiscontinuity, output.SymptomForcedCut, output.SymptomLate, output.SymptomLostSegment,
	}
	timeline = symptoms{output.SymptomDiscontinuity, output.SymptomLate}
)

// rules is the table of blame: the first rule that fits holds. What a component
// is sure of itself (Incident.Blame) stands above it. BLAME.md is this table for
// people; a test keeps it so.
var rules = []rule{
	{symptoms{output.SymptomClock}, false, classNone, always, 0, output.BlameClock, "the time of day was set"},
	{symptoms{output.SymptomEncoder}, false, classNone, always, 0, output.BlameEncoder, "the encoder failed or began anew"},
	{symptoms{output.SymptomSkipped}, false, classNone, always, 0, output.BlameEncoder, "the encoder had no time for these pictures"},
	{symptoms{output.SymptomSignal}, false, classNone, always, 0, output.BlameInput, "the input had no good signal"},
	{symptoms{output.SymptomInput}, false, classNone, diskBad, soon, output.BlameDisk, "the storage that it is read from failed"},
	{symptoms{output.SymptomInput}, false, classNone, always, 0, output.BlameInput, "the input failed"},
	{symptoms{output.SymptomStorage}, false, classNone, always, 0, output.BlameDisk, "storage failed or was too slow"},
	{symptoms{output.SymptomStart}, false, classNone, always, 0, output.BlameEncoder, "the box or one of its parts began anew"},

	{delivery, true, classTrust, clockUnknown, soon, output.BlameClock, "a certificate could not be checked: the time of day is not known"},
	{delivery, true, classTrust, clockStepped, soon, output.BlameClock, "a certificate was checked while the clock was wrong"},
	{delivery, true, classTrust, always, 0, output.BlameServer, "its certificate is out of its time"},
	{delivery, true, classServer, always, 0, output.BlameServer, "the receiver refused, answered with an error, or hung up"},
	{delivery, true, classLink, always, 0, output.BlameLink, "nobody answered on the way to the receiver"},
	{delivery, true, classStalled, linkBad, stall, output.BlameLink, "data stood still, and was sent again and again"},
	{delivery, true, classStalled, transportWell, stall, output.BlameServer, "the way was good, and the receiver took no data"},
	{delivery, true, classStalled, always, 0, output.BlameLink, "data stood still"},
	{nil, false, classDisk, always, 0, output.BlameDisk, "storage failed"},
	{delivery, true, classLocal, always, 0, output.BlameEncoder, "the box itself could not: its configuration, or its tracks"},

	{delivery, true, classNone, linkBad, stall, output.BlameLink, "its link was slow or did not answer at that time"},
	{delivery, true, classNone, serverBad, stall, output.BlameServer, "its receiver refused or hung up at that time"},
	{kept, false, classNone, diskBad, stall, output.BlameDisk, "storage failed or was slow at that time"},
	{delivery, true, classNone, transportWell, soon, output.BlameServer, "the link was good, and the receiver too slow"},
	{symptoms{output.SymptomRefused}, true, classNone, always, 0, output.BlameServer, "the receiver refused"},
	{delivery, true, classNone, always, 0, output.BlameLink, "its link was too slow or broke"},

	{picture, false, classNone, inputBad, soon, output.BlameInput, "the input was not good at that time"},
	{picture, false, classNone, encoderBad, soon, output.BlameEncoder, "the encoder failed at that time"},
	{timeline, false, classNone, diskBad, soon, output.BlameDisk, "storage failed or was slow at that time"},
	{timeline, false, classNone, clockStepped, soon, output.BlameClock, "the time of day was set at that time"},
	{symptoms{output.SymptomDiscontinuity}, false, classNone, narrowed, soon, output.BlameLink, "pictures of another size: a link carried too little, or more again"},
	{symptoms{output.SymptomDiscontinuity}, false, classNone, reconfigured, soon, output.BlameEncoder, "the configuration was changed at that time"},
	{symptoms{output.SymptomDiscontinuity}, false, classNone, boxStarted, stall, output.BlameEncoder, "the box had just begun anew"},
	{symptoms{output.SymptomDiscontinuity}, false, classNone, always, 0, output.BlameInput, "the input did not go on where it was"},
	{symptoms{output.SymptomForcedCut}, false, classNone, passthrough, soon, output.BlameInput, "the source has too few key pictures"},
	{symptoms{output.SymptomLostSegment}, false, classNone, always, 0, output.BlameDisk, "it could not be kept"},
	{nil, false, classNone, always, 0, output.BlameEncoder, "encoder and processor had too little time"},
}

// longestNear is how long a blame may still change.
const longestNear = stall

// trouble is what the table is asked about.
type trouble struct {
	symptom output.Symptom
	stream  string
	subject string
	class   class
	at      time.Duration // uptime
}

// blame finds the first rule that fits.
func (e *evidence) blame(t trouble) (output.Blame, string) {
	for i := range rules {
		if r := &rules[i]; r.fits(t, e) {
			return r.blame, r.because
		}
	}
	return output.BlameEncoder, "" // the last rule fits everything
}

func (r *rule) fits(t trouble, e *evidence) bool {
	return (len(r.symptoms) == 0 || slices.Contains(r.symptoms, t.symptom)) &&
		(!r.remote || isDestination(t.subject)) &&
		(r.class == classNone || r.class == t.class) &&
		(r.fact == always || e.held(r.fact, t.stream, t.subject, t.at, r.near))
}

// isDestination tells a push's subject, "destination NAME".
func isDestination(subject string) bool { return strings.HasPrefix(subject, "destination ") }

// factKey is a fact and whose it is; its scope says what of the rest counts.
type factKey struct {
	fact            fact
	stream, subject string
}

func keyOf(f fact, stream, subject string) factKey {
	switch facts[f].scope {
	case ofBox:
		stream, subject = "", ""
	case ofStream:
		subject = ""
	}
	return factKey{f, stream, subject}
}

// span is the last time that a fact held.
type span struct {
	from, until time.Duration // uptime
	holds       bool          // still; until is not known
}

const (
	factsKept = 512             // more than any box has streams and destinations
	factsOld  = 2 * time.Minute // nobody asks for what ended longer ago
)

// evidence is what is known to hold or to have held lately.
type evidence struct{ spans map[factKey]span }

// begin notes that a fact holds from at on.
func (e *evidence) begin(k factKey, at time.Duration) {
	s, known := e.spans[k]
	if known && s.holds {
		return
	}
	if !known && len(e.spans) >= factsKept {
		e.forget(at)
		if len(e.spans) >= factsKept {
			return
		}
	}
	if !known || at-s.until > stall {
		s.from = at
	}
	s.holds = true
	e.spans[k] = s
}

// end notes that it no longer does.
func (e *evidence) end(k factKey, at time.Duration) {
	if s, known := e.spans[k]; known && s.holds {
		s.holds, s.until = false, max(at, s.from)
		e.spans[k] = s
	}
}

// happened notes a moment.
func (e *evidence) happened(k factKey, at time.Duration) {
	e.begin(k, at)
	if s, known := e.spans[k]; known && s.until <= at {
		e.end(k, at)
	}
}

func (e *evidence) held(f fact, stream, subject string, at, near time.Duration) bool {
	s, known := e.spans[keyOf(f, stream, subject)]
	return known && s.from <= at+near && (s.holds || s.until >= at-near)
}

// forget drops what ended long ago.
func (e *evidence) forget(now time.Duration) {
	for k, s := range e.spans {
		if !s.holds && now-s.until > factsOld {
			delete(e.spans, k)
		}
	}
}
