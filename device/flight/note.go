package flight

import (
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// phase says whether a symptom is a moment, or begins or ends.
type phase int

const (
	moment phase = iota
	begins       // and goes on until ends
	ends
)

// note is one thing noticed: a symptom, or a fact that is nobody's trouble by
// itself.
type note struct {
	phase    phase
	at       time.Duration // uptime, in place of incident.Time
	fact     factKey       // when incident has no Symptom
	incident output.Incident
}

// implied is what a symptom tells of others' troubles. Whom its reporter blames
// for sure counts like the error's class.
func implied(i *output.Incident, c class) []factKey {
	var all []factKey
	add := func(f fact) { all = append(all, keyOf(f, i.Stream, i.Subject)) }
	switch i.Symptom {
	case output.SymptomSignal, output.SymptomInput:
		add(inputBad)
	case output.SymptomEncoder:
		add(encoderBad)
	case output.SymptomSkipped:
		add(encoderBusy)
	case output.SymptomStorage:
		add(diskBad)
	case output.SymptomClock:
		add(clockStepped)
	case output.SymptomStart:
		add(boxStarted)
	}
	if c == classNone {
		c = map[output.Blame]class{
			output.BlameDisk: classDisk, output.BlameServer: classServer, output.BlameLink: classLink,
		}[i.Blame]
	}
	switch {
	case c == classDisk && i.Symptom != output.SymptomSignal && i.Symptom != output.SymptomInput && i.Symptom != output.SymptomEncoder:
		add(diskBad)
	case c == classServer && isDestination(i.Subject):
		add(serverBad)
	case c == classLink && isDestination(i.Subject):
		add(linkBad)
	}
	return all
}

// trim is i with its words bounded, and its parts that must be there.
func trim(i output.Incident) output.Incident {
	i.Stream, i.Subject = clip(i.Stream, longestName), clip(i.Subject, longestName)
	if i.Detail == "" && i.Err != nil {
		i.Detail = i.Err.Error()
	}
	i.Detail = clip(i.Detail, longestDetail)
	if i.Kind == "" {
		i.Kind = kinds[i.Symptom]
	}
	if i.Kind == "" {
		i.Kind = output.Gap
	}
	return i
}

// kinds is what a symptom is to a viewer, where its reporter does not say.
var kinds = map[output.Symptom]output.IncidentKind{
	output.SymptomSkipped:   output.Drop,
	output.SymptomQueue:     output.Drop,
	output.SymptomForcedCut: output.Late,
	output.SymptomLate:      output.Late,
	output.SymptomBehind:    output.Late,
	output.SymptomClock:     output.Restart,
	output.SymptomEncoder:   output.Restart,
	output.SymptomStart:     output.Restart,
}

func amountOf(i *output.Incident) Amount {
	return Amount{i.Packets, i.Segments, i.Bytes, i.Duration.Seconds()}
}

// seconds of a duration, to the millisecond.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
