package preflight

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func set() (bool, string) { return true, "set" }

// listen accepts connections and closes them; it returns its address.
func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

// rig is a fake kind and a target of it.
type rig struct {
	kind output.Kind
	conn *conn
	t    output.Target
	o    Options
}

func newRig(t *testing.T, address string) *rig {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{conn: &conn{closed: make(chan struct{})}, t: output.Target{Name: "main", URL: u}}
	r.o = Options{Synchronised: set, Measure: 200 * time.Millisecond, Needed: 1_000_000, Pattern: newPattern}
	r.kind = output.Kind{
		Name: "fake", Title: "Fake", Transports: []string{"tcp"},
		Dial: func(context.Context, output.Target, []*media.Track) (output.Conn, error) { return r.conn, nil },
	}
	return r
}

func (r *rig) run(t *testing.T) Report {
	t.Helper()
	var told []string
	r.o.Progress = func(s Step) { told = append(told, s.Name) }
	report := Run(t.Context(), r.kind, r.t, r.o)
	var names []string
	for _, s := range report.Steps {
		names = append(names, s.Name)
		if s.Text == "" || strings.Contains(s.Text, "secret") || (s.Verdict == Bad) != (s.Cause != "") {
			t.Errorf("step %+v", s)
		}
	}
	if !slices.Equal(told, names) {
		t.Errorf("told %q of %q", told, names)
	}
	return report
}

func (r Report) verdict(step string) Verdict {
	for _, s := range r.Steps {
		if s.Name == step {
			return s.Verdict
		}
	}
	return ""
}

// conn is a receiver that takes everything, or blocks.
type conn struct {
	blocks bool
	keeps  uint64 // of so many bytes, one arrives; 0: all do
	short  uint64 // bytes that are still on their way
	fail   error

	mu     sync.Mutex
	bytes  uint64
	once   sync.Once
	closed chan struct{}
}

func (c *conn) Write(p media.Packet) error {
	if c.fail != nil {
		return c.fail
	}
	if c.blocks {
		<-c.closed
		return net.ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += uint64(len(p.Data))
	return nil
}

func (c *conn) Stats() output.ConnStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := output.ConnStats{BytesSent: c.bytes, RTT: 3 * time.Millisecond}
	s.Outstanding = c.short
	if c.keeps > 0 {
		s.Outstanding = c.bytes - c.bytes/c.keeps
	}
	return s
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// pattern is 100 packets a second.
type pattern struct {
	n    int64
	size int
}

func newPattern(bitrate int) (Pattern, error) { return &pattern{size: bitrate / 800}, nil }

func (*pattern) Tracks() []*media.Track { return []*media.Track{{Codec: media.H264}} }

func (p *pattern) Next() media.Packet {
	at := time.Duration(p.n) * 10 * time.Millisecond
	p.n++
	return media.Packet{DTS: at, PTS: at, Data: make([]byte, p.size)}
}

func TestWithoutPublishingNothingIsPublished(t *testing.T) {
	r := newRig(t, "fake://"+listen(t)+"/app")
	r.kind.Dial = func(context.Context, output.Target, []*media.Track) (output.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}
	got := r.run(t)
	if !got.Go || got.verdict(StepConnect) != Good || got.verdict(StepPublish) != Skipped || !strings.Contains(got.Reason, "not tried") || got.RTT <= 0 {
		t.Errorf("%+v", got)
	}
}

func TestPublishingMeasures(t *testing.T) {
	r := newRig(t, "fake://"+listen(t)+"/app")
	r.o.Publish = true
	got := r.run(t)
	if !got.Go || got.verdict(StepThroughput) != Good || got.Throughput == 0 || got.RTT != 3 {
		t.Errorf("%+v", got)
	}
	select {
	case <-r.conn.closed:
	default:
		t.Error("the connection was left open")
	}
}

func TestWhatStandsInTheWay(t *testing.T) {
	good := "rtmp://" + listen(t) + "/app/secret-key"
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Close()
	for name, c := range map[string]struct {
		url   string
		alter func(*rig)
		step  string
		cause output.Cause
	}{
		"options":         {good, func(r *rig) { r.kind.Check = func(output.Target) error { return errors.New("no host") } }, StepConfiguration, output.CauseLocal},
		"name":            {"fake://nothing.invalid:1/x", nil, StepResolve, output.CauseDNS},
		"refused":         {"fake://" + refused.Addr().String(), nil, StepConnect, output.CauseRefused},
		"no interface":    {good, func(r *rig) { r.t.Options = map[string]string{"interface": "nowhere0"} }, StepConnect, output.CauseLocal},
		"rejected":        {good, func(r *rig) { r.kind.Dial = rejects }, StepPublish, output.CauseRejected},
		"breaks":          {good, func(r *rig) { r.conn.fail = io.EOF }, StepThroughput, output.CauseClosed},
		"too slow":        {good, func(r *rig) { r.conn.keeps = 3 }, StepThroughput, output.CauseNetwork},
		"sound, too slow": {good, func(r *rig) { r.conn.keeps, r.o.Pattern = 2, thin }, StepThroughput, output.CauseNetwork},
		"pattern": {good, func(r *rig) {
			r.o.Pattern = func(int) (Pattern, error) { return nil, errors.New("no encoder") }
		}, StepPublish, output.CauseLocal},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.url)
			r.o.Publish = true
			r.o.Describe = func(err error) string { return strings.ReplaceAll(err.Error(), "secret-key", "***") }
			if c.alter != nil {
				c.alter(r)
			}
			got := r.run(t)
			if got.Go || got.verdict(c.step) != Bad || got.Cause != c.cause || !strings.HasPrefix(got.Reason, c.step+": ") {
				t.Errorf("%+v, want %s at %s", got, c.cause, c.step)
			}
		})
	}
}

