package device

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/kinds"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/push/group"
	"github.com/encoderbox/encoderbox/output/segment"
)

// takesSegments says that a destination is given files, not packets.
func takesSegments(dc config.Destination) bool {
	kind, ok := kinds.ForScheme(dc.URL.Scheme())
	return ok && kind.Files != nil
}

// forwardConfig is what a destination that takes segments is made of.
type forwardConfig struct {
	pushConfig
	State  string // storage.state
	Stored bool   // what waits can be kept
}

func (d *box) forwardComponent(cfg *config.Config, st *stream, name string, dc config.Destination) reconcile.Component {
	dc.TLSCA = cfg.Path(dc.TLSCA)
	id := "destination " + name
	failures := failureLog{log: st.log.With("destination", name), message: "destination failed"}
	var src forward.Source = st.archive
	if !stored(cfg) {
		src = forward.WindowOnly(st.live)
	}
	return reconcile.Component{
		ID: "stream " + st.name + "/" + id, Spec: forwardConfig{pushConfig{dc, trustSum(dc.TLSCA)}, cfg.Storage.State, stored(cfg)},
		Needs: append(groupsOf(cfg, st, name), storageID(st)), // what was left there is sent on
		Make: func() (reconcile.Runner, error) {
			spec, err := d.forwardSpec(cfg, st, name, dc)
			if err != nil {
				return nil, err
			}
			f := &forwarder{box: d, config: cfg, stream: st, name: name, spec: spec}
			f.Destination = forward.New(src, spec, f.report, d.flight.For(st.name, id))
			return f, nil
		},
		Ready: failures.over,
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			d.destinationFailed(st, name, dc, err, retry)
		},
		Removed: func() { d.destinationRemoved(st, name) },
	}
}

func (d *box) forwardSpec(cfg *config.Config, st *stream, name string, dc config.Destination) (forward.Spec, error) {
	p, err := d.pushSpec(st, name, dc)
	if err != nil {
		return forward.Spec{}, err
	}
	state, err := cfg.StatePath()
	if err != nil {
		return forward.Spec{}, fmt.Errorf("destination %s: %w", name, err)
	}
	return forward.Spec{
		Enabled: p.Enabled, Kind: p.Kind, Target: p.Target, Playlists: playlists(p.Kind.Manifests(p.Target)),
		StateDir:   filepath.Join(state, "forward", st.name),
		RetryDelay: p.RetryDelay, RetryMax: p.RetryMax,
	}, nil
}

// playlists renders the playlists of all the named manifests, of one destination.
// One that cannot be made now, as DASH before the time of day is known, does not
// hold up another.
func playlists(manifests []string) func(*segment.Window) (map[string][]byte, error) {
	render := map[string]func(*segment.Window) (map[string][]byte, error){
		output.ManifestHLS: hls.Playlists, output.ManifestDASH: new(dash.Pushed).Playlists,
	}
	return func(w *segment.Window) (map[string][]byte, error) {
		all := map[string][]byte{}
		var failed error
		for _, m := range manifests {
			files, err := render[m](w)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s playlists: %w", m, err))
			}
			maps.Copy(all, files)
		}
		return all, failed
	}
}

// forwarder is a forward.Destination that takes its spec from the configuration,
// and is disabled while it is paused or held.
type forwarder struct {
	*forward.Destination
	box    *box
	config *config.Config
	stream *stream
	name   string

	reporting sync.Mutex // makes reports arrive in the order of the states they show

	mu     sync.Mutex   // guards the fields below
	spec   forward.Spec // as it is configured
	paused string       // why, by a person; "" when not
	held   string       // why, by its group; "" when not
}

var (
	_ reconcile.Updater = (*forwarder)(nil)
	_ member            = (*forwarder)(nil)
)

// Run implements reconcile.Runner.
func (f *forwarder) Run(ctx context.Context, ready func()) error {
	defer f.box.destinations.add(f.stream.name, f.name, f)()
	defer followed(f.stream, f.name, true, f.Destination)()
	return f.Destination.Run(ctx, ready)
}

// Update implements reconcile.Updater: it goes on where it was.
func (f *forwarder) Update(spec any) error {
	c, ok := spec.(forwardConfig)
	if !ok || c.State != f.config.Storage.State || c.Stored != stored(f.config) {
		return reconcile.ErrRestart
	}
	next, err := f.box.forwardSpec(f.config, f.stream, f.name, c.Destination)
	if err != nil {
		return reconcile.ErrRestart // its failure is then reported and retried
	}
	f.mu.Lock()
	if next.Enabled != f.spec.Enabled {
		f.paused = ""
	}
	f.spec = next
	err = f.follow()
	f.mu.Unlock()
	f.box.destinations.note(f.stream.name, f.name, f.publish())
	return err
}

// follow makes it what the fields say. f.mu is held.
func (f *forwarder) follow() error {
	s := f.spec
	s.Enabled = s.Enabled && f.paused == "" && f.held == ""
	return f.Destination.Update(s)
}

// Pause implements member.
func (f *forwarder) Pause(by string) error {
	return f.command(func() {
		if f.paused == "" {
			f.paused = "paused by " + by
		}
	})
}

