package device

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/push/group"
)

// Off the air a group neither alarms nor has a backup stand in; on the air again its
// members have their time to connect.
func TestAGroupOffTheAirWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBox(Options{Stderr: io.Discard}, &config.Config{})
		main, spare := &actor{box: d, name: "main"}, &actor{box: d, name: "spare"}
		c := d.groupComponent(d.stream("main"), "air", backedUp())
		r, err := c.Make()
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx, func() {}) }()
		synctest.Wait()
		defer d.destinations.add("main", "main", main)()
		defer d.destinations.add("main", "spare", spare)()
		look := func(wait time.Duration) status.Group {
			time.Sleep(wait)
			synctest.Wait()
			return d.store.Load().Streams[0].Groups[0]
		}
		main.report(group.Active)
		require.Equal(t, "main is active", look(time.Second).Text)

		d.destinations.air("main", "off the air: stopped by anna")
		main.report(group.Held)
		spare.report(group.Held)
		g := look(time.Hour)
		require.Equal(t, "off the air", g.Text)
		require.Empty(t, g.Alarm)
		require.Equal(t, "off the air: stopped by anna", main.held)
		require.Equal(t, main.held, spare.held)

		d.destinations.air("main", "")
		require.Empty(t, main.held)
		main.report(group.Away) // it connects
		g = look(4 * time.Second)
		require.Empty(t, g.Alarm)
		require.NotEmpty(t, spare.held, "the first is tried first")
		main.report(group.Active)
		require.Equal(t, "main is active", look(time.Second).Text)
		cancel()
		require.NoError(t, <-ended)
	})
}

// Who is off the air is known while it is being saved: flash is slow, and the loop asks.
func TestWhoIsOffTheAirIsToldWhileItIsSaved(t *testing.T) {
	a := &air{off: map[string]string{}, file: filepath.Join(t.TempDir(), "air.json")}
	told := make(chan string, 1)
	_, err := a.set("main", "stopped by anna", func(string) bool { return true }, func() {
		go func() { told <- a.by("main") }()
		select {
		case by := <-told:
			require.Equal(t, "stopped by anna", by)
		case <-time.After(10 * time.Second):
			t.Error("nobody is told before it is saved")
		}
	})
	require.NoError(t, err)
}

// Who is on the LAN may do what an operator may, and no more.
func TestWhatTheLANMayDo(t *testing.T) {
	b := newBench(t)
	ask := func(method, path, body, from, version string) *httptest.ResponseRecorder {
		host := "http://192.168.1.2:8080"
		if strings.HasPrefix(from, "127.") {
			host = "http://localhost:8080"
		}
		r := httptest.NewRequest(method, host+path, strings.NewReader(body))
		r.RemoteAddr = from
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if version != "" {
			r.Header.Set("If-Match", version)
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	const lan, here = "192.168.1.20:5", "127.0.0.1:5"
	made, err := b.do(t.Context(), root, "config export on")
	require.NoError(t, err)
	export := made.Data.(exported).URL
	for _, c := range []struct {
		method, path, body, from string
		code                     int
	}{
		{"POST", "/api/v1/commands/stream-stop", "", lan, 200},
		{"POST", "/api/v1/commands/stream-start", "", lan, 200},
		{"POST", "/api/v1/commands/destination-disable", `{"args":{"name":"youtube"}}`, lan, 403},
		{"POST", "/api/v1/commands/destination-disable", `{"args":{"name":"youtube"}}`, here, 200},
		{"POST", "/api/v1/commands/show-config", "", lan, 403},
		{"POST", "/api/v1/commands/config-diff", "", lan, 403},
		{"POST", "/api/v1/commands/config-validate", "", lan, 403},
		{"POST", "/api/v1/commands/system-reboot", `{"confirmed":1}`, lan, 403},
		{"GET", export, "", lan, 403},
		{"GET", export, "", here, 200},
		{"GET", "/api/v1/exports/..%2f..%2fencoderd.toml", "", here, 404},
		{"PATCH", "/api/v1/config", `{"log":{"level":"debug"}}`, lan, 403},
	} {
		if w := ask(c.method, c.path, c.body, c.from, ""); w.Code != c.code {
			t.Errorf("%s %s from %s: %d %s, want %d", c.method, c.path, c.from, w.Code, w.Body, c.code)
		}
	}
	version := ask("GET", "/api/v1/config", "", here, "").Header().Get("ETag")
	require.Equal(t, 200, ask("PATCH", "/api/v1/config", `{"log":{"level":"debug"}}`, here, version).Code)
	w := ask("PATCH", "/api/v1/config", `{"log":{"level":"warn"}}`, here, version)
	require.Equal(t, http.StatusConflict, w.Code, w.Body)
	require.Equal(t, "debug", b.keeper.Running().Log.Level)
}

// The recorder's own addresses tell who used them, as commands do.
func TestRecordingByItsOldAddressIsAnEventToo(t *testing.T) {
	b := newBench(t)
	b.recordings.Expect("main")
	defer b.recordings.Mount("main", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stop") {
			w.WriteHeader(http.StatusConflict)
		}
	}))()
	for _, what := range []string{"start", "stop"} {
		r := httptest.NewRequest(http.MethodPost, "http://192.168.1.2:8080/api/v1/streams/main/recordings/"+what, nil)
		r.RemoteAddr = "192.168.1.20:5"
		b.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	require.Equal(t, []string{"command: record start: by 192.168.1.20 (api)"}, b.events())
}
