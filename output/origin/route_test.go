package origin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/encoderbox/encoderbox/output"
)

// seen is a server's record of requests: host's part of the answer, path and
// query, Authorization, and the body.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) add(server string, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprintf("%s %s %s %q %s", server, r.Method, r.RequestURI, r.Header.Get("Authorization"), body))
}

func (s *seen) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	return all
}

func TestARedirectIsRememberedAndSecretsStayAtHome(t *testing.T) {
	for _, code := range []int{301, 302, 307, 308} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			var record seen
			var full atomic.Bool
			edge := serve(t, func(w http.ResponseWriter, r *http.Request) {
				record.add("edge", r)
				if full.Load() {
					w.WriteHeader(http.StatusForbidden)
				}
			})
			var target atomic.Pointer[string]
			to := edge.URL + "/edge/7/"
			target.Store(&to)
			home := serve(t, func(w http.ResponseWriter, r *http.Request) {
				record.add("home", r)
				if to := *target.Load(); to != "" {
					http.Redirect(w, r, to+r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]+"?s=edge-token", code)
				}
			})
			f := opened(t, home.URL+"/live/?token=home-token", map[string]string{"authorization": "Bearer word"}, nil)
			for _, name := range []string{"a.m4s", "b.m4s"} {
				if err := f.Put(t.Context(), file(name, "x")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := f.Stat(t.Context(), "a.m4s"); err != nil {
				t.Error(err)
			}
			if err := f.Delete(t.Context(), "a.m4s"); err != nil {
				t.Error(err)
			}
			same(t, record.take(), []string{
				`home PUT /live/a.m4s?token=home-token "Bearer word" `, // Expect: the body was not sent there
				`edge PUT /edge/7/a.m4s?s=edge-token "" x`,
				`edge PUT /edge/7/b.m4s?s=edge-token "" x`,
				`edge HEAD /edge/7/a.m4s?s=edge-token "" `,
				`edge DELETE /edge/7/a.m4s?s=edge-token "" `,
			})
			// The edge no longer takes it: home is asked at once.
			full.Store(true)
			none := ""
			target.Store(&none)
			if err := f.Put(t.Context(), file("c.m4s", "x")); err != nil {
				t.Error(err)
			}
			same(t, record.take(), []string{`edge PUT /edge/7/c.m4s?s=edge-token "" x`, `home PUT /live/c.m4s?token=home-token "Bearer word" x`})
		})
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); strings.ReplaceAll(g, `" x`, `" `) != strings.ReplaceAll(w, `" x`, `" `) {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// An edge that has gone is not asked for ever.
func TestARememberedServerThatHasGoneIsForgotten(t *testing.T) {
	edge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	var gone atomic.Bool
	home := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if !gone.Load() {
			http.Redirect(w, r, edge.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}
	})
	f := opened(t, home.URL+"/x/", nil, nil)
	if err := f.Put(t.Context(), file("a.m4s", "x")); err != nil {
		t.Fatal(err)
	}
	edge.Close()
	gone.Store(true)
	if err := f.Put(t.Context(), file("b.m4s", "x")); err == nil {
		t.Error("the edge is gone, and took a file")
	}
	if err := f.Put(t.Context(), file("b.m4s", "x")); err != nil {
		t.Errorf("then: %v", err)
	}
}

func TestRedirectsThatLeadNowhere(t *testing.T) {
	var where string
	var hops atomic.Int32
	home := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		to := where
		if strings.Contains(to, "%d") {
			to = fmt.Sprintf(to, hops.Add(1))
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
	for name, c := range map[string]struct {
		to, want string
		hops     int32
	}{
		"itself":       {"/live/a.m4s?token=secret-word", "in a circle", 0},
		"each other":   {"/loop", "in a circle", 0},
		"without end":  {"/hop%d", "more than 5 times", 6},
		"nowhere":      {"", "no usable address", 0},
		"another kind": {"ftp://x/y", "no usable address", 0},
	} {
		where = c.to
		hops.Store(0)
		err := opened(t, home.URL+"/live/?token=secret-word", nil, nil).Put(t.Context(), file("a.m4s", "body"))
		if !errors.Is(err, output.ErrRejected) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v", name, err)
		}
		if hops.Load() != c.hops {
			t.Errorf("%s: %d hops", name, hops.Load())
		}
	}
}

