package flight

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/push"
)

func (w *watcher) stream(s, was *status.Stream) {
	w.input(s, was)
	w.video(s, was)
	if !w.told.Segments {
		w.segments(s, was)
	}
	w.conditions(s.Name, s.Conditions)
	for i := range s.Destinations {
		d, before := &s.Destinations[i], &status.Destination{}
		if d.Forward != nil {
			continue // it gets later what it misses now, and reports by itself
		}
		for j := range was.Destinations {
			if was.Destinations[j].Name == d.Name {
				before = &was.Destinations[j]
			}
		}
		w.destination(s.Name, d, before)
	}
}

func (w *watcher) input(s, was *status.Stream) {
	in := &s.Input
	failing := holdKey{s.Name, "input", output.SymptomInput, output.Gap}
	_, failed := w.holds[failing]
	switch {
	case in.State == status.InputRetrying:
		w.holding(in.Error, output.Incident{
			Stream: s.Name, Subject: "input", Symptom: output.SymptomInput, Kind: output.Gap, Detail: in.Error,
		})
	case in.State == status.InputStarting && failed:
		w.now.holds[failing] = w.holds[failing] // another try is no success
	}
	if in.State != status.InputRunning {
		w.fact(inputBad, s.Name, "")
	}
	if in.Signal != nil {
		w.signal(s.Name, in.Signal, was.Input.Signal)
	}
	if n := w.rose(was.Input.Dropped, in.Dropped); n > 0 {
		w.happened(output.Incident{
			Stream: s.Name, Subject: "encoder", Symptom: output.SymptomSkipped, Kind: output.Drop, Packets: n,
			Detail: "pictures were left out: the encoder had no time for them",
		})
	}
}

func (w *watcher) signal(stream string, now, was *status.Signal) {
	detail := strings.ReplaceAll(now.State, "_", " ")
	if now.Detail != "" {
		detail += ": " + now.Detail
	}
	switch now.State {
	case "ok", "starting", "":
	case "encoder_recovering":
		w.holding("", output.Incident{
			Stream: stream, Subject: "encoder", Symptom: output.SymptomEncoder, Kind: output.Restart, Detail: detail,
		})
		return
	default:
		w.holding(now.State, output.Incident{
			Stream: stream, Subject: "input", Symptom: output.SymptomSignal, Kind: output.Gap, Detail: detail,
		})
		return
	}
	if was != nil && was.State == now.State && w.rose(was.Losses, now.Losses) > 0 {
		w.happened(output.Incident{
			Stream: stream, Subject: "input", Symptom: output.SymptomSignal, Kind: output.Gap, Detail: "the signal was lost for a moment",
		})
	}
}

func (w *watcher) video(s, was *status.Stream) {
	if narrow(s.Rate) || narrow(was.Rate) {
		w.fact(narrowed, s.Name, "")
	}
	if s.Video == nil {
		return
	}
	if s.Video.Encoder == "passthrough" {
		w.fact(passthrough, s.Name, "")
	}
	hw := s.Video.Hardware
	if hw == nil || was.Video == nil || was.Video.Hardware == nil {
		return
	}
	before := was.Video.Hardware
	report := func(symptom output.Symptom, kind output.IncidentKind, pictures uint64, detail string) {
		w.happened(output.Incident{
			Stream: s.Name, Subject: "encoder", Symptom: symptom, Kind: kind, Packets: pictures, Detail: detail,
		})
	}
	if w.rose(before.Recoveries, hw.Recoveries) > 0 {
		report(output.SymptomEncoder, output.Restart, 0, hw.Driver+" failed or hung and was opened anew")
	}
	if n := w.rose(before.ErrorBuffers, hw.ErrorBuffers); n > 0 {
		report(output.SymptomEncoder, output.Drop, n, hw.Driver+" could not code these pictures")
	}
	if n := w.rose(before.Skipped, hw.Skipped); n > 0 {
		report(output.SymptomSkipped, output.Drop, n, hw.Driver+" left out pictures")
	}
}

// narrow says that more is left out than bit rate.
func narrow(r *status.Rate) bool { return r != nil && r.Step != "" && r.Step != "full" }

func (w *watcher) segments(s, was *status.Stream) {
	if s.HLS == nil || was.HLS == nil {
		return
	}
	if n := w.rose(was.HLS.Dropped, s.HLS.Dropped); n > 0 {
		w.happened(output.Incident{
			Stream: s.Name, Subject: "segments", Symptom: output.SymptomQueue, Kind: output.Drop, Packets: n,
			Detail: "packets were lost before they were cut into segments",
		})
	}
	if n := w.rose(was.HLS.Discontinuities, s.HLS.Discontinuities); n > 0 {
		w.happened(output.Incident{
			Stream: s.Name, Subject: "segments", Symptom: output.SymptomDiscontinuity, Kind: output.Gap,
			Detail: fmt.Sprintf("segment %d or one shortly before does not continue the one before it", s.HLS.LastSequence),
		})
	}
}

// conditionSymptoms are the conditions that are troubles of their own. Those
// of inputs' signals are not among them: the input's state tells of them.
var conditionSymptoms = []struct {
	prefix   string
	segments bool // the segmenter's
	symptom  output.Symptom
	kind     output.IncidentKind
	blame    output.Blame
	subject  string
}{
	{"storage.", false, output.SymptomStorage, output.Gap, "", "storage"},
	{"segment.storage", true, output.SymptomStorage, output.Gap, "", "segments"},
	{"segment.forced_cut", true, output.SymptomForcedCut, output.Late, "", "segments"},
	{"segment.track", true, output.SymptomLostSegment, output.Gap, output.BlameEncoder, "segments"},
	{"encoder.dead", false, output.SymptomEncoder, output.Gap, "", "encoder"},
	{"encoder.sound_late", false, output.SymptomEncoder, output.Gap, output.BlameEncoder, "sound"},
	{"input.no_sound", false, output.SymptomSignal, output.Gap, "", "sound"},
}

