package request

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
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
	if !strings.Contains(err.Error(), "507") && !errors.Is(err, io.EOF) && output.CauseOf(err) != output.CauseClosed {
		t.Errorf("got %v", err)
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
