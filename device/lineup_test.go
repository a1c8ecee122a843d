package device

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/push/group"
)

// actor is a member that does what it is told, at once.
type actor struct {
	box  *box
	name string
	held string

	mu    sync.Mutex // guards the field below
	calls []string
}

func (a *actor) Pause(by string) error { a.note("pause by " + by); return nil }
func (a *actor) Resume() error         { a.note("resume"); return nil }
func (a *actor) Retry() error          { return push.ErrPaused }

func (a *actor) note(call string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
}
func (a *actor) Hold(reason string) { a.held = reason }

// report tells what has come of it.
func (a *actor) report(state group.State) {
	if a.held != "" {
		state = group.Held
	}
	a.box.destinations.note("main", a.name, state)
}

// backedUp is a group of main, for which spare stands in.
func backedUp() config.Group {
	return config.Group{
		Members: "main, spare", Policy: "primary_backup", Minimum: 1,
		FailoverAfter: config.Duration(5 * time.Second), FailbackAfter: config.Duration(30 * time.Second), Grace: config.Duration(10 * time.Second),
	}
}

func TestABackupStandsInOnTheBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBox(Options{Stderr: io.Discard}, &config.Config{})
		main, spare := &actor{box: d, name: "main"}, &actor{box: d, name: "spare"}
		c := d.groupComponent(d.stream("main"), "air", backedUp())
		r, err := c.Make()
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		decided := make(chan struct{})
		go func() { ended <- r.Run(ctx, func() { close(decided) }) }()
		<-decided // before its members begin
		defer d.destinations.add("main", "main", main)()
		defer d.destinations.add("main", "spare", spare)()
		require.Equal(t, "standby: main waits for the stream", spare.held)

		step := func(wait time.Duration, mainState, spareState group.State) status.Stream {
			main.report(mainState)
			synctest.Wait() // the group may hold the other for it
			spare.report(spareState)
			time.Sleep(wait)
			synctest.Wait()
			return d.store.Load().Streams[0]
		}
		st := step(time.Second, group.Active, group.Waiting)
		require.Equal(t, "standby: main is active", spare.held)
		require.Equal(t, []status.Group{{Name: "air", Policy: "primary_backup", Members: []string{"main", "spare"}, Minimum: 1, Active: 1, Text: "main is active"}}, st.Groups)

		st = step(11*time.Second, group.Away, group.Waiting)
		require.Empty(t, spare.held)
		require.Equal(t, "0 of 2 members are active, the minimum is 1", st.Groups[0].Alarm)
		require.Equal(t, "group.minimum.air", st.Conditions[0].Code)
		st = step(time.Second, group.Away, group.Active)
		require.Equal(t, "spare stands in for main", st.Groups[0].Text)
		require.Empty(t, st.Conditions)
		step(29*time.Second, group.Active, group.Active)
		require.Empty(t, spare.held)
		step(2*time.Second, group.Active, group.Active)
		require.Equal(t, "standby: main is active", spare.held)
		require.Empty(t, main.held)

		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, "standby: main is active", spare.held, "another configuration of the group may want the same")
		d.destinations.free("main", map[string]bool{"spare": true})
		require.NotEmpty(t, spare.held)
		d.destinations.free("main", nil)
		require.Empty(t, spare.held)
		c.Removed()
		require.Empty(t, d.store.Load().Streams[0].Groups)

		events, _ := d.store.Events(0)
		var told []string
		for _, e := range events {
			if e.Subject == "group air" {
				told = append(told, string(e.Severity)+" "+e.Message)
			}
		}
		require.Equal(t, []string{
			"warning spare is to stand in for main", "error 0 of 2 members are active, the minimum is 1",
			"warning spare stands in for main", "info enough destinations are active again", "info main is active",
		}, told)
	})
}

func TestDestinationsWaitForTheirGroups(t *testing.T) {
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	cfg := &config.Config{Streams: map[string]config.Stream{"main": {Groups: map[string]config.Group{"air": {Members: "a,b"}}}}}
	dest := config.DefaultDestination()
	dest.URL = config.NewSecretURL("rtmp://h/app/key")
	require.Equal(t, []string{"stream main/group air"}, d.pushComponent(cfg, d.stream("main"), "b", dest).Needs)
	require.Empty(t, d.pushComponent(cfg, d.stream("main"), "c", dest).Needs)
	dest.URL = config.NewSecretURL("https://h/live/")
	require.Equal(t, []string{"stream main/group air", "stream main/storage"}, d.forwardComponent(cfg, d.stream("main"), "a", dest).Needs)
}

