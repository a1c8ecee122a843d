package request

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/output"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client of a server that answers by h.
func client(t *testing.T, h http.HandlerFunc, options map[string]string) (*Client, *url.URL) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL + "/live/a")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("joe", "sesame")
	c, err := New(output.Target{Options: options, WriteTimeout: time.Second, Agent: "box 1"}, u, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.Base()
}

func TestAStreamIsOneChunkedUpload(t *testing.T) {
	type seen struct {
		method, typ, auth, agent, extra, body string
		chunked                               bool
	}
	got := make(chan seen, 1)
	c, to := client(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got <- seen{
			r.Method, r.Header.Get("Content-Type"), user + ":" + password, r.UserAgent(), r.Header.Get("X-Extra"),
			string(b), r.ContentLength < 0,
		}
	}, map[string]string{"header.x-extra": "yes", "other": "ignored"})
	s, err := c.OpenStream(t.Context(), http.MethodPut, to, "video/mp2t")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"one ", "two ", "three"} {
		if _, err := s.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Errorf("finish: %v", err)
	}
	if st := s.Stats(); st.BytesSent == 0 {
		t.Error("no bytes counted")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	want := seen{"PUT", "video/mp2t", "joe:sesame", "box 1", "yes", "one two three", true}
	if g := <-got; g != want {
		t.Errorf("got %+v, want %+v", g, want)
	}
}

func TestANoComesBeforeTheBody(t *testing.T) {
	c, to := client(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such key", http.StatusForbidden)
	}, nil)
	_, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	var no *output.AnswerError
	if !errors.As(err, &no) || no.Status != 403 || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("got %v", err)
	}
	if output.CauseOf(err) != output.CauseAuth || !errors.Is(err, output.ErrRejected) {
		t.Errorf("cause %q of %v", output.CauseOf(err), err)
	}
}

func TestANoInTheMiddleIsToldByWrite(t *testing.T) {
	c, to := client(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 10))
		http.Error(w, "quota used up", http.StatusInsufficientStorage)
	}, nil)
	s, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for err == nil {
		_, err = s.Write(make([]byte, 1000))
	}
	if !strings.Contains(err.Error(), "507") || !strings.Contains(err.Error(), "quota used up") {
		t.Errorf("got %v", err)
	}
}

// endless says no, begins to say why, and then neither ends nor takes anything.
func endless(stop <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/live/before" {
			_, _ = io.ReadFull(r.Body, make([]byte, 10))
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no such key\n")
		_ = http.NewResponseController(w).Flush()
		<-stop
	}
}

func TestANoWhoseTextNeverEnds(t *testing.T) {
	stop := make(chan struct{})
	c, to := client(t, endless(stop), nil)
	t.Cleanup(func() { close(stop) })
	wrong := func(err error) bool {
		return output.CauseOf(err) != output.CauseAuth || !strings.Contains(err.Error(), "no such key")
	}
	before := *to
	before.Path = "/live/before"
	if _, err := c.OpenStream(t.Context(), http.MethodPost, &before, ""); wrong(err) {
		t.Errorf("before the body: %v", err)
	}
	s, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for err == nil {
		_, err = s.Write(make([]byte, 1000))
	}
	if wrong(err) {
		t.Errorf("in the middle: %v", err)
	}
}

func TestAStreamAnswersADigest(t *testing.T) {
	var asked atomic.Int32
	for _, scheme := range []string{"", authDigest, authBasic} {
		asked.Store(0)
		c, to := client(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Digest ") {
				_, _ = io.Copy(io.Discard, r.Body)
				return
			}
			asked.Add(1)
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, map[string]string{"auth": scheme})
		s, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
		if refused := output.CauseOf(err) == output.CauseAuth; refused != (scheme == authBasic) || asked.Load() != 1 {
			t.Errorf("auth %q: asked %d times: %v", scheme, asked.Load(), err)
		}
		if err == nil {
			if _, err := s.Write([]byte("media")); err != nil {
				t.Error(err)
			}
			if err := s.Finish(t.Context()); err != nil {
				t.Error(err)
			}
			_ = s.Close()
		}
	}
}

