package device

import (
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
)

// rules is what the configuration must know of the outputs there are.
func rules() config.Rules {
	return config.Rules{
		Schemes: kinds.Schemes(), Models: models.Names(), Check: checkDestination,
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
		Make: func() (reconcile.Runner, error) {
			spec, err := d.pushSpec(st, name, dc)
			if err != nil {
				return nil, err
			}
			return &pusher{push.New(st.hub, spec, d.pushReporter(st, id)), d, st, name, dc}, nil
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
	config config.Destination
}

var _ reconcile.Updater = (*pusher)(nil)

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
		RetryDelay: dc.RetryTimeout.Std(), RetryMax: dc.RetryMax.Std(), RetryLimit: dc.RetryLimit,
		ConnectTimeout: dc.ConnectTimeout.Std(),
		QueuePackets:   dc.QueuePackets, QueueBytes: int(dc.QueueBytes),
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

// pushReporter passes a destination's reports on to status, and its changes of
// state to the event log.
func (d *box) pushReporter(st *stream, subject string) func(push.Status) {
	last := push.Disabled
	return func(s push.Status) {
		st.report.SetDestination(destinationStatus(s))
		if s.State == last {
			return
		}
		last = s.State
		d.store.Log(pushEvent(st.name, subject, s))
	}
}

func pushEvent(stream, subject string, s push.Status) status.Event {
	e := status.Event{Severity: status.Info, Stream: stream, Subject: subject, Message: string(s.State)}
	switch s.State {
	case push.Reconnecting:
		e.Severity = status.Warning
	case push.Failed:
		e.Severity = status.Error
	}
	if e.Severity != status.Info && len(s.Errors) > 0 {
		e.Message += ": " + s.Errors[0].Message
	}
	return e
}

func destinationStatus(s push.Status) status.Destination {
	d := status.Destination{
		Name: s.Name, Kind: s.Kind, URL: s.URL, State: status.DestinationState(s.State),
		Attempts: s.Attempts, ConnectedAt: moment(s.ConnectedAt), NextAttempt: moment(s.NextAttempt),
		Bytes: s.Bytes, Bitrate: s.Bitrate, Dropped: s.Dropped,
		Queue:      status.Queue{Packets: s.QueuePackets, Bytes: s.QueueBytes},
		LatencyP99: milliseconds(s.LatencyP99), RTT: milliseconds(s.RTT),
		Retransmitted: s.Retransmitted, Lost: s.Lost, Outstanding: s.Outstanding,
	}
	for _, e := range s.Errors {
		d.Errors = append(d.Errors, status.TimedError{Time: e.Time, Message: e.Message})
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
