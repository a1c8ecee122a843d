package status

import (
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// eventsKept bounds the event log. A reader that fell further behind sees a
// hole in the sequence numbers.
const eventsKept = 1000

// Store takes the reports of components and publishes them as snapshots. Every
// report that changes something makes a new snapshot. Safe for concurrent use;
// no method blocks.
type Store struct {
	current atomic.Pointer[Snapshot]

	mu       sync.Mutex // guards the fields below and orders publications
	snapshot Snapshot   // its slices are never written to, only replaced
	changed  chan struct{}
	events   []Event // a ring once it is full; the oldest is at head
	head     int
	sequence uint64 // of the newest event
	arrived  chan struct{}
}

// NewStore returns a store whose first snapshot shows a box without streams.
func NewStore(version string) *Store {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	s := &Store{changed: make(chan struct{}), arrived: make(chan struct{})}
	s.snapshot = Snapshot{
		Version: version, Hostname: host, Started: time.Now(),
		Network: []NetworkInterface{}, Streams: []Stream{}, Conditions: []Condition{},
		Presets: []Preset{}, MediaPresets: []string{},
	}
	s.publish()
	return s
}

// Load is the newest snapshot. It must not be changed.
func (s *Store) Load() *Snapshot { return s.current.Load() }

// Watch is the newest snapshot and a channel that is closed when there is a
// newer one.
func (s *Store) Watch() (*Snapshot, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.Load(), s.changed
}

// publish is called with mu held.
func (s *Store) publish() {
	s.snapshot.Sequence++
	s.snapshot.Time = time.Now()
	published := s.snapshot
	s.current.Store(&published)
	close(s.changed)
	s.changed = make(chan struct{})
}

// SetProcess reports what the daemon uses.
func (s *Store) SetProcess(p Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot.Process = p
	s.publish()
}

// Raise reports that a condition of the box as a whole holds. Raised again, it
// keeps its Since.
func (s *Store) Raise(c Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next, changed := raise(s.snapshot.Conditions, c); changed {
		s.snapshot.Conditions = next
		s.publish()
	}
}

// Clear reports that a condition of the box no longer holds.
func (s *Store) Clear(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next, changed := lower(s.snapshot.Conditions, code); changed {
		s.snapshot.Conditions = next
		s.publish()
	}
}

// RemoveStream takes a stream out of the snapshot.
func (s *Store) RemoveStream(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot.Streams = slices.DeleteFunc(slices.Clone(s.snapshot.Streams),
		func(st Stream) bool { return st.Name == name })
	s.publish()
}

// Stream returns the reporter of one stream, which appears in the snapshot
// with its first report.
func (s *Store) Stream(name string) *StreamReporter { return &StreamReporter{s, name} }

// StreamReporter reports the parts of one stream.
type StreamReporter struct {
	store *Store
	name  string
}

// update changes the stream in a copy and publishes it. f replaces slices, it
// does not write into them; it returns false when nothing changed.
func (r *StreamReporter) update(f func(*Stream) bool) {
	s := r.store
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearchFunc(s.snapshot.Streams, r.name,
		func(st Stream, name string) int { return strings.Compare(st.Name, name) })
	st := Stream{Name: r.name, Destinations: []Destination{}, Groups: []Group{}, Conditions: []Condition{}}
	if found {
		st = s.snapshot.Streams[i]
	}
	if !f(&st) {
		return
	}
	streams := slices.Clone(s.snapshot.Streams)
	if !found {
		streams = slices.Insert(streams, i, st)
	}
	streams[i] = st
	s.snapshot.Streams = streams
	s.publish()
}

// SetDefault reports whether the stream is the one at the short addresses.
func (r *StreamReporter) SetDefault(is bool) {
	r.update(func(st *Stream) bool {
		changed := st.Default != is
		st.Default = is
		return changed
	})
}

// SetOffAir reports who stopped the stream, "" where it is on the air.
func (r *StreamReporter) SetOffAir(who string) {
	r.update(func(st *Stream) bool {
		changed := st.OffAir != who
		st.OffAir = who
		return changed
	})
}

// SetInput reports the stream's source.
func (r *StreamReporter) SetInput(in Input) {
	r.update(func(st *Stream) bool { st.Input = in; return true })
}

// SetMedia reports the encoded video and audio; nil for what is not there.
func (r *StreamReporter) SetMedia(v *Video, a *Audio) {
	r.update(func(st *Stream) bool { st.Video, st.Audio = v, a; return true })
}

// SetRate reports the stream's bit rate; nil while nothing is encoded.
func (r *StreamReporter) SetRate(k *Rate) {
	r.update(func(st *Stream) bool {
		changed := st.Rate != nil || k != nil
		st.Rate = k
		return changed
	})
}

// SetHLS reports the stream's segments; nil when they are not served.
func (r *StreamReporter) SetHLS(h *HLS) {
	r.update(func(st *Stream) bool { st.HLS = h; return true })
}

// SetStorage reports what the stream keeps; nil without storage.
func (r *StreamReporter) SetStorage(k *Storage) {
	r.update(func(st *Stream) bool { st.Storage = k; return true })
}

// SetRecording reports what the stream's recorder does; nil without one.
func (r *StreamReporter) SetRecording(k *Recording) {
	r.update(func(st *Stream) bool { st.Recording = k; return true })
}

// SetDestination reports one destination.
func (r *StreamReporter) SetDestination(d Destination) {
	if d.Errors == nil {
		d.Errors = []TimedError{}
	}
	r.update(func(st *Stream) bool {
		i, found := slices.BinarySearchFunc(st.Destinations, d.Name,
			func(have Destination, name string) int { return strings.Compare(have.Name, name) })
		next := slices.Clone(st.Destinations)
		if !found {
			next = slices.Insert(next, i, d)
		}
		next[i] = d
		st.Destinations = next
		return true
	})
}

// Destination is what was last reported of one.
func (r *StreamReporter) Destination(name string) (d Destination, known bool) {
	for _, st := range r.store.Load().Streams {
		if st.Name != r.name {
			continue
		}
		for _, have := range st.Destinations {
			if have.Name == name {
				return have, true
			}
		}
	}
	return d, false
}

// RemoveDestination takes a destination out of the snapshot.
func (r *StreamReporter) RemoveDestination(name string) {
	r.update(func(st *Stream) bool {
		st.Destinations = slices.DeleteFunc(slices.Clone(st.Destinations),
			func(d Destination) bool { return d.Name == name })
		return true
	})
}

// SetGroup reports one group.
func (r *StreamReporter) SetGroup(g Group) {
	r.update(func(st *Stream) bool {
		i, found := slices.BinarySearchFunc(st.Groups, g.Name,
			func(have Group, name string) int { return strings.Compare(have.Name, name) })
		next := slices.Clone(st.Groups)
		if !found {
			next = slices.Insert(next, i, g)
		}
		next[i] = g
		st.Groups = next
		return true
	})
}

// RemoveGroup takes a group out of the snapshot.
func (r *StreamReporter) RemoveGroup(name string) {
	r.update(func(st *Stream) bool {
		st.Groups = slices.DeleteFunc(slices.Clone(st.Groups), func(g Group) bool { return g.Name == name })
		return true
	})
}

// Raise reports that a condition of the stream holds. Raised again, it keeps
// its Since.
func (r *StreamReporter) Raise(c Condition) {
	r.update(func(st *Stream) (changed bool) {
		st.Conditions, changed = raise(st.Conditions, c)
		return changed
	})
}

// Clear reports that a condition of the stream no longer holds.
func (r *StreamReporter) Clear(code string) {
	r.update(func(st *Stream) (changed bool) {
		st.Conditions, changed = lower(st.Conditions, code)
		return changed
	})
}

// Event logs a transition of the stream's.
func (r *StreamReporter) Event(severity Severity, subject, message string) {
	r.store.Log(Event{Severity: severity, Stream: r.name, Subject: subject, Message: message})
}

// raise is conditions with c, by code.
func raise(conditions []Condition, c Condition) ([]Condition, bool) {
	i, found := slices.BinarySearchFunc(conditions, c.Code,
		func(have Condition, code string) int { return strings.Compare(have.Code, code) })
	if found {
		c.Since = conditions[i].Since
		if conditions[i] == c {
			return conditions, false
		}
	} else if c.Since.IsZero() {
		c.Since = time.Now()
	}
	next := slices.Clone(conditions)
	if !found {
		next = slices.Insert(next, i, c)
	}
	next[i] = c
	return next, true
}

// lower is conditions without the code.
func lower(conditions []Condition, code string) ([]Condition, bool) {
	i := slices.IndexFunc(conditions, func(c Condition) bool { return c.Code == code })
	if i < 0 {
		return conditions, false
	}
	return slices.Delete(slices.Clone(conditions), i, i+1), true
}

// Log appends an event, setting its Sequence and Time.
func (s *Store) Log(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	e.Sequence, e.Time = s.sequence, time.Now()
	if len(s.events) < eventsKept {
		s.events = append(s.events, e)
	} else {
		s.events[s.head] = e
		s.head = (s.head + 1) % eventsKept
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// Events returns the kept events after sequence number since, oldest first,
// and a channel that is closed when there are more. A since from the future is
// a reader's from before a restart, and means all of them.
func (s *Store) Events(since uint64) ([]Event, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.events)
	if since > s.sequence {
		since = 0
	}
	fresh := int(min(s.sequence-since, uint64(n)))
	out := make([]Event, 0, fresh)
	for i := n - fresh; i < n; i++ {
		out = append(out, s.events[(s.head+i)%n])
	}
	return out, s.arrived
}
