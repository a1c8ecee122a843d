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
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// maxRequest bounds the body of a command: the largest document, as JSON has it.
const maxRequest = 4 << 20

// Commands serves the table of commands:
//
//	GET  /api/v1/commands           all that the caller may have
//	GET  /api/v1/completions        how words go on: ?word=destination&word=p
//	POST /api/v1/commands/{name}    does one: its name with dashes for spaces, and the body
//	                                {"args": {…}, "confirmed": N}, as application/json
//
// The answer is {"text", "data"}, or a control.Error with the status that fits. A long
// command that is asked for with Accept: application/x-ndjson answers with lines,
// {"progress": …} as it goes on, and {"result": …} or {"error": …} at the end; what is
// wrong before its first progress has a status all the same.
func Commands(t *control.Table) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/commands", func(w http.ResponseWriter, r *http.Request) { listCommands(w, r, t) })
	mux.HandleFunc("GET /api/v1/completions", func(w http.ResponseWriter, r *http.Request) { complete(w, r, t) })
	mux.HandleFunc("POST /api/v1/commands/{name}", func(w http.ResponseWriter, r *http.Request) { runCommand(w, r, t) })
	return mux
}

// commandJSON is a command as the API shows it.
type commandJSON struct {
	Name     string        `json:"name"`
	Path     string        `json:"path"`
	Synopsis string        `json:"synopsis"`
	Help     string        `json:"help"`
	Args     []control.Arg `json:"args"`
	Role     control.Role  `json:"role"`
	Confirm  bool          `json:"confirm"` // there are, or may be, questions to answer
	Long     bool          `json:"long"`
	Reads    bool          `json:"reads"`
}

// dashed is a command's name in a path.
func dashed(name string) string { return strings.ReplaceAll(name, " ", "-") }

func listCommands(w http.ResponseWriter, r *http.Request, t *control.Table) {
	all := []commandJSON{}
	for _, c := range t.Of(Caller(r)) {
		j := commandJSON{
			Name: c.Name, Path: "/api/v1/commands/" + dashed(c.Name), Synopsis: c.Synopsis(), Help: c.Help, Args: append([]control.Arg{}, c.Args...),
			Role: c.Role, Confirm: len(c.Confirm) > 0, Long: c.Long, Reads: c.Reads,
		}
		all = append(all, j)
	}
	reply(w, http.StatusOK, all)
}

func complete(w http.ResponseWriter, r *http.Request, t *control.Table) {
	type completion struct {
		Word string `json:"word"`
		Help string `json:"help"`
	}
	all := []completion{}
	for _, c := range t.Complete(Caller(r), r.URL.Query()["word"]) {
		all = append(all, completion{c.Word, c.Help})
	}
	replyCompact(w, all)
}

func runCommand(w http.ResponseWriter, r *http.Request, t *control.Table) {
	c, ok := commandOf(t, r.PathValue("name"))
	if !ok {
		Refuse(w, control.Errorf(control.Unknown, "there is no command %s: GET /api/v1/commands lists them", strconv.Quote(r.PathValue("name"))))
		return
	}
	q, err := readRequest(w, r)
	if err != nil {
		Refuse(w, err)
		return
	}
	q.Command = c.Name
	if !c.Long || !strings.Contains(r.Header.Get("Accept"), lines) {
		result, err := t.Do(r.Context(), Caller(r), q)
		if err != nil {
			Refuse(w, err)
			return
		}
		reply(w, http.StatusOK, result)
		return
	}
	l := &lineWriter{w: w, out: json.NewEncoder(w), flush: http.NewResponseController(w)}
	q.Progress = func(p control.Progress) { l.write(line{Progress: &p}) }
	result, err := t.Do(r.Context(), Caller(r), q)
	l.end(result, err)
}

// commandOf is the command of a name as a path has it.
func commandOf(t *control.Table, name string) (control.Command, bool) {
	for _, c := range t.Commands() {
		if c.Name == name || dashed(c.Name) == name {
			return c, true
		}
	}
	return control.Command{}, false
}

