// Package api is the HTTP API under /api/v1/: the status snapshot, the stream
// of events, and the configuration.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// maxPatch bounds the body of a configuration change.
const maxPatch = 1 << 20

// Configurer is where the configuration is kept and changed.
type Configurer interface {
	// ConfigJSON is the running configuration without its secrets, and what names it.
	ConfigJSON() (doc []byte, version string, err error)
	// PatchConfig applies a JSON merge patch (RFC 7386): it validates, saves,
	// and makes what runs follow. by is who wants it; if version is not "", the
	// configuration has to be that one still. On error nothing has changed.
	PatchConfig(ctx context.Context, by, version string, patch []byte) error
}

// Handler serves the API below /api/v1/.
func Handler(store *status.Store, configurer Configurer) http.Handler {
	a := &api{store: store, config: configurer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", a.status)
	mux.HandleFunc("GET /api/v1/events", a.events)
	mux.HandleFunc("GET /api/v1/config", a.getConfig)
	mux.HandleFunc("PATCH /api/v1/config", a.patchConfig)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "no such API: "+r.URL.Path)
	})
	return mux
}

type api struct {
	store  *status.Store
	config Configurer

	streams atomic.Int64 // of events, open now
	shared  sharedDocument
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, a.store.Load())
}

func (a *api) getConfig(w http.ResponseWriter, r *http.Request) {
	if !local(w, r) {
		return
	}
	doc, version, err := a.config.ConfigJSON()
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	header(w)
	w.Header().Set("ETag", strconv.Quote(version))
	_, _ = w.Write(doc)
}

func (a *api) patchConfig(w http.ResponseWriter, r *http.Request) {
	if !local(w, r) {
		return
	}
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if ct != "application/json" && ct != "application/merge-patch+json" {
		fail(w, http.StatusUnsupportedMediaType, "send a JSON merge patch (RFC 7386) as application/merge-patch+json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPatch))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("read the patch: %v", err))
		return
	}
	err = a.config.PatchConfig(r.Context(), who(r), strings.Trim(r.Header.Get("If-Match"), `"`), body)
	var invalid config.Errors
	var refused *control.Error
	switch {
	case errors.As(err, &refused):
		Refuse(w, err)
	case errors.As(err, &invalid):
		problems := make([]string, len(invalid))
		for i, p := range invalid {
			problems[i] = p.Error()
		}
		fail(w, http.StatusUnprocessableEntity, "the change is not valid; nothing was changed", problems...)
	case errors.Is(err, config.ErrChanged):
		fail(w, http.StatusConflict, err.Error())
	case err != nil:
		fail(w, http.StatusInternalServerError, err.Error())
	default:
		a.getConfig(w, r)
	}
}

// local admits requests from the box itself only: until there is
// authentication, nobody on the network changes or reads the configuration.
// The Host must be local too, or a web page elsewhere could point a name of its
// own at this machine and have a browser here ask (DNS rebinding).
func local(w http.ResponseWriter, r *http.Request) bool {
	if c := Caller(r); c.Role >= control.Admin {
		return true
	}
	fail(w, http.StatusForbidden, "the configuration is open to requests from the box itself only: use http://localhost:PORT there, or edit its file and send SIGHUP")
	return false
}

// fromTheBox says that a request over TCP comes from the box itself.
func fromTheBox(r *http.Request) bool {
	return isLoopback(r.RemoteAddr) && isLoopback(r.Host) && r.Header.Get("X-Forwarded-For") == ""
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func reply(w http.ResponseWriter, code int, body any) {
	doc, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		code, doc = http.StatusInternalServerError, []byte(`{"error":"encode the answer"}`)
	}
	header(w)
	w.WriteHeader(code)
	_, _ = w.Write(append(doc, '\n'))
}

// replyCompact is reply for what programs read, and read often.
func replyCompact(w http.ResponseWriter, body any) {
	doc, err := json.Marshal(body)
	if err != nil {
		fail(w, http.StatusInternalServerError, "encode the answer")
		return
	}
	header(w)
	_, _ = w.Write(doc)
}

// Fail answers with what is wrong, as all of the API does.
func Fail(w http.ResponseWriter, code int, message string) { fail(w, code, message) }

// fail answers with a JSON object: error for a person, problems one by one.
func fail(w http.ResponseWriter, code int, message string, problems ...string) {
	reply(w, code, struct {
		Error    string   `json:"error"`
		Problems []string `json:"problems,omitempty"`
	}{message, problems})
}
