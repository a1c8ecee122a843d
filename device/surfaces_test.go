package device

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/control"
)

// surfaceWalk is a surface as the walk over the table sees it: whether its people can
// have a command.
type surfaceWalk struct {
	surface control.Surface
	has     func(name string) bool
}

// Every surface offers every action, but for those that a command's Except takes from
// it with a reason.
func TestEverySurfaceHasEveryCommand(t *testing.T) {
	b := newBench(t)
	for _, s := range []surfaceWalk{
		{control.API, apiHas(t, b)},
		{control.Socket, apiHas(t, b)}, // the same handler
	} {
		for _, c := range b.table.Commands() {
			if why := c.Except[s.surface]; why == "" && !s.has(c.Name) {
				t.Errorf("surface %s lacks %q", s.surface, c.Name)
			}
		}
		if s.has("make coffee") {
			t.Errorf("surface %s claims to have what there is not", s.surface)
		}
	}
}

// apiHas asks for each command with an argument that none has: it is refused, but
// found; and looks it up in the list.
func apiHas(t *testing.T, b *bench) func(name string) bool {
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:5000"
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	var list []struct{ Name, Path, Help string }
	require.NoError(t, json.Unmarshal(ask(http.MethodGet, "/api/v1/commands", "").Body.Bytes(), &list))
	return func(name string) bool {
		for _, c := range list {
			if c.Name == name && c.Help != "" {
				spaced := "/api/v1/commands/" + strings.ReplaceAll(name, " ", "%20")
				return ask(http.MethodPost, c.Path, `{"args":{"no such":"x"}}`).Code == http.StatusUnprocessableEntity &&
					ask(http.MethodPost, spaced, `{"args":{"no such":"x"}}`).Code == http.StatusUnprocessableEntity
			}
		}
		return false
	}
}
