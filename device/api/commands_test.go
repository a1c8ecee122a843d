package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/control"
)

func commandTable() *control.Table {
	say := func(_ context.Context, c control.Call) (control.Result, error) {
		return control.Result{Text: c.Caller.Name + " " + c.Args.Get("name"), Data: map[string]int{"n": 1}}, nil
	}
	fails := func(err error) func(context.Context, control.Call) (control.Result, error) {
		return func(context.Context, control.Call) (control.Result, error) { return control.Result{}, err }
	}
	return control.New(nil, nil,
		control.Command{Name: "destination pause", Help: "End it", Role: control.Operator, Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "which"}}, Run: say},
		control.Command{Name: "system factory-reset", Help: "Forget", Role: control.Admin, Confirm: []control.Ask{control.Question("Sure?")}, Run: say},
		control.Command{Name: "fail hard", Help: "Fail", Role: control.Viewer, Run: fails(errors.New("broken: the disk"))},
		control.Command{Name: "fail missing", Help: "Fail", Role: control.Viewer, Run: fails(control.Errorf(control.NotFound, "no such thing"))},
		control.Command{Name: "fail busy", Help: "Fail", Role: control.Viewer, Run: fails(control.Errorf(control.Conflict, "not now"))},
		control.Command{Name: "pack", Help: "Take long", Role: control.Viewer, Long: true, Args: []control.Arg{{Name: "end", Kind: control.Choice, Choices: []string{"well", "badly"}, Help: "how"}},
			Run: func(_ context.Context, c control.Call) (control.Result, error) {
				c.Progress(control.Progress{Done: 0.5, Text: "half"})
				if c.Args.Get("end") == "badly" {
					return control.Result{}, errors.New("the other half")
				}
				return control.Result{Text: "packed"}, nil
			}},
	)
}

func TestCommandsAnswerWithTheStatusThatFits(t *testing.T) {
	h := Commands(commandTable())
	const js = "application/json"
	for _, c := range []struct {
		call call
		code int
		want string
	}{
		{call{path: "destination-pause", body: `{"args":{"name":"x"}}`, contentType: js}, 200, `"text": "a person at the box x"`},
		{call{path: "destination%20pause", body: `{"args":{"name":"x"}}`, contentType: js, remote: "192.0.2.7:99"}, 200, "192.0.2.7 x"},
		{call{path: "destination-pause"}, 422, `"hint": "destination pause NAME"`},
		{call{path: "destination-pause", body: `{"args":{"name":7}}`, contentType: js}, 422, "usage"},
		{call{path: "destination-pause", body: `{"name":"x"}`, contentType: js}, 422, "unknown field"},
		{call{path: "destination-pause", body: `{"args":{"name":"` + strings.Repeat("x", maxRequest) + `"}}`, contentType: js}, 422, "too large"},
		{call{path: "destination-pause", body: `{"args":{"name":"` + strings.Repeat("x", 70000) + `"}}`, contentType: js}, 422, "70000 bytes"},
		{call{path: "destination-pause", body: `name=x`, contentType: "application/x-www-form-urlencoded"}, 422, "application/json"},
		{call{path: "destination-paws"}, 404, "unknown"},
		{call{path: "system-factory-reset"}, 428, "Sure?"},
		{call{path: "system-factory-reset", body: `{"confirmed":-1}`, contentType: js}, 422, "confirmed"},
		{call{path: "system-factory-reset", body: `{"confirmed":1}`, contentType: js}, 200, "text"},
		{call{path: "system-factory-reset", body: `{"confirmed":1}`, contentType: js, remote: "192.0.2.7:99"}, 403, "forbidden"},
		{call{path: "system-factory-reset", body: `{"confirmed":1}`, contentType: js, host: "attacker.example"}, 403, "forbidden"},
		{call{path: "fail-hard"}, 500, "broken: the disk"},
		{call{path: "fail-missing"}, 404, "not_found"},
		{call{path: "fail-busy"}, 409, "conflict"},
		{call{path: "pack", body: `{"args":{"end":"well"}}`, contentType: js}, 200, "packed"},
	} {
		c.call.method, c.call.path = http.MethodPost, "/api/v1/commands/"+c.call.path
		w := do(h, c.call)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %.80s: %d %s, want %d with %s", c.call.path, c.call.body, w.Code, w.Body, c.code, c.want)
		}
	}
}

func TestLongCommandsTellTheirProgress(t *testing.T) {
	h := Commands(commandTable())
	for end, want := range map[string]string{
		"well":  `{"progress":{"done":0.5,"text":"half"}}` + "\n" + `{"result":{"text":"packed"}}` + "\n",
		"badly": `{"progress":{"done":0.5,"text":"half"}}` + "\n" + `{"error":{"code":"failed","error":"the other half"}}` + "\n",
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/commands/pack", strings.NewReader(`{"args":{"end":"`+end+`"}}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/x-ndjson")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Body.String())
		require.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/commands/pack", nil)
	r.Header.Set("Accept", "application/x-ndjson")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code, "before the first progress there is a status")
}

func TestTheTableIsListedForWhoMayHaveIt(t *testing.T) {
	h := Commands(commandTable())
	list := func(remote string) (all []commandJSON) {
		w := do(h, call{method: http.MethodGet, path: "/api/v1/commands", remote: remote})
		var raw []map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &raw))
		for _, c := range raw {
			all = append(all, commandJSON{Name: c["name"].(string), Path: c["path"].(string), Confirm: c["confirm"].(bool), Long: c["long"].(bool)})
		}
		return all
	}
	here, lan := list("127.0.0.1:1"), list("192.0.2.7:99")
	require.Len(t, here, 6)
	require.Len(t, lan, 5)
	require.Contains(t, here, commandJSON{Name: "system factory-reset", Path: "/api/v1/commands/system-factory-reset", Confirm: true})
	w := do(h, call{method: http.MethodGet, path: "/api/v1/completions?word=dest&word="})
	require.JSONEq(t, `[{"word":"pause","help":"End it"}]`, w.Body.String())
}

func TestOverASocketTheCallerIsKnown(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "@"
	r = r.WithContext(control.WithCaller(r.Context(), control.Caller{Name: "anna", Surface: control.Socket, Role: control.Admin}))
	require.Equal(t, control.Caller{Name: "anna", Surface: control.Socket, Role: control.Admin}, Caller(r))
	require.Equal(t, "anna", who(r))
	r.Header.Set(control.SessionHeader, "7")
	require.Equal(t, "7", Caller(r).Session)
	r.Header.Set(control.SessionHeader, strings.Repeat("7", 65))
	require.Empty(t, Caller(r).Session)
	r = httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
	r.RemoteAddr = "127.0.0.1:5"
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	require.Equal(t, control.Operator, Caller(r).Role, "behind a proxy nobody knows who it is")
}
