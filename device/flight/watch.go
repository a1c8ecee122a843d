package flight

import (
	"context"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
)

// watchEvery spaces the looks at the status, which changes far more often.
// Counters and lists of errors keep what happens between two looks.
const watchEvery = 200 * time.Millisecond

// Told says which parts report to the recorder themselves, so that the status is
// not asked about them as well.
type Told struct {
	Segments bool // the segmenter: discontinuities, lost segments, its queue
}

// Watch takes from the status what it tells of inputs, encoders, segments,
// destinations and conditions, until ctx ends.
func Watch(ctx context.Context, store *status.Store, r *Recorder, told Told) {
	w := newWatcher(told)
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	for {
		snapshot, changed := store.Watch()
		events, _ := store.Events(w.since)
		for _, n := range w.look(snapshot, events) {
			r.take(n)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		timer.Reset(watchEvery)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// watcher turns what changes from one snapshot to the next into notes. It
// depends on nothing but them.
type watcher struct {
	told  Told
	prev  *status.Snapshot // nil before the first
	since uint64           // the newest event seen
	holds map[holdKey]hold
	facts map[factKey]bool
	links map[linkKey]link

	// What the current look finds.
	at    time.Time
	notes []note
	now   struct {
		holds map[holdKey]hold
		facts map[factKey]bool
		links map[linkKey]link
	}
}

// holdKey is a trouble that goes on.
type holdKey struct {
	stream, subject string
	symptom         output.Symptom
	kind            output.IncidentKind
}

// hold is one; another revision of it counts as a repeat.
type hold struct {
	incident output.Incident
	revision string
}

func newWatcher(told Told) *watcher { return &watcher{told: told} }

// look compares a snapshot with the one before.
func (w *watcher) look(next *status.Snapshot, events []status.Event) []note {
	w.at, w.notes = next.Time, nil
	w.now.holds, w.now.facts, w.now.links = map[holdKey]hold{}, map[factKey]bool{}, map[linkKey]link{}
	for i := range events {
		w.since = events[i].Sequence
		if events[i].Subject == "configuration" {
			w.notes = append(w.notes, note{fact: keyOf(reconfigured, "", ""), incident: output.Incident{Time: events[i].Time}})
		}
	}
	w.conditions("", next.Conditions)
	for i := range next.Streams {
		w.stream(&next.Streams[i], w.before(next.Streams[i].Name))
	}
	w.compare()
	w.prev, w.holds, w.facts, w.links = next, w.now.holds, w.now.facts, w.now.links
	return w.notes
}

// before is the stream as it was; an empty one if it was not there.
func (w *watcher) before(name string) *status.Stream {
	if w.prev != nil {
		for i := range w.prev.Streams {
			if w.prev.Streams[i].Name == name {
				return &w.prev.Streams[i]
			}
		}
	}
	return &status.Stream{}
}

// compare notes what began and what ended.
func (w *watcher) compare() {
	for k := range w.now.facts {
		if !w.facts[k] {
			w.notes = append(w.notes, note{phase: begins, fact: k, incident: output.Incident{Time: w.at}})
		}
	}
	for k, h := range w.now.holds {
		if was, held := w.holds[k]; !held || was.revision != h.revision {
			w.notes = append(w.notes, note{phase: begins, incident: h.incident})
		}
	}
	for k, h := range w.holds {
		if _, holds := w.now.holds[k]; !holds {
			h.incident.Time = w.at
			w.notes = append(w.notes, note{phase: ends, incident: h.incident})
		}
	}
	for k := range w.facts {
		if !w.now.facts[k] {
			w.notes = append(w.notes, note{phase: ends, fact: k, incident: output.Incident{Time: w.at}})
		}
	}
}

func (w *watcher) holding(revision string, i output.Incident) {
	if i.Time.IsZero() {
		i.Time = w.at
	}
	k := holdKey{i.Stream, i.Subject, i.Symptom, i.Kind}
	if first, held := w.holds[k]; held && first.revision == revision {
		i = first.incident
	}
	w.now.holds[k] = hold{i, revision}
}

func (w *watcher) fact(f fact, stream, subject string) { w.now.facts[keyOf(f, stream, subject)] = true }

func (w *watcher) happened(i output.Incident) {
	if i.Time.IsZero() {
		i.Time = w.at
	}
	w.notes = append(w.notes, note{incident: i})
}

// rose is by how much a counter has risen. One that fell began anew.
func (w *watcher) rose(was, is uint64) uint64 {
	if w.prev == nil || is <= was {
		return 0
	}
	return is - was
}
