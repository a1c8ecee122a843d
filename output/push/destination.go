// Package push is the life cycle that every destination shares: it waits for
// the programme's tracks, connects, feeds the connection from the hub, and
// comes back after a failure with exponential backoff. What a destination does
// never reaches the encoder nor another destination: its only tie to them is a
// bounded hub reader.
package push

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// Destination is one push, an output.Output. Run works until its context ends,
// whatever the receiver does: failures are in the Status, never returned.
type Destination struct {
	hub    *hub.Hub
	report func(Status)
	log    *slog.Logger
	draw   func(time.Duration) time.Duration
	delays latency
	retry  chan struct{} // holds a token when a person wants the next attempt now

	reporting sync.Mutex // makes reports arrive in the order of the states they show

	mu      sync.Mutex // guards the fields below
	spec    Spec
	paused  string             // why, by a person; "" when not
	held    string             // why, by the group; "" when not
	restart context.CancelFunc // ends the running life so that the next follows the fields above
	status  Status
	via     *url.URL    // where the receiver has sent us for this connection; nil for the target's URL
	conn    output.Conn // the running one
	live    counters    // of it
	advice  output.PathAdvice

	advising    sync.Mutex // guards the two below; held while a connection is told the advice
	flow        *flow      // of the running connection; nil without
	connections uint64     // so far
}

var _ output.Output = (*Destination)(nil)

// New makes a destination that reads h. report is called with every change of
// state and once a second while active, from one goroutine at a time; it must
// not block nor call the Destination. Nil is allowed.
func New(h *hub.Hub, spec Spec, report func(Status)) *Destination {
	log := spec.Target.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
		spec.Target.Log = log
	}
	if report == nil {
		report = func(Status) {}
	}
	d := &Destination{
		hub: h, report: report, draw: drawEvenly, retry: make(chan struct{}, 1), spec: spec.withDefaults(),
		log: log.With("destination", spec.Target.Name, "kind", spec.Kind.Name),
	}
	d.status = Status{State: Disabled}
	d.describe()
	return d
}

// Run pushes until ctx ends. ready is called when the destination has been
// taken into work; it does not wait for the receiver, which may be away for
// days.
func (d *Destination) Run(ctx context.Context, ready func()) error {
	ready()
	for ctx.Err() == nil {
		life, end := context.WithCancel(ctx)
		d.mu.Lock()
		spec, idle := d.spec, d.paused
		if idle == "" {
			idle = d.held
		}
		d.restart = end
		d.describe()
		d.mu.Unlock()
		switch {
		case !spec.Enabled, idle != "":
			d.rest(life, idle)
		default:
			d.work(life, spec)
		}
		end()
	}
	d.move(move{state: Disabled})
	return nil
}

// Update changes what the destination does. The same spec changes nothing;
// how and when to retry applies from the next attempt on, what is watched at once;
// anything else ends the connection and makes a new one. A change of Spec.Enabled
// ends a Pause too.
func (d *Destination) Update(spec Spec) error {
	spec = spec.withDefaults()
	d.mu.Lock()
	defer d.mu.Unlock()
	if spec.Target.Log == nil {
		spec.Target.Log = d.spec.Target.Log
	}
	old := d.spec
	d.spec = spec
	if spec.Enabled != old.Enabled {
		d.paused = ""
	}
	revive := d.status.State == Failed && !spec.sameRetry(old)
	if !spec.sameConnection(old) || revive {
		d.again()
	}
	return nil
}

// Status is a snapshot of the destination now.
func (d *Destination) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot()
}

// current is the newest spec; within a life it differs from the first at most
// in how and when to retry.
func (d *Destination) current() Spec {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spec
}
