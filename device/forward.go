package device

import (
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/kinds"
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
		Needs: []string{storageID(st)}, // what was left there is sent on
		Make: func() (reconcile.Runner, error) {
			spec, err := d.forwardSpec(cfg, st, name, dc)
			if err != nil {
				return nil, err
			}
			report := func(s forward.Status) { d.reportForward(st, s) }
			return &forwarder{forward.New(src, spec, report, d.flight.For(st.name, id)), d, cfg, st, name}, nil
		},
		Ready: failures.over,
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			st.report.SetDestination(status.Destination{
				Name: name, Kind: dc.URL.Scheme(), URL: dc.URL.String(), State: status.Reconnecting, NextAttempt: &retry,
				Errors: []status.TimedError{{Time: time.Now(), Message: err.Error()}},
			})
		},
		Removed: func() { st.report.RemoveDestination(name) },
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

// playlists renders the playlists of all the named manifests.
func playlists(manifests []string) func(*segment.Window) (map[string][]byte, error) {
	render := map[string]func(*segment.Window) (map[string][]byte, error){output.ManifestHLS: hls.Playlists}
	return func(w *segment.Window) (map[string][]byte, error) {
		all := map[string][]byte{}
		for _, m := range manifests {
			files, err := render[m](w)
			if err != nil {
				return nil, fmt.Errorf("%s playlists: %w", m, err)
			}
			maps.Copy(all, files)
		}
		return all, nil
	}
}

// forwarder is a forward.Destination that takes its spec from the configuration.
type forwarder struct {
	*forward.Destination
	box    *box
	config *config.Config
	stream *stream
	name   string
}

var _ reconcile.Updater = (*forwarder)(nil)

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
	return f.Destination.Update(next)
}

// reportForward puts a destination's state into words that all destinations share,
// and keeps its own beside them. Changes of state are events.
func (d *box) reportForward(st *stream, s forward.Status) {
	old, known := st.report.Destination(s.Name)
	next := forwardStatus(s)
	st.report.SetDestination(next)
	if known && old.State == next.State && old.Forward != nil && old.Forward.State == next.Forward.State {
		return
	}
	e := status.Event{Severity: status.Info, Stream: st.name, Subject: "destination " + s.Name, Message: s.Text}
	switch s.State {
	case forward.Retrying:
		e.Severity = status.Warning
	case forward.Failed:
		e.Severity = status.Error
	}
	if e.Severity != status.Info && len(s.Errors) > 0 {
		e.Message += ": " + s.Errors[0].Message
	}
	d.store.Log(e)
}

func forwardStatus(s forward.Status) status.Destination {
	states := map[forward.State]status.DestinationState{
		forward.Disabled: status.Disabled, forward.Starting: status.Starting, forward.Live: status.Active,
		forward.Behind: status.Active, forward.Retrying: status.Reconnecting, forward.Failed: status.Failed,
	}
	d := status.Destination{
		Name: s.Name, Kind: s.Kind, URL: s.URL, State: states[s.State],
		Attempts: s.Retries, ConnectedAt: moment(s.ConnectedAt), NextAttempt: moment(s.NextAttempt),
		Bytes: s.Bytes, Bitrate: s.Bitrate, Dropped: s.Skipped,
		Forward: &status.Forward{
			State: string(s.State), Text: s.Text, AtLive: s.AtLive, Cause: s.Cause,
			Lag: s.Lag.Seconds(), Bytes: s.LagBytes, Segments: s.LagSegments, Oldest: moment(s.Oldest),
			Stored: s.Stored, Sent: s.Segments, Retries: s.Retries, Verified: s.Verified, Skipped: s.Skipped,
		},
	}
	for _, e := range s.Errors {
		d.Errors = append(d.Errors, status.TimedError{Time: e.Time, Message: e.Message})
	}
	return d
}