// readRequest reads the body; none at all is one without arguments. A form or a text
// is refused: a page elsewhere could have a browser send it.
func readRequest(w http.ResponseWriter, r *http.Request) (q control.Request, err error) {
	doc, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return q, control.Errorf(control.Usage, "read the request: %v", err)
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind != "application/json" && (kind != "" || len(doc) > 0) {
		return q, control.Errorf(control.Usage, "send JSON as application/json")
	}
	if len(doc) == 0 {
		return q, nil
	}
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.DisallowUnknownFields()
	err = d.Decode(&q)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("there is more behind it")
	}
	if err != nil {
		return q, control.Errorf(control.Usage, "the request is not such as {\"args\": {\"name\": \"text\"}, \"confirmed\": 1}: %v", err)
	}
	if q.Confirmed < 0 {
		return q, control.Errorf(control.Usage, "confirmed is %d, expected how many questions were answered with yes", q.Confirmed)
	}
	return q, nil
}

// lines is the type of an answer that comes line by line.
const lines = "application/x-ndjson"

type line struct {
	Progress *control.Progress `json:"progress,omitempty"`
	Result   *control.Result   `json:"result,omitempty"`
	Error    *control.Error    `json:"error,omitempty"`
}

// lineWriter writes lines. It begins to answer with the first.
type lineWriter struct {
	w     http.ResponseWriter
	out   *json.Encoder
	flush *http.ResponseController

	mu    sync.Mutex // guards the field below, and orders lines
	begun bool
}

func (l *lineWriter) write(next line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun {
		header(l.w)
		l.w.Header().Set("Content-Type", lines)
		l.begun = true
	}
	// Who asked may have gone; the request's context then ends the rest.
	_ = l.flush.SetWriteDeadline(time.Now().Add(time.Minute))
	_ = l.out.Encode(next)
	_ = l.flush.Flush()
}

func (l *lineWriter) end(result control.Result, err error) {
	l.mu.Lock()
	begun := l.begun
	l.mu.Unlock()
	var e *control.Error
	switch {
	case err == nil:
		l.write(line{Result: &result})
	case begun && errors.As(err, &e):
		l.write(line{Error: e})
	default:
		Refuse(l.w, err)
	}
}

// Refuse answers with an error: a *control.Error as it is, under the status that its
// code has.
func Refuse(w http.ResponseWriter, err error) {
	var e *control.Error
	if !errors.As(err, &e) {
		e = control.Errorf(control.Failed, "%v", err)
	}
	reply(w, statusOf(e.Code), e)
}

func statusOf(c control.Code) int {
	switch c {
	case control.Unknown, control.NotFound:
		return http.StatusNotFound
	case control.Usage:
		return http.StatusUnprocessableEntity
	case control.Forbidden:
		return http.StatusForbidden
	case control.Confirm:
		return http.StatusPreconditionRequired
	case control.Conflict:
		return http.StatusConflict
	case control.Failed:
	}
	return http.StatusInternalServerError
}

// Caller is who makes a request: who came over the Unix socket, or from the box
// itself, may do everything; who is on the LAN may do what an operator may, as long
// as there are no users.
func Caller(r *http.Request) control.Caller {
	c, ok := control.CallerOf(r.Context())
	if !ok {
		c = control.Caller{Name: who(r), Surface: control.API, Role: control.Operator}
		if fromTheBox(r) {
			c.Role = control.Admin
		}
	}
	if s := r.Header.Get(control.SessionHeader); s != "" && len(s) <= maxSession {
		c.Session = s
	}
	return c
}

// maxSession bounds the name of a session, bytes.
const maxSession = 64

// who asks, as others are told.
func who(r *http.Request) string {
	if c, ok := control.CallerOf(r.Context()); ok {
		return c.Name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || isLoopback(r.RemoteAddr) {
		return "a person at the box"
	}
	return host
}

// Commander does commands: a *control.Table.
type Commander interface {
	Do(ctx context.Context, by control.Caller, r control.Request) (control.Result, error)
}

var _ Commander = (*control.Table)(nil)

// CommandDestinations serves POST …/{stream}/destinations/{destination}/{command}
// with the commands pause, resume and retry. It answers 204 when a command was
// taken; what comes of it is in the status.
func CommandDestinations(c Commander) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		command := r.PathValue("command")
		switch command {
		case "pause", "resume", "retry":
		default:
			fail(w, http.StatusNotFound, "no such command: "+strconv.Quote(command)+", expected pause, resume or retry")
			return
		}
		name := fmt.Sprintf("%s/%s", r.PathValue("stream"), r.PathValue("destination"))
		_, err := c.Do(r.Context(), Caller(r), control.Request{
			Command: "destination " + command, Args: map[string]string{"name": name},
		})
		if err != nil {
			Refuse(w, err)
			return
		}
		header(w)
		w.WriteHeader(http.StatusNoContent)
	})
}
