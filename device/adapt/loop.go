// Package adapt makes a stream's bit rate follow the links to its destinations: a
// Loop reads the path of every destination and what the encoder puts out, has
// encode/rate decide, and tells the encoder and the destinations. It keeps what
// happened for the page, and why.
package adapt

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/output"
)

// Path is a destination as a Loop follows it. Its methods do not block and may be
// called from any goroutine.
type Path interface {
	// Path is false while there is no connection, or its transport tells nothing.
	// connection is another number for each connection, never 0.
	Path() (p output.Path, connection uint64, ok bool)
	// Advise is idempotent, and holds over reconnects; the zero value lifts all.
	Advise(output.PathAdvice)
}

// Encoder is the encoder's side of a programme. Its methods do not block and may be
// called from any goroutine.
type Encoder interface {
	SetRate(rate.Setting)
	// EncoderState is false where nothing is encoded: before the first picture, and
	// for passthrough.
	EncoderState() (rate.EncoderState, bool)
}

// Config is what a Loop works with.
type Config struct {
	rate.StreamConfig
	Primary string // the destination that policy protect-primary protects; "" for none
}

// Options are what a Loop reports to. All are needed.
type Options struct {
	Stream string // its name
	Report func(*status.Rate)
	Log    *slog.Logger
	// Incidents is told of outages, with the destination as subject.
	Incidents output.Incidents
}

const (
	// idleInterval is how often the paths are asked while none can be followed. A
	// destination that connects calls Wake.
	idleInterval = 500 * time.Millisecond
	// remembered is how long a destination without a connection still counts.
	remembered = 10 * time.Second
	// orphaned is how long advice holds without an encoder: a programme that begins
	// anew within it changes nothing for the destinations.
	orphaned = 2 * time.Second
)

// Loop follows the paths of one stream. Make one with New.
type Loop struct {
	opts    Options
	began   time.Time // what times are counted from, on the monotonic clock
	wake    chan struct{}
	history history
	decide  func(rate.StreamConfig) decider
	key     rising // the run's

	mu      sync.Mutex // guards the fields below
	config  Config
	members []*member // by name; never written to, only replaced
	encoder Encoder   // nil without a programme
	setting rate.Setting
	decided bool // setting is one
}

// New returns a Loop that follows nothing yet.
func New(c Config, o Options) *Loop {
	l := &Loop{
		opts: o, began: time.Now(), wake: make(chan struct{}, 1), config: c,
		decide: func(c rate.StreamConfig) decider { return rate.NewStream(c) },
	}
	l.history.describe(c, summary{step: stepFull})
	return l
}

// SetConfig changes the configuration; what is known of the paths stays.
func (l *Loop) SetConfig(c Config) {
	l.mu.Lock()
	l.config = c
	l.mu.Unlock()
	l.Wake()
}

// Add takes a destination in that begins to run; remove is called when it has ended.
func (l *Loop) Add(name string, p Path) (remove func()) {
	m := &member{name: name, path: p, state: stateIdle}
	defer l.Wake()
	l.mu.Lock()
	defer l.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(l.members), func(o *member) bool { return o.name == name })
	next = append(next, m)
	slices.SortFunc(next, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	l.members = next
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.members = slices.DeleteFunc(slices.Clone(l.members), func(o *member) bool { return o == m })
	}
}

// Use takes the encoder of a programme that begins to run, and sets what was decided
// last; remove is called when it has ended.
func (l *Loop) Use(e Encoder) (remove func()) {
	defer l.Wake()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.encoder = e
	if l.decided {
		e.SetRate(l.setting)
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.encoder == e {
			l.encoder = nil
		}
	}
}

// Wake has the paths asked now: one may have connected.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default: // it will be
	}
}

// Run follows until ctx ends, and lifts all advice then. One Run at a time.
func (l *Loop) Run(ctx context.Context) error {
	r := newRun(l)
	defer r.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-timer.C:
		}
		if r.tick(time.Since(l.began)) {
			timer.Reset(rate.Interval)
		} else {
			timer.Reset(idleInterval)
		}
	}
}

// set tells the encoder, if it is still the one, and those to come.
func (l *Loop) set(e Encoder, s rate.Setting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.decided && l.setting == s {
		return
	}
	l.setting, l.decided = s, true
	if l.encoder == e {
		e.SetRate(s)
	}
}

// unskip has the encoder, if it was told, put out pictures, and those to come.
func (l *Loop) unskip() {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.setting
	s.Skip, s.AudioOnly = false, false
	if !l.decided || s == l.setting {
		return
	}
	l.setting = s
	if l.encoder != nil {
		l.encoder.SetRate(s)
	}
}

// now is what the loop works with at this moment.
func (l *Loop) now() (c Config, members []*member, e Encoder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.config, l.members, l.encoder
}

// History is what happened after the point or change with the number since.
func (l *Loop) History(since uint64) status.RateHistory {
	h := l.history.after(since, time.Since(l.began), time.Now())
	h.Stream = l.opts.Stream
	return h
}