func rejects(context.Context, output.Target, []*media.Track) (output.Conn, error) {
	return nil, output.ErrRejected
}

func thin(int) (Pattern, error) { return &pattern{size: 100}, nil }

// Sound cannot be filled up to a rate: what is offered is what can be asked for.
func TestAPatternOfLessThanIsNeeded(t *testing.T) {
	r := newRig(t, "fake://"+listen(t)+"/app")
	r.o.Publish, r.o.Pattern = true, thin              // 80 kb/s
	for _, needed := range []int{50_000_000, 80_000} { // MP3 is exactly at its rate
		if r.o.Needed = needed; needed == 80_000 {
			r.conn.short = 90
		}
		if got := r.run(t); !got.Go || got.verdict(StepThroughput) != Good {
			t.Errorf("%+v", got)
		}
	}
}

func TestDatagramsThatNobodyAnswers(t *testing.T) {
	r := newRig(t, "udp://127.0.0.1:9")
	r.kind.Name, r.kind.Transports, r.o.Publish = "udp", []string{"udp"}, true
	got := r.run(t)
	for _, s := range got.Steps {
		if strings.Contains(s.Text, "accepted") || strings.Contains(s.Text, "taken") {
			t.Errorf("%+v: nobody can know that", s)
		}
	}
	if !got.Go {
		t.Errorf("%+v", got)
	}
}

func TestAReceiverThatTakesNothingIsLeft(t *testing.T) {
	r := newRig(t, "fake://"+listen(t))
	r.o.Publish, r.conn.blocks = true, true
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	got := Run(ctx, r.kind, r.t, r.o)
	if got.Go || got.Cause != output.CauseStalled {
		t.Errorf("%+v", got)
	}
}

func TestTLSIsLookedAt(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	r := newRig(t, server.URL)
	got := r.run(t)
	if got.Go || got.verdict(StepTLS) != Bad || got.Cause != output.CauseTLS {
		t.Errorf("untrusted: %+v", got)
	}
	r.t.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	r.t.TLS.ServerName = "example.com"
	if got := r.run(t); !got.Go || got.verdict(StepTLS) != Good {
		t.Errorf("trusted: %+v", got)
	}
}

func TestTheClockAndTheStreamAreWarnings(t *testing.T) {
	r := newRig(t, "fake://"+listen(t))
	r.o.Synchronised = func() (bool, string) { return false, "no NTP" }
	r.o.Complaints = []string{"too many rows", "no sound"}
	got := r.run(t)
	if !got.Go || got.verdict(StepClock) != Warning || got.verdict(StepStream) != Warning || !strings.Contains(got.Reason, "2 to look at") {
		t.Errorf("%+v", got)
	}
}

func TestWhereAConnectionGoes(t *testing.T) {
	for _, c := range []struct {
		kind, url string
		options   map[string]string
		want      string
	}{
		{"rtmp", "rtmp://h/a/k", nil, "h:1935 rtmp"},
		{"rtmps", "rtmps://[::1]/a/k", nil, "[::1]:443 rtmps"},
		{"hls", "hls+https://h/x", nil, "h:443 https"},
		{"whip", "whip+http://h:8889/x", nil, "h:8889 http"},
		{"s3", "s3://b/x", map[string]string{"region": "eu-west-1"}, "b.s3.eu-west-1.amazonaws.com:443 https"},
		{"s3", "s3://b/x", map[string]string{"endpoint": "http://minio:9000"}, "minio:9000 http"},
		{"srt", "srt://:9000?mode=listener", nil, ":9000 srt"},
		{"icecast", "icecast+http://:p@h/live", nil, "h:8000 http"},
		{"icecast", "icecast+https://:p@h/live", nil, "h:443 https"},
		{"shoutcast", "shoutcast://:p@h", nil, "h:8001 shoutcast"},
		{"shoutcast", "shoutcast://:p@h:9000", nil, "h:9001 shoutcast"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		address, _, scheme := connectionOf(u, c.kind, c.options)
		if got := address + " " + scheme; got != c.want {
			t.Errorf("%s: %s, want %s", c.url, got, c.want)
		}
	}
}

func TestAnActiveDestinationMayTakeNoSecondConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	r := newRig(t, "fake://"+l.Addr().String())
	r.o.Busy = true
	if got := r.run(t); !got.Go || got.verdict(StepConnect) != Skipped {
		t.Errorf("%+v", got)
	}
}