func TestAServerThatNeverLikesADigest(t *testing.T) {
	var asked atomic.Int32
	c, to := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="%d", stale=true`, asked.Add(1)))
		w.WriteHeader(http.StatusUnauthorized)
	}, nil)
	if _, err := c.OpenStream(t.Context(), http.MethodPost, to, ""); output.CauseOf(err) != output.CauseAuth || asked.Load() != maxHops+1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestTheServersOwnWordsAreCleaned(t *testing.T) {
	resp := &http.Response{StatusCode: http.StatusForbidden, Status: "403 \x1b[2J" + strings.Repeat("no", 5000), Body: http.NoBody}
	a, err := Read(resp)
	if err != nil || len(a.Status) > 2*maxWords || strings.ContainsRune(Refusal("PUT", "a", a).Text, 0x1b) {
		t.Errorf("%v, %.80q", err, a.Status)
	}
}

func TestNoMovementIsAStallOnlyAfterTheLimit(t *testing.T) {
	stop := make(chan struct{})
	c, to := client(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		<-stop
	}, nil)
	t.Cleanup(func() { close(stop) })
	s, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const limit = 200 * time.Millisecond
	var last time.Time
	for err == nil {
		last = time.Now()
		err = s.Send(make([]byte, 1<<20), limit)
	}
	if !errors.Is(err, output.ErrStalled) || output.CauseOf(err) != output.CauseStalled {
		t.Errorf("got %v", err)
	}
	if took := time.Since(last); took < limit {
		t.Errorf("given up after %v", took) // the lower bound alone: how late the machine is says nothing
	}
}

func TestRedirectsAreFollowedWithoutSecrets(t *testing.T) {
	seen := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- r.URL.Path + " " + r.Header.Get("Authorization")
	}))
	defer other.Close()
	c, to := client(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/there", http.StatusTemporaryRedirect)
	}, map[string]string{"authorization": "Bearer secret"})
	s, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	if got := <-seen; got != "/there " {
		t.Errorf("got %q", got)
	}
}

func TestARedirectLoopEnds(t *testing.T) {
	c, to := client(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again", http.StatusFound)
	}, nil)
	_, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	if err == nil || !strings.Contains(err.Error(), "circle") || output.CauseOf(err) != output.CauseRejected {
		t.Errorf("got %v", err)
	}
}

func TestCloseWakesWrite(t *testing.T) {
	stop := make(chan struct{})
	c, to := client(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		<-stop
	}, nil)
	defer close(stop)
	s, err := c.OpenStream(t.Context(), http.MethodPost, to, "")
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		var err error
		for err == nil {
			_, err = s.Write(make([]byte, 1<<20))
		}
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond)
	_ = s.Close()
	if err := <-failed; err == nil {
		t.Error("no error after Close")
	}
}

func TestTheContextEndsOpening(t *testing.T) {
	stop := make(chan struct{})
	c, to := client(t, func(http.ResponseWriter, *http.Request) { <-stop }, nil)
	defer close(stop)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.OpenStream(ctx, http.MethodPost, to, ""); err == nil {
		t.Error("opened with a context that has ended")
	}
}

func TestWhatIsNoHTTP(t *testing.T) {
	for name, answer := range map[string]string{
		"garbage":      "\x00\x01\x02 nonsense\r\n\r\n",
		"long headers": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var peer sync.WaitGroup
		peer.Go(func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Read(make([]byte, 1000))
			_, _ = io.WriteString(c, answer)
		})
		u := &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/x"}
		c, err := New(output.Target{WriteTimeout: time.Second}, u, true)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.OpenStream(t.Context(), http.MethodPost, u, "")
		if output.CauseOf(err) != output.CauseRejected || !strings.Contains(err.Error(), u.Host) {
			t.Errorf("%s: %q of %v", name, output.CauseOf(err), err)
		}
		c.Close()
		_ = l.Close()
		peer.Wait()
	}
}

// Whoever speaks first, or hangs up before the request is there, is found out by
// another part of net/http than who answers it.
func TestPeersThatDoNotWaitForTheRequest(t *testing.T) {
	log.SetOutput(io.Discard) // net/http tells there what it does not expect
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	for _, tc := range []struct {
		says string
		want output.Cause
	}{
		{"SSH-2.0-OpenSSH_9.2\r\n", output.CauseRejected},
		{"", output.CauseClosed},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, tc.says)
				if tc.says != "" {
					_, _ = io.Copy(io.Discard, conn)
				}
				_ = conn.Close()
			}
		})
		to := &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/live"}
		c, err := New(output.Target{WriteTimeout: time.Second}, to, true)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := c.OpenStream(t.Context(), http.MethodPost, to, ""); output.CauseOf(err) != tc.want {
				t.Errorf("%q: cause %q of %v", tc.says, output.CauseOf(err), err)
			}
		}
		c.Close()
		_ = l.Close()
		serving.Wait()
	}
}
