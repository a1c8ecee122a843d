package device

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/encoderbox/encoderbox/output/push/group"
)

// lineup is the destinations of all streams, as commands and groups reach them.
// The zero value has none.
type lineup struct {
	mu      sync.Mutex // guards the fields below
	places  map[place]*standing
	off     map[string]string // why streams are off the air; none: on
	changed chan struct{}     // closed when a state changes; nil while nobody waits
}

// place is where a destination is found: they are named by stream.
type place struct{ stream, destination string }

// standing is what is known of a destination.
type standing struct {
	member member // nil while it does not run
	state  group.State
	hold   string // by its group; also for the one that runs next
}

// member is a running destination.
type member interface {
	Pause(by string) error
	Resume() error
	Retry() error
	// Hold keeps it from pushing until it is called with "". It must not call the
	// lineup.
	Hold(reason string)
}

// at is called with l.mu held.
func (l *lineup) at(stream, destination string) *standing {
	p := place{stream, destination}
	s := l.places[p]
	if s == nil {
		if l.places == nil {
			l.places = map[place]*standing{}
		}
		s = &standing{}
		l.places[p] = s
	}
	return s
}

// add takes a destination in that begins to run; remove is called when it has
// ended.
func (l *lineup) add(stream, destination string, m member) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.at(stream, destination)
	s.member = m
	m.Hold(l.held(stream, s))
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		s.member = nil
		if s.hold == "" {
			delete(l.places, place{stream, destination})
		}
		l.set(s, group.Waiting)
	}
}

// note keeps a destination's state.
func (l *lineup) note(stream, destination string, state group.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(l.at(stream, destination), state)
}

// forget drops what is known of a destination that is configured no more.
func (l *lineup) forget(stream, destination string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := place{stream, destination}
	if s := l.places[p]; s != nil && s.member == nil {
		delete(l.places, p)
		l.set(s, group.Waiting)
	}
}

// set is called with l.mu held.
func (l *lineup) set(s *standing, state group.State) {
	if s.state == state {
		return
	}
	s.state = state
	l.tell()
}

// tell is called with l.mu held.
func (l *lineup) tell() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// held is why a destination shall not push: its stream's reason, else its group's. It
// is called with l.mu held.
func (l *lineup) held(stream string, s *standing) string {
	if why := l.off[stream]; why != "" {
		return why
	}
	return s.hold
}

// air keeps all destinations of a stream from pushing, or lets them where the reason
// is "". What groups decide meanwhile holds afterwards.
func (l *lineup) air(stream, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off == nil {
		l.off = map[string]string{}
	}
	if l.off[stream] == reason {
		return
	}
	if l.off[stream] = reason; reason == "" {
		delete(l.off, stream)
	}
	for p, s := range l.places {
		if p.stream == stream && s.member != nil {
			s.member.Hold(l.held(stream, s))
		}
	}
	l.tell()
}

// onAir says that a stream's destinations may push.
func (l *lineup) onAir(stream string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off[stream] == ""
}

// states are those of some destinations of a stream, and a channel that is closed
// when there may be others. Off the air all are out: nobody waits for them.
func (l *lineup) states(stream string, names []string) ([]group.State, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	states := make([]group.State, len(names))
	for i, name := range names {
		if s := l.places[place{stream, name}]; l.off[stream] != "" {
			states[i] = group.Out
		} else if s != nil {
			states[i] = s.state
		}
	}
	return states, l.changed
}

// hold keeps destinations of a stream from pushing, or lets them where the reason
// is "".
func (l *lineup) hold(stream string, names, reasons []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, name := range names {
		s := l.at(stream, name)
		if s.hold == reasons[i] {
			continue
		}
		s.hold = reasons[i]
		if s.member != nil {
			s.member.Hold(l.held(stream, s))
		}
	}
}

// free lets the destinations of a stream push that are in no group any more.
func (l *lineup) free(stream string, grouped map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, s := range l.places {
		if p.stream != stream || grouped[p.destination] || s.hold == "" {
			continue
		}
		s.hold = ""
		if s.member != nil {
			s.member.Hold(l.held(stream, s))
		}
	}
}

// errNoDestination is in the errors of commands to one that does not run.
var errNoDestination = errors.New("no such destination")

// find is the destination that runs, or an errNoDestination.
func (l *lineup) find(stream, destination string) (member, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.places[place{stream, destination}]; s != nil && s.member != nil {
		return s.member, nil
	}
	return nil, fmt.Errorf("%w: stream %s has none named %s that runs", errNoDestination, strconv.Quote(stream), strconv.Quote(destination))
}

// PauseDestination ends its connection until it is resumed; by says who wants it.
func (d *box) PauseDestination(stream, destination, by string) error {
	m, err := d.destinations.find(stream, destination)
	if err != nil {
		return err
	}
	return m.Pause(by)
}

// ResumeDestination takes back a pause.
func (d *box) ResumeDestination(stream, destination string) error {
	m, err := d.destinations.find(stream, destination)
	if err != nil {
		return err
	}
	return m.Resume()
}

// RetryDestination forgets its failures and makes its next attempt now.
func (d *box) RetryDestination(stream, destination string) error {
	m, err := d.destinations.find(stream, destination)
	if err != nil {
		return err
	}
	return m.Retry()
}
