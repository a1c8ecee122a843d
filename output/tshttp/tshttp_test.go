package tshttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/tscheck"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target(t *testing.T, rawURL string, options ...string) output.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	tg := output.Target{Name: "test", URL: u, Options: map[string]string{}, WriteTimeout: 5 * time.Second, Agent: "encoderbox 0.0", Log: slog.New(slog.DiscardHandler)}
	for i := 0; i < len(options); i += 2 {
		tg.Options[options[i]] = options[i+1]
	}
	return tg
}

func dial(t *testing.T, tg output.Target, tracks []*media.Track) (output.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, tg, tracks)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// street is the first seconds of real footage.
func street(t *testing.T, length time.Duration) ([]media.Packet, []*media.Track) {
	t.Helper()
	file, err := footage.StreetMP4(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for n < len(clip.Packets) && clip.Packets[n].DTS < length {
		n++
	}
	return clip.Packets[:n], clip.Tracks
}

// send writes packets, as a live programme brings them where paced, and closes.
func send(t *testing.T, c output.Conn, ps []media.Packet, paced bool) {
	t.Helper()
	start := time.Now()
	for _, p := range ps {
		if paced {
			time.Sleep(p.DTS - time.Since(start))
		}
		if err := c.Write(p); err != nil {
			t.Fatalf("at %v: %v", p.DTS, err)
		}
	}
	if paced {
		time.Sleep(600 * time.Millisecond) // what a constant rate holds back
	}
	if c.Stats().BytesSent == 0 {
		t.Error("no bytes counted")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// passes checks what arrived: by the rules, by ffmpeg, and for sound with picture.
func passes(t *testing.T, stream []byte, o tscheck.Options, ps []media.Packet) {
	t.Helper()
	r, err := tscheck.Check(bytes.NewReader(stream), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Error(f)
	}
	if n := len(r.Units); n < len(ps)*9/10 || r.Breaks != 0 {
		t.Fatalf("%d access units of %d, %d breaks", n, len(ps), r.Breaks)
	}
	first := map[media.Kind]time.Duration{}
	for i := len(ps) - 1; i >= 0; i-- {
		first[ps[i].Track.Kind()] = ps[i].PTS
	}
	want := first[media.Audio] - first[media.Video]
	if got := r.Of(0x101)[0].PTS - r.Of(0x100)[0].PTS; (got - want).Abs() > 100*time.Microsecond {
		t.Errorf("sound begins %v after the picture, want %v", got, want)
	}
	file := filepath.Join(t.TempDir(), "received.ts")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Decode(t.Context(), file, 0); err != nil {
		t.Error(err)
	}
}

type upload struct {
	method, path, typ, auth string
	body                    []byte
}

// receiver is a Go server that takes one upload.
func receiver(uploads chan<- upload) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		uploads <- upload{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), user + ":" + password, body}
	}
}

func tshttp(u string) string { return "ts" + u }

func TestUpload(t *testing.T) {
	ps, tracks := street(t, 4*time.Second)
	for _, tc := range []struct {
		name, method, rate string
		tls                bool
		o                  tscheck.Options
	}{
		{"PUT", "auto", "", false, tscheck.Options{}},
		{"POST over TLS", "POST", "", true, tscheck.Options{}},
		{"constant rate", "PUT", "4M", false, tscheck.Options{Rate: 4_000_000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			uploads := make(chan upload, 1)
			server := httptest.NewUnstartedServer(receiver(uploads))
			start := server.Start
			if tc.tls {
				start = server.StartTLS
			}
			start()
			defer server.Close()
			u := strings.Replace(tshttp(server.URL), "://", "://joe:sesame@", 1) + "/live/a.ts?token=1"
			tg := target(t, u, "method", tc.method, "mux_rate", tc.rate)
			if tc.tls {
				tg.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
			}
			c, err := dial(t, tg, tracks)
			if err != nil {
				t.Fatal(err)
			}
			send(t, c, ps, tc.rate != "")
			got := <-uploads
			method := http.MethodPut
			if tc.method == "POST" {
				method = http.MethodPost
			}
			if got.method != method || got.path != "/live/a.ts?token=1" || got.typ != "video/mp2t" || got.auth != "joe:sesame" {
				t.Errorf("%s %s of %s by %s", got.method, got.path, got.typ, got.auth)
			}
			passes(t, got.body, tc.o, ps)
			if err := c.Write(ps[0]); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write after Close: %v", err)
			}
		})
	}
}

func TestNginxStoresIt(t *testing.T) {
	ps, tracks := street(t, 6*time.Second)
	o := peer.StartOrigin(t, peer.OriginOptions{})
	c, err := dial(t, target(t, tshttp(o.URL())+"a.ts"), tracks)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, ps, false)
	file := filepath.Join(o.Dir(), "a.ts")
	var stream []byte
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if stream, err = os.ReadFile(file); err == nil {
			break
		}
	}
	passes(t, stream, tscheck.Options{}, ps)
}

