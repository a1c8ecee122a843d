package forward

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output/origin"
)

// compressed makes a rig push to a real server, in time that is compressed by a
// hundred: a segment of two seconds comes every 20 ms.
func compressed(t *testing.T, st *stream, raw string, opts map[string]string) *rig {
	t.Helper()
	r := newRig(t, st, newServer(0), opts)
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	r.spec.Kind, r.spec.Target.URL = origin.HLS, u
	r.poll = 5 * time.Millisecond
	st.cut() // it begins with the first
	r.spec.RetryDelay, r.spec.RetryMax, r.spec.Target.WriteTimeout = 50*time.Millisecond, 200*time.Millisecond, time.Second
	return r
}

func (r *rig) fast(n int) {
	for range n {
		time.Sleep(20 * time.Millisecond)
		r.stream.cut()
	}
}

// await waits for the destination to be where it should.
func (r *rig) await(what string, f func(Status) bool) {
	r.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !f(r.dest.Status()) {
		if time.Now().After(deadline) {
			r.t.Fatalf("not %s: %+v", what, r.dest.Status())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func done(st Status) bool { return st.State == Live && st.LagSegments == 0 }

func TestNginxHasEverythingAfterTenMinutesAway(t *testing.T) {
	for _, mode := range []string{"live_first", "in_order"} {
		t.Run(mode, func(t *testing.T) {
			o := peer.StartOrigin(t, peer.OriginOptions{})
			r := compressed(t, newStream("a1", 1), o.URL(), map[string]string{"store": mode, "store_share": "90", "dvr": "1h"})
			r.start()
			defer func() { r.stop() }()
			r.fast(20)
			r.await("live", done)
			o.Kill() // in the middle of whatever it did
			r.fast(150)
			r.await("behind", func(st Status) bool { return st.State == Retrying && st.Stored })
			r.stop() // and the box is restarted, twice
			r.start()
			r.fast(150)
			o.Start()
			r.fast(50)
			r.stop()
			r.start()
			r.fast(10)
			r.await("live", done)
			for _, name := range []string{"video.m3u8", "audio.m3u8"} {
				r.await(name+" up to date", func(Status) bool {
					list, _ := os.ReadFile(filepath.Join(o.Dir(), name))
					return strings.Contains(string(list), fmt.Sprintf("_%d.m4s", r.stream.next-1))
				})
			}
			r.stop()
			if st := r.dest.Status(); st.Skipped > 0 {
				t.Errorf("skipped %d segments", st.Skipped)
			}
			wantOnce(t, o, r.stream.all)
			if mode == "live_first" {
				list, err := os.ReadFile(filepath.Join(o.Dir(), "dvr_video.m3u8"))
				if n := strings.Count(string(list), "#EXTINF"); err != nil || n == 0 {
					t.Errorf("the playlist of the past has %d segments: %v", n, err)
				}
			}
		})
	}
}

// wantOnce checks the origin's files, and its own log of how they came.
func wantOnce(t *testing.T, o *peer.Origin, want map[string][]byte) {
	t.Helper()
	stored := map[string]int{}
	requests, err := o.Requests()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range requests {
		if q.Method == http.MethodPut && q.Status/100 == 2 {
			stored[filepath.Base(q.Path)]++
		}
	}
	for name, content := range want {
		switch got, err := os.ReadFile(filepath.Join(o.Dir(), name)); {
		case err != nil:
			t.Error(err)
		case !bytes.Equal(got, content):
			t.Errorf("%s: %d bytes, want %d, or others", name, len(got), len(content))
		case stored[name] != 1:
			t.Errorf("%s was stored %d times", name, stored[name])
		}
	}
}

// What has left the playlists is deleted, and nothing that they name.
func TestNginxIsTidiedUp(t *testing.T) {
	o := peer.StartOrigin(t, peer.OriginOptions{})
	r := compressed(t, newStream("a1", 1), o.URL(), map[string]string{"delete_old": "true", "dvr": "0s"})
	r.start()
	defer func() { r.stop() }()
	r.fast(30)
	r.await("live", done)
	r.stop() // what it knows of the files to delete survives
	r.start()
	r.fast(10)
	r.await("tidy", func(Status) bool {
		files, err := filepath.Glob(filepath.Join(o.Dir(), "*.m4s"))
		return err == nil && len(files) == 2*windowLen
	})
	for _, name := range []string{"video.m3u8", "audio.m3u8", "index.m3u8"} {
		list, err := os.ReadFile(filepath.Join(o.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range references(string(list)) {
			if _, err := os.Stat(filepath.Join(o.Dir(), ref)); err != nil {
				t.Errorf("%s names what is not there: %v", name, err)
			}
		}
	}
}

func TestNginxRefusesLargeFiles(t *testing.T) {
	o := peer.StartOrigin(t, peer.OriginOptions{MaxBody: 50_000})
	r := compressed(t, newStream("a1", 1), o.URL(), nil)
	r.start()
	defer func() { r.stop() }()
	r.fast(5)
	r.await("failed", func(st Status) bool { return st.State == Failed })
	if st := r.dest.Status(); st.Cause != CauseTooLarge || !strings.Contains(st.Errors[0].Message, "client_max_body_size") {
		t.Errorf("%+v", st)
	}
}

// A server that does everything wrong now and then has every segment all the
// same, each once.
func TestFaultyServer(t *testing.T) {
	faults := map[string]func(w http.ResponseWriter, keep func()){
		"drops the connection": func(http.ResponseWriter, func()) { panic(http.ErrAbortHandler) },
		"loses its answer":     func(_ http.ResponseWriter, keep func()) { keep(); panic(http.ErrAbortHandler) },
		"stalls":               func(http.ResponseWriter, func()) { time.Sleep(1500 * time.Millisecond); panic(http.ErrAbortHandler) },
		"500":                  func(w http.ResponseWriter, _ func()) { w.WriteHeader(http.StatusInternalServerError) },
		"502 after it was stored": func(w http.ResponseWriter, keep func()) {
			keep()
			w.WriteHeader(http.StatusBadGateway)
		},
		"429": func(w http.ResponseWriter, _ func()) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"507": func(w http.ResponseWriter, _ func()) { w.WriteHeader(http.StatusInsufficientStorage) },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newServer(0)
			var mu sync.Mutex
			puts := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				file := filepath.Base(q.URL.Path)
				if q.Method == http.MethodHead {
					info, err := v.Stat(q.Context(), file)
					if err != nil {
						w.WriteHeader(http.StatusNotFound)
						return
					}
					w.Header().Set("Content-Length", fmt.Sprint(info.Size))
					return
				}
				mu.Lock()
				puts++
				bad := puts%9 == 4
				mu.Unlock()
				if bad && name == "drops the connection" {
					_, _ = io.CopyN(io.Discard, q.Body, 5000)
					fault(w, nil)
				}
				body, err := io.ReadAll(q.Body)
				if err != nil {
					return
				}
				keep := func() {
					v.set(func() { v.check(file, body); v.files[file] = body; v.puts[file]++ })
				}
				if bad {
					fault(w, keep)
					return
				}
				keep()
				w.WriteHeader(http.StatusCreated)
			}))
			defer srv.Close()
			r := compressed(t, newStream("a1", 1), srv.URL, map[string]string{"store": "in_order"})
			r.server = v
			r.start()
			r.fast(25)
			r.await("live", func(st Status) bool { return done(st) && st.Segments == 26 })
			r.stop()
			r.wantAll(50)
			st := r.dest.Status()
			if st.Retries+st.Verified == 0 || st.Skipped > 0 { // what was stored all the same is not sent again
				t.Errorf("%+v", st)
			}
			if stores := name == "loses its answer" || name == "502 after it was stored"; stores && st.Verified == 0 {
				t.Errorf("nothing was verified: %+v", st)
			}
			for _, e := range st.Errors {
				if strings.Contains(e.Message, "secret") || strings.Contains(e.Message, "\n") {
					t.Errorf("error %q", e.Message)
				}
			}
		})
	}
}
