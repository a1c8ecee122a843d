// Package push is the life cycle that every destination shares: it waits for
// the programme's tracks, connects, feeds the connection from the hub, and
// comes back after a failure with exponential backoff. What a destination does
// never reaches the encoder nor another destination: its only tie to them is a
// bounded hub reader.
package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
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

	reporting sync.Mutex // makes reports arrive in the order of the states they show

	mu      sync.Mutex // guards the fields below
	spec    Spec
	restart context.CancelFunc // ends the running life so that the next follows spec
	status  Status
	live    counters // of the running connection
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
		hub: h, report: report, draw: drawEvenly, spec: spec.withDefaults(),
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
		spec := d.spec
		d.restart = end
		d.describe()
		d.mu.Unlock()
		d.runLife(life, spec)
		end()
	}
	d.enter(Disabled, nil)
	return nil
}

// Update changes what the destination does. The same spec changes nothing;
// retry times and the connect timeout apply from the next attempt on; anything
// else ends the connection and makes a new one.
func (d *Destination) Update(spec Spec) error {
	spec = spec.withDefaults()
	d.mu.Lock()
	defer d.mu.Unlock()
	if spec.Target.Log == nil {
		spec.Target.Log = d.spec.Target.Log
	}
	old := d.spec
	d.spec = spec
	revive := d.status.State == Failed && !spec.sameRetry(old)
	if (!spec.sameConnection(old) || revive) && d.restart != nil {
		d.restart()
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

// runLife pushes as one spec says, until ctx ends.
func (d *Destination) runLife(ctx context.Context, spec Spec) {
	if !spec.Enabled {
		d.enter(Disabled, nil)
		<-ctx.Done()
		return
	}
	if err := spec.check(); err != nil {
		d.enter(Failed, err)
		<-ctx.Done()
		return
	}
	d.enter(Starting, nil)
	retry := backoff{draw: d.draw}
	churn := 0 // quick track changes in a row
	for attempt := 0; ctx.Err() == nil; attempt++ {
		tracks, err := d.tracks(ctx)
		if err != nil {
			// The hub has closed: nothing will come, but only ctx ends a Run.
			<-ctx.Done()
			return
		}
		state := Reconnecting
		if attempt == 0 {
			state = Connecting
		}
		spec = d.current()
		active, err := d.connect(ctx, spec, state, tracks)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errProgrammeEnd):
			d.enter(Starting, nil)
			continue
		case active >= stableAfter:
			retry.reset()
		}
		if errors.Is(err, output.ErrTrackChanged) {
			if churn++; active >= time.Second {
				churn = 0
			}
			if churn < 3 {
				d.enter(Reconnecting, nil)
				continue
			}
			err = fmt.Errorf("the programme's tracks change faster than a connection can be made: %w", err)
		}
		if !d.pause(ctx, &retry, err) {
			<-ctx.Done()
			return
		}
	}
}

// tracks waits for the programme's tracks; the state is Starting meanwhile.
func (d *Destination) tracks(ctx context.Context) ([]*media.Track, error) {
	r := d.hub.Subscribe(hub.Options{Join: hub.JoinCached, MaxPackets: 1, MaxBytes: 1})
	defer r.Close()
	over, cancel := context.WithCancel(ctx)
	cancel()
	if tracks, err := r.Tracks(over); err == nil {
		return tracks, nil // known already
	}
	d.enter(Starting, nil)
	return r.Tracks(ctx)
}

// pause records a failure and waits for the next attempt. It returns false
// when there will be none: ctx has ended, or RetryLimit is reached.
func (d *Destination) pause(ctx context.Context, retry *backoff, err error) bool {
	spec := d.current()
	wait := retry.next(spec, errors.Is(err, output.ErrRejected))
	if retry.exhausted(spec) {
		d.enter(Failed, fmt.Errorf("gave up after %d attempts: %w", retry.failures, err))
		return !d.current().sameRetry(spec) // an Update that came before the state was Failed left it to us
	}
	d.waiting(err, wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