// Files go out over few connections that stay.
func TestConnectionsPersist(t *testing.T) {
	var opens atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "7.m4s") {
			http.Error(w, "not now", http.StatusServiceUnavailable)
		}
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opens.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	f := opened(t, srv.URL, nil, nil)
	for range 25 {
		var wg sync.WaitGroup
		for lane := range 4 { // two tracks of live, two of the backlog
			wg.Go(func() { _ = f.Put(t.Context(), file(fmt.Sprintf("%d.m4s", lane*2+1), strings.Repeat("x", 100_000))) })
		}
		wg.Wait()
	}
	if n := opens.Load(); n > 8 { // one may be opened just as another becomes free
		t.Errorf("%d connections for 100 files", n)
	}
}

// A token in the query goes with every request, and into no error.
func TestTheQueryIsKeptAndHidden(t *testing.T) {
	var record seen
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		record.add("home", r)
		w.WriteHeader(http.StatusForbidden)
	})
	f := opened(t, srv.URL+"/live?key=secret-word&x=y", map[string]string{"method": "POST"}, nil)
	_, statErr := f.Stat(t.Context(), "a.m4s")
	for _, err := range []error{f.Put(t.Context(), file("a.m4s", "x")), f.Delete(t.Context(), "a.m4s"), statErr} {
		if err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("got %v", err)
		}
	}
	same(t, record.take(), []string{
		`home HEAD /live/a.m4s?key=secret-word&x=y "" `, `home POST /live/a.m4s?key=secret-word&x=y "" x`, `home DELETE /live/a.m4s?key=secret-word&x=y "" `,
	})
	u, _ := url.Parse(srv.URL + "/live?key=secret-word")
	if strings.Contains(output.Redacted(u), "secret-word") {
		t.Error("not redacted")
	}
}

// A server that refuses both ways to ask what is there takes uploads all the same.
func TestVerifyUploads(t *testing.T) {
	var heads, conditions atomic.Int32
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			heads.Add(1)
			w.WriteHeader(http.StatusForbidden)
		}
		if r.Header.Get("If-None-Match") != "" {
			conditions.Add(1)
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	for verify, want := range map[string][2]int32{verifyAuto: {1, 1}, verifyHead: {1, 0}, verifyOff: {0, 0}} {
		heads.Store(0)
		conditions.Store(0)
		f := opened(t, srv.URL, map[string]string{"verify_uploads": verify}, nil)
		if _, err := f.Stat(t.Context(), "a.m4s"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", verify, err)
		}
		again := file("a.m4s", "x")
		again.New = true
		for range 2 {
			if err := f.Put(t.Context(), again); err != nil {
				t.Errorf("%s: %v", verify, err)
			}
		}
		if heads.Load() != want[0] || conditions.Load() != want[1] {
			t.Errorf("%s: %d HEADs, %d conditions", verify, heads.Load(), conditions.Load())
		}
	}
}

func TestCacheControl(t *testing.T) {
	var got []string
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Cache-Control")) })
	f := opened(t, srv.URL, map[string]string{"cache_control": "max-age=60"}, nil)
	list := file("manifest.mpd", "<MPD/>")
	list.Volatile = true
	if err := errors.Join(f.Put(t.Context(), file("a.m4s", "x")), f.Put(t.Context(), list)); err != nil || fmt.Sprint(got) != "[max-age=60 no-cache]" {
		t.Errorf("%q, %v", got, err)
	}
}