// Resume implements member.
func (f *forwarder) Resume() error { return f.command(func() { f.paused = "" }) }

// Hold implements member.
func (f *forwarder) Hold(reason string) {
	f.mu.Lock()
	f.held = reason
	err := f.follow()
	f.mu.Unlock()
	if err != nil {
		f.stream.log.Error("destination cannot be held", "destination", f.name, "err", err)
	}
	f.publish()
}

func (f *forwarder) command(change func()) error {
	f.mu.Lock()
	if !f.spec.Enabled {
		f.mu.Unlock()
		return push.ErrNotEnabled
	}
	change()
	err := f.follow()
	f.mu.Unlock()
	f.box.destinations.note(f.stream.name, f.name, f.publish())
	return err
}

// Retry implements member: a new life has no failures behind it.
func (f *forwarder) Retry() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.spec.Enabled:
		return push.ErrNotEnabled
	case f.paused != "":
		return push.ErrPaused
	case f.held != "":
		return push.ErrHeld
	}
	if s := f.Status().State; s != forward.Retrying && s != forward.Failed {
		return nil
	}
	off := f.spec
	off.Enabled = false
	return errors.Join(f.Destination.Update(off), f.follow())
}

// report is called with every change, by the Destination.
func (f *forwarder) report(forward.Status) {
	f.box.destinations.note(f.stream.name, f.name, f.publish())
	f.stream.rate.Wake()
}

// publish puts what is now into the status, and returns what it is to the group.
// Not every change of paused and held is one of the Destination.
func (f *forwarder) publish() group.State {
	f.reporting.Lock()
	defer f.reporting.Unlock()
	s := f.Status()
	next := forwardStatus(s)
	f.mu.Lock()
	enabled := f.spec.Enabled
	next.Paused, next.Held = enabled && f.paused != "", enabled && f.held != ""
	if next.State == status.Disabled && enabled {
		if next.Reason = f.paused; next.Reason == "" {
			next.Reason = f.held
		}
	}
	f.mu.Unlock()
	f.box.reportForward(f.stream, s, next)
	return forwardState(next, enabled)
}

// forwardState is a destination's state as its group sees it.
func forwardState(d status.Destination, enabled bool) group.State {
	switch d.State {
	case status.Disabled:
		return idleState(enabled, d.Paused, d.Held)
	case status.Starting:
		return group.Waiting
	case status.Active:
		return group.Active
	}
	return group.Away
}

// reportForward reports a destination's state in the words that all destinations
// share, with its own beside them. Changes of state are events.
func (d *box) reportForward(st *stream, s forward.Status, next status.Destination) {
	old, known := st.report.Destination(s.Name)
	st.report.SetDestination(next)
	if known && old.State == next.State && old.Reason == next.Reason && old.Forward != nil && old.Forward.State == next.Forward.State {
		return
	}
	e := status.Event{Severity: status.Info, Stream: st.name, Subject: "destination " + s.Name, Message: s.Text, Cause: next.Cause}
	switch s.State {
	case forward.Retrying:
		e.Severity = status.Warning
	case forward.Failed:
		e.Severity = status.Error
	}
	if e.Severity != status.Info && len(s.Errors) > 0 {
		e.Message += ": " + s.Errors[0].Message
	}
	if next.Reason != "" {
		e.Message += ": " + next.Reason
	}
	d.store.Log(e)
}

// forwardCause is one of output's causes for one of forward's, which are finer.
func forwardCause(cause string) string {
	if cause == "" || slices.Contains(output.Causes(), output.Cause(cause)) {
		return cause
	}
	return string(output.CauseRejected) // the receiver answered
}

func forwardStatus(s forward.Status) status.Destination {
	states := map[forward.State]status.DestinationState{
		forward.Disabled: status.Disabled, forward.Starting: status.Starting, forward.Live: status.Active,
		forward.Behind: status.Active, forward.Retrying: status.Reconnecting, forward.Failed: status.Failed,
	}
	d := status.Destination{
		Name: s.Name, Kind: s.Kind, URL: s.URL, State: states[s.State], Cause: forwardCause(s.Cause),
		Attempts: s.Retries, ConnectedAt: moment(s.ConnectedAt), NextAttempt: moment(s.NextAttempt),
		Bytes: s.Bytes, Bitrate: s.Bitrate, Dropped: s.Skipped, Shedding: s.Shedding,
		Forward: &status.Forward{
			State: string(s.State), Text: s.Text, AtLive: s.AtLive, Cause: s.Cause,
			Lag: s.Lag.Seconds(), Bytes: s.LagBytes, Segments: s.LagSegments, Oldest: moment(s.Oldest),
			Stored: s.Stored, Sent: s.Segments, Retries: s.Retries, Verified: s.Verified, Skipped: s.Skipped,
		},
	}
	for _, e := range s.Errors {
		d.Errors = append(d.Errors, status.TimedError{Time: e.Time, Message: e.Message})
	}
	if d.NextAttempt != nil && d.State == status.Failed {
		d.State = status.Reconnecting // failed is for those that are given up
	}
	if len(d.Errors) > 0 {
		d.Errors[0].Cause = d.Cause
	}
	return d
}
