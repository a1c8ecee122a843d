package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/request"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t *testing.T, raw string, opts map[string]string, trust *tls.Config) output.Files {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	f, err := HLS.Files(output.Target{Name: "cdn", URL: u, Options: opts, TLS: trust, WriteTimeout: 300 * time.Millisecond, Agent: "encoderbox 1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func file(name, content string) output.File {
	return output.File{Name: name, Type: "video/mp4", Size: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func TestPutIsWhatAnOriginExpects(t *testing.T) {
	type request struct{ method, uri, kind, cache, agent, auth, extra, body string }
	var got []request
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		got = append(got, request{r.Method, r.RequestURI, h.Get("Content-Type"), h.Get("Cache-Control"), h.Get("User-Agent"), h.Get("Authorization"), h.Get("X-Api"), string(body)})
		w.WriteHeader(http.StatusCreated)
	})
	base := strings.Replace(srv.URL, "://", "://me:pass%20word@", 1)
	f := opened(t, base+"/live/index.m3u8?token=abc", map[string]string{"header.x-api": "k"}, nil)
	if err := f.Put(t.Context(), file("video_a_1.m4s", "hello")); err != nil {
		t.Fatal(err)
	}
	list := file("index.m3u8", "#EXTM3U")
	list.Type, list.Volatile = "application/vnd.apple.mpegurl", true
	if err := f.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(t.Context(), "video_a_1.m4s"); err != nil {
		t.Fatal(err)
	}
	const auth = "Basic bWU6cGFzcyB3b3Jk"
	want := []request{
		{"PUT", "/live/video_a_1.m4s?token=abc", "video/mp4", "public, max-age=31536000, immutable", "encoderbox 1", auth, "k", "hello"},
		{"PUT", "/live/index.m3u8?token=abc", "application/vnd.apple.mpegurl", "no-cache", "encoderbox 1", auth, "k", "#EXTM3U"},
		{"DELETE", "/live/video_a_1.m4s?token=abc", "", "", "encoderbox 1", auth, "k", ""},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// A body whose size nobody knows yet goes out in chunks as it comes.
func TestPutOfAFileThatIsStillWritten(t *testing.T) {
	began := make(chan struct{})
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		b := make([]byte, 5)
		if _, err := io.ReadFull(r.Body, b); err != nil || r.ContentLength != -1 {
			t.Errorf("got %q, %v, length %d", b, err, r.ContentLength)
		}
		close(began)
		if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != " and last" {
			t.Errorf("then %q, %v", rest, err)
		}
	})
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte("first"))
		<-began
		_, _ = w.Write([]byte(" and last"))
		w.Close()
	}()
	f := output.File{Name: "x.m4s", Size: -1, Open: func() (io.ReadCloser, error) { return r, nil }}
	if err := opened(t, srv.URL, nil, nil).Put(t.Context(), f); err != nil {
		t.Error(err)
	}
}

func TestAnswersAreTold(t *testing.T) {
	var code int
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "come\x1b[1m back\nsecret")
	})
	f := opened(t, srv.URL, nil, nil)
	for c, want := range map[int]struct {
		cause   string
		lasting bool
	}{
		401: {request.CauseAuth, true}, 403: {request.CauseAuth, true}, 404: {request.CausePath, true}, 405: {request.CauseRejected, true}, 409: {request.CausePath, true},
		413: {request.CauseTooLarge, true}, 507: {request.CauseFull, true}, 400: {request.CauseRejected, true}, 304: {request.CauseRejected, true},
		429: {request.CauseBusy, false}, 503: {request.CauseBusy, false}, 500: {request.CauseServer, false}, 502: {request.CauseServer, false}, 408: {request.CauseServer, false},
	} {
		code = c
		err := f.Put(t.Context(), file("a.m4s", "x"))
		var no *output.AnswerError
		if !errors.As(err, &no) || no.Cause != want.cause || no.Lasting() != want.lasting || no.RetryAfter != 7*time.Second {
			t.Errorf("%d: %+v (%v)", c, no, err)
			continue
		}
		if errors.Is(err, output.ErrRejected) != want.lasting {
			t.Errorf("%d: ErrRejected is %v", c, !want.lasting)
		}
		if c != 304 && (!strings.Contains(err.Error(), fmt.Sprint(c)) || !strings.Contains(err.Error(), "(it says: come[1m back)")) {
			t.Errorf("%d: text %q", c, err)
		}
	}
}

// A server that takes its time to say that it is overloaded is waited for, and
// its wish is kept.
func TestASlowNoIsANo(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(200 * time.Millisecond)
		w.Header().Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	err := opened(t, srv.URL, nil, nil).Put(t.Context(), file("a.m4s", "x"))
	var no *output.AnswerError
	if !errors.As(err, &no) || no.Cause != request.CauseBusy || no.Lasting() || no.RetryAfter < 80*time.Second {
		t.Errorf("got %+v, %v", no, err)
	}
}

