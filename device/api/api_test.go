package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

type fakeConfig struct {
	patches []string
	err     error
}

func (f *fakeConfig) ConfigJSON() (doc []byte, version string, err error) {
	return []byte(`{"log":{"level":"info"}}`), "v-1", nil
}

func (f *fakeConfig) PatchConfig(_ context.Context, _, _ string, patch []byte) error {
	f.patches = append(f.patches, string(patch))
	return f.err
}

type call struct {
	method, path, body, contentType string
	remote, host                    string
}

func do(h http.Handler, c call) *httptest.ResponseRecorder {
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	r.RemoteAddr, r.Host = "127.0.0.1:5000", "localhost:8080"
	if c.remote != "" {
		r.RemoteAddr = c.remote
	}
	if c.host != "" {
		r.Host = c.host
	}
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestStatusIsTheSnapshot(t *testing.T) {
	store := status.NewStore("v9")
	store.Stream("main").SetDestination(status.Destination{Name: "yt", State: status.Active})
	w := do(Handler(store, &fakeConfig{}), call{method: http.MethodGet, path: "/api/v1/status", remote: "192.0.2.7:99"})
	var got status.Snapshot
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != 200 || got.Version != "v9" || got.Streams[0].Destinations[0].State != status.Active {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %q", ct)
	}
}

func TestPatchConfig(t *testing.T) {
	const patch = `{"log":{"level":"debug"}}`
	const ct = "application/merge-patch+json"
	invalid := config.Errors{{Key: "log.level", Message: "found \"loud\", expected one of debug, info"}}
	for name, c := range map[string]struct {
		call call
		err  error
		code int
		text string
	}{
		"taken":                         {call{body: patch, contentType: ct}, nil, 200, `"level":"info"`},
		"taken as plain JSON":           {call{body: patch, contentType: "application/json; charset=utf-8"}, nil, 200, "level"},
		"not valid":                     {call{body: patch, contentType: ct}, fmt.Errorf("patch: %w", invalid), 422, "log.level: found"},
		"cannot be saved":               {call{body: patch, contentType: ct}, errors.New("no space left"), 500, "no space left"},
		"over an edit by hand":          {call{body: patch, contentType: ct}, fmt.Errorf("save: %w", config.ErrChanged), 409, "edited since"},
		"a form":                        {call{body: patch, contentType: "text/plain"}, nil, 415, "merge-patch"},
		"too large":                     {call{body: strings.Repeat(" ", maxPatch+1), contentType: ct}, nil, 413, "too large"},
		"from the network":              {call{body: patch, contentType: ct, remote: "192.0.2.7:99"}, nil, 403, "from the box itself"},
		"by a name that is not ours":    {call{body: patch, contentType: ct, host: "attacker.example"}, nil, 403, "from the box itself"},
		"by IPv6":                       {call{body: patch, contentType: ct, remote: "[::1]:99", host: "[::1]:8080"}, nil, 200, "level"},
		"by the address without a port": {call{body: patch, contentType: ct, host: "127.0.0.1"}, nil, 200, "level"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeConfig{err: c.err}
			c.call.method, c.call.path = http.MethodPatch, "/api/v1/config"
			w := do(Handler(status.NewStore(""), f), c.call)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, c.code, c.text)
			}
			if reached := len(f.patches) == 1; reached != (c.code == 200 || c.err != nil) {
				t.Errorf("the configuration saw %q", f.patches)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("not JSON: %s", w.Body)
			}
		})
	}
}

func TestOtherMethodsAndPaths(t *testing.T) {
	h := Handler(status.NewStore(""), &fakeConfig{})
	for path, code := range map[string]int{"/api/v1/nothing": 404, "/api/v2/status": 404} {
		if w := do(h, call{method: http.MethodGet, path: path}); w.Code != code || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := do(h, call{method: http.MethodGet, path: "/api/v1/config", remote: "192.0.2.7:99"}); w.Code != 403 {
		t.Errorf("configuration read from the network: %d", w.Code)
	}
}

// sse reads an event stream: the named events as they come.
type sse struct {
	t *testing.T
	r *bufio.Reader
}

func (s sse) next() (event, id, data string) {
	s.t.Helper()
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && event != "":
			return event, id, data
		case key == "event":
			event = value
		case key == "id":
			id = value
		case key == "data":
			data = value
		}
	}
}

func open(t *testing.T, url, lastID string) sse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Fatalf("content type %q", ct)
	}
	return sse{t, bufio.NewReader(resp.Body)}
}

func TestEventsFollowStatusAndLog(t *testing.T) {
	store := status.NewStore("")
	srv := httptest.NewServer(Handler(store, &fakeConfig{}))
	t.Cleanup(srv.Close)
	store.Log(status.Event{Subject: "a", Message: "before"})
	s := open(t, srv.URL, "")
	if event, id, data := s.next(); event != "log" || id != "1" || !strings.Contains(data, "before") {
		t.Errorf("first %s %s %s", event, id, data)
	}
	if event, id, data := s.next(); event != "status" || id != "" || !strings.Contains(data, `"streams":[]`) {
		t.Errorf("second %s %s %s", event, id, data)
	}
	for n := range 50 { // coalesced: far fewer than fifty snapshots come
		store.Stream("main").SetDestination(status.Destination{Name: "d", Attempts: uint64(n + 1)})
	}
	snapshots := 0
	for data := ""; !strings.Contains(data, `"attempts":50`); snapshots++ {
		if _, _, data = s.next(); snapshots > 10 {
			t.Fatalf("%d snapshots, not coalesced", snapshots)
		}
	}
	store.Log(status.Event{Message: "after"})
	if event, id, _ := s.next(); event != "log" || id != "2" {
		t.Errorf("then %s %s", event, id)
	}
}

func TestEventsGoOnWhereTheClientWas(t *testing.T) {
	store := status.NewStore("")
	srv := httptest.NewServer(Handler(store, &fakeConfig{}))
	t.Cleanup(srv.Close)
	for _, m := range []string{"one", "two", "three"} {
		store.Log(status.Event{Message: m})
	}
	if _, id, data := open(t, srv.URL, "2").next(); id != "3" || !strings.Contains(data, "three") {
		t.Errorf("after 2 came %s: %s", id, data)
	}
	if _, id, _ := open(t, srv.URL, "77").next(); id != "1" {
		t.Errorf("a client from before a restart begins at %s", id)
	}
}