func TestDestinationCommands(t *testing.T) {
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	a := &actor{box: d, name: "platform"}
	remove := d.destinations.add("main", "platform", a)
	ask := func(method, path, from, origin string) (int, string) {
		r := httptest.NewRequest(method, "http://192.168.1.2:8080/api/v1/streams/main/destinations/"+path, nil)
		r.RemoteAddr = from
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, tc := range []struct {
		method, path, from, origin string
		code                       int
		want                       string
	}{
		{"POST", "platform/pause", "192.168.1.20:5", "", http.StatusNoContent, ""},
		{"POST", "platform/resume", "127.0.0.1:5", "", http.StatusNoContent, ""},
		{"POST", "platform/retry", "127.0.0.1:5", "", http.StatusConflict, "the destination is paused: resume it"},
		{"POST", "platform/explode", "127.0.0.1:5", "", http.StatusNotFound, "expected pause, resume or retry"},
		{"POST", "other/pause", "127.0.0.1:5", "", http.StatusNotFound, `has none named \"other\" that runs`},
		{"POST", "platform/pause", "192.168.1.20:5", "http://evil.example", http.StatusForbidden, "web pages of other addresses"},
		{"GET", "platform/pause", "192.168.1.20:5", "", http.StatusNotFound, ""},
	} {
		if code, body := ask(tc.method, tc.path, tc.from, tc.origin); code != tc.code || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s: %d %s, want %d %s", tc.method, tc.path, code, body, tc.code, tc.want)
		}
	}
	require.Equal(t, []string{"pause by 192.168.1.20", "resume"}, a.calls)
	remove()
	require.ErrorIs(t, d.RetryDestination("main", "platform"), errNoDestination)
}

func TestStatesAsGroupsSeeThem(t *testing.T) {
	for _, tc := range []struct {
		s    push.Status
		want group.State
	}{
		{push.Status{State: push.Disabled}, group.Out},
		{push.Status{State: push.Disabled, Enabled: true, Paused: true, Held: true}, group.Out},
		{push.Status{State: push.Disabled, Enabled: true, Held: true}, group.Held},
		{push.Status{State: push.Disabled, Enabled: true}, group.Waiting},
		{push.Status{State: push.Starting, Enabled: true}, group.Waiting},
		{push.Status{State: push.Connecting, Enabled: true}, group.Away},
		{push.Status{State: push.Failed, Enabled: true}, group.Away},
		{push.Status{State: push.Active, Enabled: true}, group.Active},
	} {
		if got := pushState(tc.s); got != tc.want {
			t.Errorf("%+v: %v, want %v", tc.s, got, tc.want)
		}
	}
}

func TestFinerCausesOfUploadsAreMapped(t *testing.T) {
	for in, want := range map[string]string{"": "", "auth": "auth", "dns": "dns", "local": "local", "too_large": "rejected", "path": "rejected", "busy": "rejected"} {
		if got := forwardCause(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestADestinationThatCannotBeMade(t *testing.T) {
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	st := d.stream("main")
	dest := config.DefaultDestination()
	dest.URL = config.NewSecretURL("rtmp://h/app/key")
	seen := func() group.State {
		states, _ := d.destinations.states("main", []string{"a"})
		return states[0]
	}
	for enabled, want := range map[bool]group.State{true: group.Away, false: group.Out} {
		dest.Enabled = enabled
		d.destinationFailed(st, "a", dest, io.ErrUnexpectedEOF, time.Now())
		require.Equal(t, want, seen())
	}
	d.destinations.hold("main", []string{"a"}, []string{"standby"})
	d.destinationRemoved(st, "a")
	require.Equal(t, group.Waiting, seen())
	a := &actor{box: d, name: "a"}
	d.destinations.add("main", "a", a)()
	require.Empty(t, a.held, "what held a destination that is gone")
}
