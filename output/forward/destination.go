// Package forward delivers a stream's segments to a place that takes files, an
// HTTP origin or a bucket, and makes up for outages: what could not be sent
// waits on the box's storage, and a cursor, which survives a reboot, knows what
// is there.
//
// Decisions a reader of the package should know:
//   - A playlist is uploaded only when everything it names is there: headers,
//     then the segment of every track, then media playlists, then what names
//     those.
//   - A file that is there is never sent again. After an attempt whose end is
//     unclear, and after a restart, the receiver is asked first (size, and ETag
//     where it is an MD5).
//   - Mode live_first: after an outage the live playlist goes on with the newest
//     segments. What was missed follows beside it at a capped share of the link,
//     oldest first, never while live itself is sending. A second playlist,
//     dvr.m3u8, grows in order: it waits where something is still missing, and
//     has everything once that has arrived. It slides at the depth of option
//     dvr, so that neither it nor the memory grows without bound.
//   - Mode in_order: everything in its order; the one playlist catches up.
//   - Storage is asked to keep segments (Source.Want) only while more than half
//     of the live window waits: a healthy link writes nothing to flash.
package forward

import (
	"context"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/push"
)

// Destination is one place that segments are delivered to, an output.Output.
// Run works until its context ends, whatever the receiver does: failures are
// in the Status, never returned.
type Destination struct {
	src       Source
	report    func(Status)
	incidents output.Incidents
	log       *slog.Logger
	jitter    func(time.Duration) time.Duration // of waits; nil: evenly drawn
	poll      time.Duration                     // how often a lane looks for work that nobody tells it of, and reports are made

	reporting sync.Mutex // makes reports arrive in the order of the states they show

	mu      sync.Mutex // guards the fields below
	spec    Spec
	restart context.CancelFunc // ends the running life so that the next follows spec
	status  Status
	// What was last logged, when, and how many of the same since.
	logged   string
	loggedAt time.Time
	unlogged int
	running  *life // nil without
	advice   output.PathAdvice
	mute     bool // the running life's Path has panicked
	// connections is how often live has begun to work.
	connections uint64
}

// logAgain is how often the same failure is logged.
const logAgain = time.Minute

var _ output.Output = (*Destination)(nil)

// New makes a destination that delivers src's segments. report is called with
// every change of state and once a second, from one goroutine at a time; neither
// it nor incidents may block or call the Destination. Both may be nil.
func New(src Source, spec Spec, report func(Status), incidents output.Incidents) *Destination {
	log := spec.Target.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
		spec.Target.Log = log
	}
	if report == nil {
		report = func(Status) {}
	}
	if incidents == nil {
		incidents = output.IncidentFunc(nil)
	}
	d := &Destination{
		src: src, poll: time.Second, report: report, incidents: incidents, spec: spec.withDefaults(),
		log: log.With("destination", spec.Target.Name, "kind", spec.Kind.Name),
	}
	d.status.State, d.status.Text = Disabled, string(Disabled)
	d.describe()
	return d
}

// Run delivers until ctx ends. ready is called when the destination has been
// taken into work; it does not wait for the receiver, which may be away for days.
func (d *Destination) Run(ctx context.Context, ready func()) error {
	ready()
	for ctx.Err() == nil {
		life, end := context.WithCancel(ctx)
		d.mu.Lock()
		spec := d.spec
		d.restart = end
		d.describe()
		d.mu.Unlock()
		d.runLife(life, spec)
		end()
	}
	d.change(func(s *Status) { s.State, s.Cause, s.NextAttempt = Disabled, "", time.Time{} })
	return nil
}

// Update changes what the destination does. The same spec changes nothing;
// anything else goes on from the cursor.
func (d *Destination) Update(spec Spec) error {
	spec = spec.withDefaults()
	d.mu.Lock()
	defer d.mu.Unlock()
	if spec.Target.Log == nil {
		spec.Target.Log = d.spec.Target.Log
	}
	same := spec.same(d.spec)
	d.spec = spec
	if !same && d.restart != nil {
		d.restart()
	}
	return nil
}

// Status is a snapshot of the destination now.
func (d *Destination) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status.clone()
}

// describe sets what the spec says of the status. d.mu is held, or d not yet
// shared.
func (d *Destination) describe() {
	d.status.Name, d.status.Kind = d.spec.Target.Name, d.spec.Kind.Name
	d.status.URL = output.Redacted(d.spec.Target.URL)
}

// change alters the status and reports the result. f may wait for those who ask
// storage, so d.mu is not held meanwhile: neither Status nor Update waits.
func (d *Destination) change(f func(*Status)) {
	d.reporting.Lock()
	defer d.reporting.Unlock()
	s := d.Status()
	before := s.State
	f(&s)
	s.Text = s.text(time.Now())
	d.mu.Lock()
	d.status = s.clone()
	d.mu.Unlock()
	if s.State != before {
		d.log.Info("destination changed state", "state", s.State, "text", s.Text, "url", s.URL)
	}
	d.report(s)
}

// failed puts down what went wrong.
func (d *Destination) failed(err error, f func(*Status)) {
	d.mu.Lock()
	message := push.Describe(d.spec.Target, err)
	now := time.Now()
	same := message == d.logged && now.Sub(d.loggedAt) < logAgain
	if same {
		d.unlogged++
	}
	times := d.unlogged
	if !same {
		d.logged, d.loggedAt, d.unlogged = message, now, 0
	}
	d.mu.Unlock()
	if !same {
		d.log.Warn("destination failed", "error", message, "untold", times)
	}
	d.change(func(s *Status) {
		s.addError(time.Now(), message)
		f(s)
	})
}

// tell reports an incident.
func (d *Destination) tell(i output.Incident) {
	i.Subject = "destination " + d.Status().Name
	if i.Err != nil && i.Detail == "" {
		d.mu.Lock()
		target := d.spec.Target
		d.mu.Unlock()
		i.Detail = push.Describe(target, i.Err)
	}
	d.incidents.Report(i)
}

// runLife delivers as one spec says, until ctx ends.
func (d *Destination) runLife(ctx context.Context, spec Spec) {
	if !spec.Enabled {
		d.change(func(s *Status) { s.State = Disabled })
		<-ctx.Done()
		return
	}
	err := spec.check()
	var l *life
	if err == nil {
		l, err = newLife(d, spec)
	}
	if err != nil {
		d.failed(err, func(s *Status) { s.State, s.Cause = Failed, CauseLocal })
		<-ctx.Done()
		return
	}
	d.change(func(s *Status) { s.State, s.Cause, s.NextAttempt = Starting, "", time.Time{} })
	d.runs(l)
	defer d.runs(nil)
	l.run(ctx)
}

// identity tells destinations apart whose cursors must not be mixed up.
func identity(t output.Target) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.URL.Scheme + "://" + t.URL.Host + t.URL.Path)) // never fails
	_, _ = h.Write([]byte(t.Options["endpoint"]))                          // of a bucket
	return h.Sum64()
}