func (w *watcher) conditions(stream string, all []status.Condition) {
	for _, c := range all {
		if c.Severity == status.Info {
			continue
		}
		for _, s := range conditionSymptoms {
			if !strings.HasPrefix(c.Code, s.prefix) || s.segments && w.told.Segments && s.symptom != output.SymptomForcedCut {
				continue
			}
			w.holding("", output.Incident{
				Time: c.Since, Stream: stream, Subject: s.subject, Symptom: s.symptom, Kind: s.kind, Blame: s.blame, Detail: c.Message,
			})
			break
		}
	}
}

type linkKey struct{ stream, destination string }

// link is how a destination's connection has fared.
type link struct {
	since   time.Time // the connection's
	at      time.Time
	best    float64 // RTT in ms
	resends float64 // lately: halved every few seconds
}

const (
	resendsHalved = 4 * time.Second
	resendsBad    = 2   // that many lately
	rttTimes      = 2   // slower than the best by this factor
	rttMore       = 100 // and this many ms
)

func (w *watcher) destination(stream string, d, was *status.Destination) {
	subject := "destination " + d.Name
	fresh := d.Errors
	for i, e := range d.Errors {
		if len(was.Errors) > 0 && !e.Time.After(was.Errors[0].Time) {
			fresh = d.Errors[:i]
			break
		}
	}
	connection := output.Incident{Stream: stream, Subject: subject, Symptom: output.SymptomConnection, Kind: output.Gap}
	switch d.State {
	case status.Reconnecting, status.Failed:
		w.disconnected(connection, d, was, fresh)
	case status.Connecting:
		k := holdKey{stream, subject, connection.Symptom, connection.Kind}
		if h, held := w.holds[k]; held {
			w.now.holds[k] = h // waiting for somebody to call is no success
		}
	case status.Starting, status.Disabled:
	case status.Active:
		if was.State == status.Active && len(fresh) > 0 && w.prev != nil {
			connection.Time, connection.Err = fresh[0].Time, failure(fresh[0])
			w.happened(connection) // it broke and came back between two looks
		}
		w.link(stream, d, was)
	}
	if n := w.rose(was.Dropped, d.Dropped); n > 0 {
		w.happened(output.Incident{
			Stream: stream, Subject: subject, Symptom: output.SymptomQueue, Kind: output.Drop, Packets: n,
			Detail: "its queue was full",
		})
	}
	if n := w.rose(was.Lost, d.Lost); n > 0 && was.State == status.Active {
		w.happened(output.Incident{
			Stream: stream, Subject: subject, Symptom: output.SymptomLate, Kind: output.Drop, Packets: n, Blame: output.BlameLink,
			Detail: "the transport gave up on packets that were too late to be sent again",
		})
	}
}

// failure is an error of a destination with what it is due to.
func failure(e status.TimedError) error { return stated{output.Cause(e.Cause), e.Message} }

// disconnected is while there is no connection. Each failed try is a repeat.
func (w *watcher) disconnected(i output.Incident, d, was *status.Destination, fresh []status.TimedError) {
	k := holdKey{i.Stream, i.Subject, i.Symptom, i.Kind}
	_, held := w.holds[k]
	if len(d.Errors) == 0 || was.State == status.Active && len(fresh) == 0 {
		// No failure: a programme with other tracks needs a new connection, or the
		// receiver wishes for one.
		if !held && was.State == status.Active {
			i.Kind, i.Blame, i.Detail = output.Restart, output.BlameInput, "connects anew for a changed programme"
			if d.Reason != "" && d.Reason != push.ReasonNewTrack {
				i.Blame, i.Detail = output.BlameServer, d.Reason
			}
			w.happened(i)
		}
		return
	}
	if !held && len(fresh) == 0 && w.prev != nil {
		return
	}
	i.Time, i.Err = d.Errors[0].Time, failure(d.Errors[0])
	if len(fresh) > 0 && !held {
		i.Time = fresh[len(fresh)-1].Time // the oldest began it, and says why
		i.Err = failure(fresh[len(fresh)-1])
	}
	w.holding(d.Errors[0].Time.String(), i)
	switch classify(failure(d.Errors[0]), "") {
	case classServer:
		w.fact(serverBad, i.Stream, i.Subject)
	case classLink:
		w.fact(linkBad, i.Stream, i.Subject)
	}
}

// link judges a connection by what its transport measures.
func (w *watcher) link(stream string, d, was *status.Destination) {
	k := linkKey{stream, d.Name}
	l := w.links[k]
	if d.ConnectedAt != nil && !l.since.Equal(*d.ConnectedAt) {
		l = link{since: *d.ConnectedAt, at: w.at}
	} else {
		age := w.at.Sub(l.at).Seconds() / resendsHalved.Seconds()
		l.resends = l.resends*math.Exp2(-age) + float64(w.rose(was.Retransmitted, d.Retransmitted))
		l.at = w.at
	}
	if d.RTT > 0 && (l.best == 0 || d.RTT < l.best) {
		l.best = d.RTT
	}
	w.now.links[k] = l
	subject := "destination " + d.Name
	switch {
	case l.resends >= resendsBad, d.RTT > rttTimes*l.best+rttMore:
		w.fact(linkBad, stream, subject)
	case d.RTT > 0:
		w.fact(transportWell, stream, subject)
	}
}
