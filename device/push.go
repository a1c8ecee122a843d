package device

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"reflect"
	"time"

	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/kinds"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/push/group"
)

// rules is what the configuration must know of the outputs there are.
func rules() config.Rules {
	return config.Rules{
		Schemes: kinds.Schemes(), Models: models.Names(), Check: checkDestination,
		Expand: expand, Group: func(g config.Group) error { return groupConfig(g).Check() },
		KindOf: func(scheme string) (string, bool) {
			k, _ := kinds.ForScheme(scheme)
			return k.Name, k.Files != nil
		},
		Recording: func(r config.Recording) (string, error) {
			_, _, key, err := recording(r)
			return key, err
		},
	}
}

func checkDestination(name string, d config.Destination) error {
	kind, ok := kinds.ForScheme(d.URL.Scheme())
	if !ok || kind.Check == nil {
		return nil // the scheme is checked against the list
	}
	target, err := target(name, d, kind)
	if err != nil {
		return err
	}
	return kind.Check(target)
}

// target is a destination as its kind sees it, without TLS.
func target(name string, d config.Destination, kind output.Kind) (output.Target, error) {
	u, err := d.URL.URL()
	if err != nil {
		return output.Target{}, fmt.Errorf("url: %w", err)
	}
	return output.Target{Name: name, URL: u, WriteTimeout: d.WriteTimeout.Std(), Options: d.Options(kind.Name, kind.Files != nil)}, nil
}

func (d *box) pushComponent(cfg *config.Config, st *stream, name string, dc config.Destination) reconcile.Component {
	dc.TLSCA = cfg.Path(dc.TLSCA)
	id := "destination " + name
	failures := failureLog{log: st.log.With("destination", name), message: "destination failed"}
	return reconcile.Component{
		ID: "stream " + st.name + "/" + id, Spec: pushConfig{dc, trustSum(dc.TLSCA)},
		Needs: groupsOf(cfg, st, name),
		Make: func() (reconcile.Runner, error) {
			spec, err := d.pushSpec(st, name, dc)
			if err != nil {
				return nil, err
			}
			return &pusher{push.New(st.hub, spec, d.pushReporter(st, name)), d, st, name, takesPictures(name, dc), dc}, nil
		},
		Ready: failures.over,
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			d.destinationFailed(st, name, dc, err, retry)
		},
		Removed: func() { d.destinationRemoved(st, name) },
	}
}

// destinationFailed reports one that could not even be made.
func (d *box) destinationFailed(st *stream, name string, dc config.Destination, err error, retry time.Time) {
	cause := string(output.CauseOf(err))
	st.report.SetDestination(status.Destination{
		Name: name, Kind: dc.URL.Scheme(), URL: dc.URL.String(), State: status.Reconnecting, Cause: cause, NextAttempt: &retry,
		Errors: []status.TimedError{{Time: time.Now(), Message: err.Error(), Cause: cause}},
	})
	state := group.Away
	if !dc.Enabled {
		state = group.Out // its group does not wait for it
	}
	d.destinations.note(st.name, name, state)
}

func (d *box) destinationRemoved(st *stream, name string) {
	st.report.RemoveDestination(name)
	d.destinations.forget(st.name, name)
	st.report.Clear(conditionBitrate + name)
}

// pushConfig is what a destination is made of: its configuration, and what is in
// the file of authorities that it names. A renewed file is a change.
type pushConfig struct {
	config.Destination
	trust [sha256.Size]byte
}

// trustSum is zero without a file, and for one that cannot be read: Make says so.
func trustSum(file string) (sum [sha256.Size]byte) {
	if file == "" {
		return sum
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return sum
	}
	return sha256.Sum256(pem)
}

// pusher is a push.Destination that takes its spec from the configuration.
type pusher struct {
	*push.Destination
	box    *box
	stream *stream
	name   string
	// pictures says that what it takes has any.
	pictures bool
	config   config.Destination
}

var _ reconcile.Updater = (*pusher)(nil)

// Run implements reconcile.Runner.
func (p *pusher) Run(ctx context.Context, ready func()) error {
	defer p.box.destinations.add(p.stream.name, p.name, p.Destination)()
	defer followed(p.stream, p.name, p.pictures, p.Destination)()
	return p.Destination.Run(ctx, ready)
}

// Update implements reconcile.Updater. The destination reconnects by itself
// where the change needs that.
func (p *pusher) Update(spec any) error {
	c, ok := spec.(pushConfig)
	if !ok {
		return reconcile.ErrRestart
	}
	next, err := p.box.pushSpec(p.stream, p.name, c.Destination)
	switch {
	case err != nil && reflect.DeepEqual(c.Destination, p.config):
		p.stream.log.Warn("the authorities stay as they were", "destination", p.name, "err", err)
		return nil // their file alone has changed, and is not whole
	case err != nil:
		return reconcile.ErrRestart // its failure is then reported and retried
	}
	p.config = c.Destination
	return p.Destination.Update(next)
}

