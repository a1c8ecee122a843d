package fault_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/fault"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Times of the destinations under test, as short as their rules allow.
const (
	connectTime  = 4 * time.Second
	writeTime    = time.Second
	patientTime  = 15 * time.Second // where the receiver answers, but slowly
	retryDelay   = 100 * time.Millisecond
	retryMax     = 300 * time.Millisecond
	patience     = 30 * time.Second        // for a failure, and for its end
	harmlessTime = 2500 * time.Millisecond // without an error: the fault does no harm
)

// report is a destination's status at a moment, whatever its life cycle.
type report struct {
	state, cause, message string    // message is new: an error
	connected             time.Time // zero unless active
	everything            string    // all of the status, to search for secrets
}

// subject is the destination of one cell.
type subject struct {
	run func(context.Context) error
	// mend takes another URL.
	mend func(rawURL string, options map[string]string) error
	log  bytes.Buffer // read it when run has returned

	mu      sync.Mutex // guards the fields below
	last    report
	errors  []report
	changed chan struct{}
	leak    string // the first text that a secret was found in
	secrets []string
}

// note takes in a report. message is "" where there is no error newer than the last.
func (s *subject) note(r report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r
	if r.message != "" {
		s.errors = append(s.errors, r)
	}
	s.search(r.everything)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *subject) search(text string) {
	for _, secret := range s.secrets {
		if s.leak == "" && strings.Contains(text, secret) {
			s.leak = text
		}
	}
}

// await waits until f says yes, at most for a time.
func (s *subject) await(limit time.Duration, f func(last report, errors []report) bool) bool {
	timeout := time.After(limit)
	for {
		s.mu.Lock()
		ok, changed := f(s.last, s.errors), s.changed
		s.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-timeout:
			return false
		}
	}
}

func (s *subject) failures() (report, []report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, slices.Clone(s.errors)
}

// newSubject makes the destination of a cell by the life cycle of its kind.
func newSubject(t *testing.T, st *studio, kind output.Kind, f *family, rawURL string, options map[string]string, trust *tls.Config, patient bool) *subject {
	t.Helper()
	s := &subject{changed: make(chan struct{}), secrets: []string{
		f.secret, base64.StdEncoding.EncodeToString([]byte("joe:" + marker)), base64.StdEncoding.EncodeToString([]byte("source:" + marker)),
	}}
	write, connect := writeTime, connectTime
	if patient {
		write, connect = patientTime, patientTime
	}
	target := func(rawURL string, options map[string]string) output.Target {
		return output.Target{
			Name: "cell", URL: parsed(rawURL), Options: options, WriteTimeout: write, TLS: trust, Agent: "encoderbox lab",
			Log: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: st.hub.Clock(),
		}
	}
	if kind.Files != nil {
		newForward(s, st, kind, target, rawURL, options)
	} else {
		newPush(s, st, kind, target, rawURL, options, connect)
	}
	return s
}

func newPush(s *subject, st *studio, kind output.Kind, target func(string, map[string]string) output.Target, rawURL string, options map[string]string, connect time.Duration) {
	spec := func(rawURL string, options map[string]string) push.Spec {
		return push.Spec{
			Enabled: true, Kind: kind, Target: target(rawURL, options), ConnectTimeout: connect,
			RetryDelay: retryDelay, RetryMax: retryMax, QueuePackets: 1024, QueueBytes: 8 << 20,
		}
	}
	var newest time.Time
	d := push.New(st.hub, spec(rawURL, options), func(now push.Status) {
		r := report{state: string(now.State), cause: string(now.Cause), connected: now.ConnectedAt, everything: fmt.Sprintf("%+v", now)}
		if len(now.Errors) > 0 && now.Errors[0].Time.After(newest) {
			newest, r.message, r.cause = now.Errors[0].Time, now.Errors[0].Message, string(now.Errors[0].Cause)
		}
		s.note(r)
	})
	s.run = func(ctx context.Context) error { return d.Run(ctx, func() {}) }
	s.mend = func(rawURL string, options map[string]string) error { return d.Update(spec(rawURL, options)) }
}

func newForward(s *subject, st *studio, kind output.Kind, target func(string, map[string]string) output.Target, rawURL string, options map[string]string) {
	render := hls.Playlists
	if slices.Contains(kind.Manifests(target(rawURL, options)), output.ManifestDASH) {
		render = new(dash.Pushed).Playlists
	}
	spec := func(rawURL string, options map[string]string) forward.Spec {
		return forward.Spec{
			Enabled: true, Kind: kind, Target: target(rawURL, options), RetryDelay: retryDelay, RetryMax: retryMax,
			Playlists: func(w *segment.Window) (map[string][]byte, error) { return render(w) },
		}
	}
	var newest time.Time
	d := forward.New(forward.WindowOnly(st.segmenter), spec(rawURL, options), func(now forward.Status) {
		r := report{state: string(now.State), cause: now.Cause, connected: now.ConnectedAt, everything: fmt.Sprintf("%+v", now)}
		if len(now.Errors) > 0 && now.Errors[0].Time.After(newest) {
			newest, r.message = now.Errors[0].Time, now.Errors[0].Message
		}
		s.note(r)
	}, output.IncidentFunc(func(i output.Incident) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i.Err, i.Symptom = nil, ""; i.Detail != "" { // what is shown of it
			s.search(fmt.Sprintf("%+v", i))
		}
	}))
	s.run = func(ctx context.Context) error { return d.Run(ctx, func() {}) }
	s.mend = func(rawURL string, options map[string]string) error { return d.Update(spec(rawURL, options)) }
}