func TestFFmpegReceives(t *testing.T) {
	ps, tracks := street(t, 6*time.Second)
	for _, rate := range []string{"", "4M"} {
		t.Run("mux_rate "+rate, func(t *testing.T) {
			l := peer.StartFFmpegListener(t, peer.FFmpegListenerOptions{Scheme: "http", Path: "/live", File: "received.ts"})
			c, err := dial(t, target(t, tshttp(l.URL()), "method", "POST", "mux_rate", rate), tracks)
			if err != nil {
				t.Fatal(err)
			}
			send(t, c, ps, rate != "")
			select {
			case <-l.Done():
			case <-time.After(20 * time.Second):
				t.Fatal("ffmpeg does not end")
			}
			d, err := peer.Decode(t.Context(), l.File(), 0)
			if err != nil || d.Frames < 140 {
				t.Errorf("%d pictures, %v", d.Frames, err)
			}
			p, err := peer.Probe(t.Context(), l.File(), peer.ProbeOptions{Packets: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.CheckTimestamps(); err != nil {
				t.Error(err)
			}
			if off := p.First("audio").StartTime.Duration - p.First("video").StartTime.Duration; off.Abs() > 40*time.Millisecond {
				t.Errorf("sound is %v off the picture", off)
			}
		})
	}
}

// writeUntilError writes as fast as Write lets it.
func writeUntilError(c output.Conn, ps []media.Packet) error {
	for n := time.Duration(0); ; n++ {
		for _, p := range ps {
			p.PTS += n * time.Minute
			p.DTS += n * time.Minute
			if err := c.Write(p); err != nil {
				return err
			}
		}
	}
}

func TestFaults(t *testing.T) {
	ps, tracks := street(t, 4*time.Second)
	ca := peer.NewCA(t)
	front := func(o peer.CertOptions) string {
		cert, err := ca.Certificate(o)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		return tshttp(server.URL)
	}
	answers := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status == http.StatusTemporaryRedirect {
				w.Header().Set("Location", "/again")
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		return tshttp(server.URL) + "/live"
	}
	bad := func(m peer.Manner) string { return "tshttp://" + peer.StartBadPeer(t, m).Addr() }
	other := peer.NewCA(t)
	for _, tc := range []struct {
		name, url string
		trust     *peer.CA
		timeout   time.Duration
		cause     output.Cause
		want      string
	}{
		{"refused", "tshttp://" + peer.Refused(t) + "/a", nil, 0, output.CauseRefused, "is the server running"},
		{"unknown host", "tshttp://nowhere.invalid/a", nil, 0, output.CauseDNS, `"nowhere.invalid"`},
		{"wrong authority", front(peer.CertOptions{}), other, 0, output.CauseTLS, "not signed by an authority"},
		{"expired", front(peer.CertOptions{NotAfter: time.Now().Add(-time.Hour)}), ca, 0, output.CauseTLS, "out of its dates"},
		{"wrong name", front(peer.CertOptions{Hosts: []string{"other.example"}}), ca, 0, output.CauseTLS, "not for the name"},
		{"401", answers(401), nil, 0, output.CauseAuth, "401"},
		{"403", answers(403), nil, 0, output.CauseAuth, "403"},
		{"404", answers(404), nil, 0, output.CauseRejected, "404"},
		{"500", answers(500), nil, 0, output.CauseRejected, "500"},
		{"redirects in a circle", answers(307), nil, 0, output.CauseRejected, "circle"},
		{"a yes before the stream", answers(200), nil, 0, output.CauseRejected, "without taking the stream"},
		{"garbage", bad(peer.Answer([]byte("\x00\x01garbage\r\n\r\n"))), nil, 0, output.CauseRejected, "does not speak HTTP"},
		{"endless header", bad(peer.Answer([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)))), nil, 0, output.CauseRejected, "does not speak HTTP"},
		{"reset at once", bad(peer.ResetAtOnce()), nil, 0, output.CauseClosed, ""},
		{"closes in the middle", bad(peer.CloseAfter(100_000)), nil, 0, output.CauseClosed, ""},
		{"never reads", bad(peer.NeverRead()), nil, time.Second, output.CauseStalled, "has accepted nothing for 1s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tg := target(t, tc.url, "authorization", "Bearer very-secret")
			if tc.timeout > 0 {
				tg.WriteTimeout = tc.timeout
			}
			if tc.trust != nil {
				tg.TLS = &tls.Config{RootCAs: tc.trust.Pool, MinVersion: tls.VersionTLS12}
			}
			c, err := dial(t, tg, tracks)
			if err == nil {
				err = writeUntilError(c, ps)
			}
			if got := output.CauseOf(err); tc.cause != "" && got != tc.cause || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("cause %q of %v, want %q and %q", got, err, tc.cause, tc.want)
			}
			if len(err.Error()) > 500 || strings.Contains(err.Error(), "very-secret") {
				t.Errorf("error %q", err)
			}
			t.Log(output.CauseOf(err), err)
		})
	}
}

func TestASlowReceiverIsWaitedFor(t *testing.T) {
	ps, tracks := street(t, time.Second)
	b := peer.StartBadPeer(t, peer.Trickle(50_000))
	tg := target(t, "tshttp://"+b.Addr())
	tg.WriteTimeout = time.Second
	c, err := dial(t, tg, tracks)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- writeUntilError(c, ps) }()
	select {
	case err := <-failed:
		t.Errorf("given up: %v", err)
	case <-time.After(4 * time.Second):
		_ = c.Close()
		if err := <-failed; err == nil {
			t.Error("Write went on after Close")
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		url     string
		options []string
		want    string
	}{
		{"tshttp://host:80/live", []string{"method", "POST", "mux_rate", "6M", "authorization", "Bearer x", "header.x-key", "v"}, ""},
		{"tshttps://host", []string{"method", "auto"}, ""},
		{"tshttp:///live", nil, "tshttp://HOST:PORT/PATH"},
		{"tshttp://host", []string{"method", "PATCH"}, `method "PATCH"`},
		{"tshttp://host", []string{"mux_rate", "1"}, "mux_rate"},
		{"tshttp://host", []string{"ttl", "1"}, `unknown option "ttl"`},
		{"tshttp://host", []string{"header.host", "x"}, "Host"},
		{"https://host", nil, "scheme"},
	} {
		err := Check(target(t, tc.url, tc.options...))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %v: %v, want %q", tc.url, tc.options, err, tc.want)
		}
	}
}