func (d *box) pushSpec(st *stream, name string, dc config.Destination) (push.Spec, error) {
	kind, ok := kinds.ForScheme(dc.URL.Scheme())
	if !ok {
		return push.Spec{}, fmt.Errorf("destination %s: no kind of output for %s", name, dc.URL)
	}
	t, err := target(name, dc, kind)
	if err != nil {
		return push.Spec{}, fmt.Errorf("destination %s: %w", name, err)
	}
	t.Agent, t.Log = "encoderbox "+d.opts.Version, st.log
	if t.TLS, err = trust(dc.TLSCA); err != nil {
		return push.Spec{}, fmt.Errorf("destination %s: %w", name, err)
	}
	return push.Spec{
		Enabled: dc.Enabled, Kind: kind, Target: t,
		RetryDelay: dc.RetryTimeout.Std(), RetryMax: dc.RetryMax.Std(),
		RetryMultiplier: dc.RetryMultiplier, RetryLimit: dc.RetryLimit,
		BreakerFailures: dc.BreakerFailures, BreakerPause: dc.BreakerPause.Std(),
		ConnectTimeout: dc.ConnectTimeout.Std(), Timeout: dc.Timeout.Std(),
		MinBitrate: int(dc.MinBitrate), BitrateWindow: dc.BitrateWindow.Std(),
		QueuePackets: dc.QueuePackets, QueueBytes: int(dc.QueueBytes),
	}, nil
}

// trust is the system's authorities and those of a PEM file; nil without one.
func trust(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("tls_ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a box without system roots trusts the file alone
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls_ca: %s holds no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// conditionBitrate and a destination's name are the code of its alarm.
const conditionBitrate = "destination.low_bitrate."

// pushReporter passes a destination's reports on to status and its group, and its
// changes to the event log.
func (d *box) pushReporter(st *stream, name string) func(push.Status) {
	last := push.Status{State: push.Disabled}
	return func(s push.Status) {
		st.report.SetDestination(destinationStatus(s))
		d.destinations.note(st.name, name, pushState(s))
		if s.State != last.State {
			st.rate.Wake()
		}
		subject := "destination " + name
		if s.State != last.State || s.Breaker != last.Breaker && s.Breaker == push.BreakerOpen ||
			s.State == push.Disabled && s.Reason != last.Reason {
			d.store.Log(pushEvent(st.name, subject, s))
		}
		if s.Alarm != last.Alarm {
			d.reportBitrate(st, name, s.Alarm)
		}
		last = s
	}
}

// reportBitrate raises a destination's alarm, or takes it back where it is "".
func (d *box) reportBitrate(st *stream, name, alarm string) {
	subject := "destination " + name
	if alarm == "" {
		st.report.Clear(conditionBitrate + name)
		st.report.Event(status.Info, subject, "the alarm of its bit rate is over")
		return
	}
	st.report.Raise(status.Condition{Code: conditionBitrate + name, Severity: status.Warning, Message: subject + ": " + alarm})
	st.report.Event(status.Warning, subject, alarm)
}

// pushState is a destination's state as its group sees it.
func pushState(s push.Status) group.State {
	switch s.State {
	case push.Disabled:
		return idleState(s.Enabled, s.Paused, s.Held)
	case push.Starting:
		return group.Waiting
	case push.Active:
		return group.Active
	}
	return group.Away
}

// idleState is the state of a member that is disabled.
func idleState(enabled, paused, held bool) group.State {
	switch {
	case !enabled, paused:
		return group.Out
	case held:
		return group.Held
	}
	return group.Waiting // it is being made anew
}

func pushEvent(stream, subject string, s push.Status) status.Event {
	e := status.Event{Severity: status.Info, Stream: stream, Subject: subject, Message: string(s.State), Cause: string(s.Cause)}
	switch {
	case s.State == push.Failed:
		e.Severity = status.Error
	case s.Cause != "":
		e.Severity = status.Warning
	}
	if s.Cause != "" && len(s.Errors) > 0 {
		e.Message += ": " + s.Errors[0].Message
	}
	if s.Reason != "" {
		e.Message += ": " + s.Reason
	}
	return e
}

func destinationStatus(s push.Status) status.Destination {
	d := status.Destination{
		Name: s.Name, Kind: s.Kind, URL: s.URL, State: status.DestinationState(s.State),
		Cause: string(s.Cause), Reason: s.Reason, Paused: s.Paused, Held: s.Held, Breaker: s.Breaker, Alarm: s.Alarm,
		Shedding: s.Shedding,
		Attempts: s.Attempts, ConnectedAt: moment(s.ConnectedAt), NextAttempt: moment(s.NextAttempt),
		Bytes: s.Bytes, Bitrate: s.Bitrate, Dropped: s.Dropped,
		Queue:      status.Queue{Packets: s.QueuePackets, Bytes: s.QueueBytes},
		LatencyP99: milliseconds(s.LatencyP99), RTT: milliseconds(s.RTT),
		Retransmitted: s.Retransmitted, Lost: s.Lost, Outstanding: s.Outstanding,
		InFlight: s.InFlight, Buffered: milliseconds(s.Buffered), Bandwidth: s.Bandwidth,
	}
	for _, e := range s.Errors {
		d.Errors = append(d.Errors, status.TimedError{Time: e.Time, Message: e.Message, Cause: string(e.Cause)})
	}
	return d
}

// moment is nil for no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// WriteKinds writes the table of outputs as JSON.
func WriteKinds(w io.Writer) error {
	doc, err := kinds.JSON()
	if err != nil {
		return err
	}
	_, err = w.Write(doc)
	return err
}