// isActive says that the receiver takes the programme.
func (r report) isActive() bool {
	return r.state == string(push.Active) || r.state == string(forward.Live) || r.state == string(forward.Behind)
}

// outcome is a row of the table.
type outcome struct {
	kind, fault  string
	state, cause string
	words        string
	back         time.Duration // from the end of the fault until active
}

// site is the server of a cell, of either transport.
type site struct {
	tcp *fault.Server
	udp *fault.Datagrams
}

func newSite(t *testing.T, udp bool) *site {
	t.Helper()
	if udp {
		return &site{udp: fault.StartDatagrams(t)}
	}
	return &site{tcp: fault.Start(t)}
}

func (s *site) addr() string {
	if s.udp != nil {
		return s.udp.Addr()
	}
	return s.tcp.Addr()
}

// misbehave begins the fault.
func (s *site) misbehave(p play, cert *tls.Certificate) error {
	switch {
	case s.udp != nil && p.packets != nil:
		return s.udp.Play(*p.packets)
	case s.udp != nil:
		return nil // it is not there
	case p.manner == nil:
		return nil
	}
	if p.cert != nil {
		cert = p.cert
	}
	if p.below {
		cert = nil
	}
	s.tcp.Show(cert)
	return s.tcp.Play(p.manner)
}

// behave ends it: the good server is at the same address now.
func (s *site) behave(f *family, cert *tls.Certificate) error {
	if s.udp != nil {
		return s.udp.Play(f.treat)
	}
	s.tcp.Show(cert)
	return s.tcp.Play(f.good)
}

// taken is how much the site was sent.
func (s *site) taken() int64 {
	if s.udp != nil {
		return s.udp.Came()
	}
	return s.tcp.BytesRead()
}

// cell runs one fault against one kind, from the first failure to the recovery.
func cell(t *testing.T, st *studio, r *receivers, kind output.Kind, f *family, name string, want expected) (out outcome, problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	at := newSite(t, f.udp)
	host, own := at.addr(), at.addr()
	var p play
	switch name {
	case refuses:
	case noSuchName:
		_, port, _ := net.SplitHostPort(own)
		host = nowhere + ":" + port
	default:
		var ok bool
		if p, ok = f.plays(f, name, own); !ok {
			t.Fatalf("nobody plays %q for %s", name, f.kind)
		}
	}
	secure := f.secure || strings.HasPrefix(name, "TLS:")
	var cert *tls.Certificate
	trust := &tls.Config{RootCAs: r.ca.Pool, MinVersion: tls.VersionTLS12}
	if secure {
		cert = &r.cert
	}
	if p.distrust {
		// The server's certificate is replaced, not the box's trust.
		stranger, err := r.stranger.Certificate(certOptions)
		if err != nil {
			t.Fatal(err)
		}
		p.cert = &stranger
	}
	if err := at.misbehave(p, cert); err != nil {
		t.Fatal(err)
	}
	s := newSubject(t, st, kind, f, f.url(host, secure), f.options(host, secure), trust, p.patient)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	stop := func() { cancel(); running.Wait() }
	defer stop()

	out = outcome{kind: f.kind, fault: name}
	suffer(s, want, &out, wrong)
	_, errors := s.failures()
	named := host
	if host != own {
		named = nowhere // where there is no address, no port is wrong
	}
	for _, e := range errors {
		if !strings.Contains(e.message, named) {
			wrong("error %q does not name %s", e.message, named)
		}
	}

	if err := at.behave(f, cert); err != nil {
		t.Fatal(err)
	}
	end, before := time.Now(), at.taken()
	if host != own {
		if err := s.mend(f.url(own, secure), f.options(own, secure)); err != nil {
			t.Fatal(err)
		}
	}
	awaitRecovery(s, at, &out, end, before, wrong)
	stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.search(s.log.String())
	if s.leak != "" {
		wrong("a secret is in %q", s.leak)
	}
	if missed := st.verdict(); missed != "" {
		wrong("the healthy destination: %s", missed)
	}
	return out, problems
}

// suffer waits for what the fault does, and checks that it is as expected.
func suffer(s *subject, want expected, out *outcome, wrong func(string, ...any)) {
	const enough = 2 // failures: the second attempt must end as the first
	if want.fine {
		if !s.await(patience, func(last report, _ []report) bool { return last.isActive() }) {
			wrong("not active within %v", patience)
		}
		time.Sleep(harmlessTime)
	} else {
		s.await(patience, func(_ report, errors []report) bool { return len(errors) >= enough })
	}
	last, errors := s.failures()
	out.state = last.state
	if len(errors) == 0 {
		if !want.fine {
			wrong("no failure within %v, state %s", patience, last.state)
		}
		return
	}
	out.cause, out.words = errors[0].cause, errors[0].message
	for _, e := range errors {
		if want.fine || !slices.Contains(want.causes, e.cause) {
			wrong("cause %q, expected %v (fine %v): %s", e.cause, want.causes, want.fine, e.message)
		}
	}
}

// awaitRecovery waits until the receiver takes the programme again.
func awaitRecovery(s *subject, at *site, out *outcome, end time.Time, before int64, wrong func(string, ...any)) {
	again := func(last report, _ []report) bool {
		// Media of WHIP go past the site: without harm, nothing comes there again.
		return last.isActive() && (last.connected.After(end) || out.words == "") && (at.taken() > before || out.words == "" && out.kind == "whip")
	}
	limit := time.Now().Add(patience)
	for !s.await(100*time.Millisecond, again) {
		if time.Now().After(limit) {
			last, errors := s.failures()
			wrong("not active again within %v: state %s, %d errors: %+v", patience, last.state, len(errors), errors[max(0, len(errors)-2):])
			return
		}
	}
	out.back = time.Since(end)
}