func TestTLSAndHTTP2(t *testing.T) {
	var proto string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto = r.Proto }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	err := opened(t, srv.URL, nil, nil).Put(t.Context(), file("a.m4s", "x"))
	if cause := output.CauseOf(err); cause != output.CauseTLS || !errors.Is(err, output.ErrNotSent) || !strings.Contains(err.Error(), "tls_ca") {
		t.Errorf("unknown authority: %v (%s)", err, cause)
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	if err := opened(t, srv.URL, nil, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}).Put(t.Context(), file("a.m4s", "x")); err != nil || proto != "HTTP/2.0" {
		t.Errorf("%v over %s", err, proto)
	}
}

func TestStatTells(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/there":
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Content-Length", "5")
		case "/gone":
			w.WriteHeader(http.StatusNotFound)
		case "/shy":
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	f := opened(t, srv.URL, nil, nil)
	if i, err := f.Stat(t.Context(), "there"); err != nil || i != (output.FileInfo{Size: 5, ETag: `"x"`}) {
		t.Errorf("there: %+v, %v", i, err)
	}
	if _, err := f.Stat(t.Context(), "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	if _, err := f.Stat(t.Context(), "shy"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("shy: %v", err)
	}
	var no *output.AnswerError
	if _, err := f.Stat(t.Context(), "broken"); !errors.As(err, &no) || no.Lasting() {
		t.Errorf("broken: %v", err)
	}
}

// A peer that takes the connection and nothing else, or never answers, is cut
// off; one that sends garbage or too much does not get far.
func TestPeersThatMisbehave(t *testing.T) {
	big := strings.Repeat("x", 64<<20)
	for name, c := range map[string]struct {
		do    func(net.Conn)
		size  int
		cause output.Cause
	}{
		"never reads":   {func(c net.Conn) { time.Sleep(3 * time.Second) }, len(big), output.CauseStalled},
		"never answers": {func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 20); time.Sleep(3 * time.Second) }, 10, output.CauseStalled},
		"closes":        {func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 100<<10) }, len(big), output.CauseClosed},
		"answers garbage": {func(c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, 20)
			_, _ = c.Write([]byte("\x00\x01what\r\n\r\n"))
		}, 10, ""},
		"oversized header": {func(c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, 20)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for range 1000 {
				if _, err := io.WriteString(c, "X-A: "+strings.Repeat("a", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}, 10, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			defer wg.Wait()
			defer l.Close()
			wg.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					c.do(conn)
					conn.Close()
				}
			})
			err = opened(t, "http://"+l.Addr().String(), nil, nil).Put(t.Context(), file("a.m4s", big[:c.size]))
			cause := output.CauseOf(err)
			if err == nil || c.cause != "" && cause != c.cause || errors.Is(err, output.ErrNotSent) {
				t.Errorf("%s: %v", cause, err)
			}
			if err != nil && strings.Contains(err.Error(), "/a.m4s") {
				t.Errorf("the text has the URL: %v", err)
			}
		})
	}
}

// An answer that never ends is not waited for.
func TestEndlessAnswer(t *testing.T) {
	var sent atomic.Int64
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			n, err := w.Write(make([]byte, 32<<10))
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if err := opened(t, srv.URL, nil, nil).Put(t.Context(), file("a.m4s", "x")); err != nil {
		t.Error(err)
	}
	srv.CloseClientConnections()
}

func TestOptionsAreChecked(t *testing.T) {
	u, _ := url.Parse("https://h/x/")
	for name, c := range map[string]struct {
		url  string
		opts map[string]string
		want string
	}{
		"good":    {"", map[string]string{"store": "in_order", "store_share": "30", "delete_old": "true", "dvr": "1h", "method": "POST", "authorization": "Bearer x", "header.X-Y": "z"}, ""},
		"mode":    {"", map[string]string{"store": "sometimes"}, "live_first, in_order or off"},
		"share":   {"", map[string]string{"store_share": "96"}, "5 to 95"},
		"unknown": {"", map[string]string{"latency": "3"}, `"latency" is not known`},
		"header":  {"", map[string]string{"header.a b": "z"}, "not allowed"},
		"value":   {"", map[string]string{"header.A": "secret\r\nX: y"}, "not allowed"},
		"own":     {"", map[string]string{"header.host": "z"}, "box itself"},
		"no host": {"http:///x", nil, "no host"},
		"scheme":  {"ftp://h/x", nil, "not hls+https"},
	} {
		target := output.Target{URL: u, Options: c.opts}
		if c.url != "" {
			target.URL, _ = url.Parse(c.url)
		}
		err := HLS.Check(target)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	secret := output.Target{URL: u, Options: map[string]string{"authorization": "Bearer abcdefgh", "header.X-Key": "ijklmnop"}}
	if got := push.Describe(secret, errors.New("server said abcdefgh and ijklmnop")); strings.Contains(got, "abcdefgh") || strings.Contains(got, "ijklmnop") {
		t.Errorf("not redacted: %s", got)
	}
}

// Nothing reached a server that is not there.
func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	err = opened(t, "http://"+addr, nil, nil).Put(context.Background(), file("a.m4s", "x"))
	if cause := output.CauseOf(err); cause != output.CauseRefused || !errors.Is(err, output.ErrNotSent) {
		t.Errorf("%s: %v", cause, err)
	}
}
