package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output/record/finish"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// maxBody bounds a request's JSON.
const maxBody = 64 << 10

// Handler serves a recorder. It is mounted behind http.StripPrefix:
//
//	GET    /                 the recordings, newest first (?limit=, ?after=NAME), and finished files
//	GET    /state            what is being recorded, and for how long there is room
//	POST   /start            {"label": "…", "duration_seconds": 600}, both optional
//	POST   /stop
//	POST   /mark             {"text": "…"}
//	GET    /files/NAME       the file, with ranges; NAME.sha256 is its checksum
//	DELETE /files/NAME
//	POST   /finish           {"files": […]} or {"from": …, "to": …}, "format": "mp4" or "ts", "name" optional
//	GET    /jobs, /jobs/ID   what is being finished, with progress
//	DELETE /jobs/ID          cancels it
//
// Names are looked up in the list, never in the file system.
type Handler struct{ r *Recorder }

// NewHandler serves r.
func NewHandler(r *Recorder) *Handler { return &Handler{r} }

type action func(w http.ResponseWriter, r *http.Request)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	methods := h.methods(strings.Trim(r.URL.Path, "/"))
	if methods == nil {
		fail(w, http.StatusNotFound, "no such API: there are /, /state, /start, /stop, /mark, /files/NAME, /finish and /jobs")
		return
	}
	if get := methods[http.MethodGet]; get != nil {
		methods[http.MethodHead] = get
	}
	allowed := []string{http.MethodOptions}
	for m := range methods {
		allowed = append(allowed, m)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	switch do := methods[r.Method]; {
	case do != nil:
		do(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		fail(w, http.StatusMethodNotAllowed, r.Method+" is not for this address; there is "+allow)
	}
}

// methods are what can be done at a path, nil if it is none.
func (h *Handler) methods(path string) map[string]action {
	first, rest, deeper := strings.Cut(path, "/")
	switch {
	case path == "":
		return map[string]action{http.MethodGet: h.list}
	case path == "state":
		return map[string]action{http.MethodGet: h.state}
	case path == "start":
		return map[string]action{http.MethodPost: h.start}
	case path == "stop":
		return map[string]action{http.MethodPost: h.stop}
	case path == "mark":
		return map[string]action{http.MethodPost: h.mark}
	case path == "finish":
		return map[string]action{http.MethodPost: h.finish}
	case path == "jobs":
		return map[string]action{http.MethodGet: h.jobs}
	case first == "jobs" && deeper:
		return map[string]action{
			http.MethodGet:    func(w http.ResponseWriter, _ *http.Request) { h.job(w, rest) },
			http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) { h.cancel(w, rest) },
		}
	case first == "files" && rest != "":
		return map[string]action{
			http.MethodGet:    func(w http.ResponseWriter, r *http.Request) { h.file(w, r, rest) },
			http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) { h.remove(w, rest) },
		}
	}
	return nil
}

func (h *Handler) state(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, h.r.State()) }

func (h *Handler) start(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Label    string  `json:"label"`
		Duration float64 `json:"duration_seconds"`
	}
	if !body(w, r, &q) {
		return
	}
	if q.Duration < 0 || q.Duration > 366*24*3600 {
		fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("duration_seconds %v: give 0 for the longest, or up to a year", q.Duration))
		return
	}
	h.done(w, h.r.Start(q.Label, time.Duration(q.Duration*float64(time.Second))))
}

func (h *Handler) stop(w http.ResponseWriter, r *http.Request) {
	if body(w, r, &struct{}{}) {
		h.done(w, h.r.Stop())
	}
}

func (h *Handler) mark(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Text string `json:"text"`
	}
	if body(w, r, &q) {
		h.done(w, h.r.Mark(q.Text))
	}
}

// done answers a command with the state it led to.
func (h *Handler) done(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, err, http.StatusUnprocessableEntity)
		return
	}
	reply(w, http.StatusOK, h.r.State())
}

func (h *Handler) finish(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Files  []string  `json:"files"`
		From   time.Time `json:"from"`
		To     time.Time `json:"to"`
		Format string    `json:"format"`
		Name   string    `json:"name"`
	}
	if !body(w, r, &q) {
		return
	}
	if q.Format == "" {
		q.Format = string(finish.MP4)
	}
	format, err := finish.ParseFormat(q.Format)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	j, err := h.r.Finish(Request{Files: q.Files, From: q.From, To: q.To, Format: format, Name: q.Name})
	if err != nil {
		refuse(w, err, http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Location", fmt.Sprintf("jobs/%d", j.ID))
	reply(w, http.StatusAccepted, j)
}

func (h *Handler) jobs(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, struct {
		Jobs []Job `json:"jobs"`
	}{h.r.Jobs()})
}

func (h *Handler) job(w http.ResponseWriter, id string) {
	n, err := strconv.Atoi(id)
	if err != nil {
		fail(w, http.StatusNotFound, fmt.Sprintf("job %q: %v", id, ErrNoJob))
		return
	}
	j, err := h.r.Job(n)
	if err != nil {
		refuse(w, err, http.StatusNotFound)
		return
	}
	reply(w, http.StatusOK, j)
}

func (h *Handler) cancel(w http.ResponseWriter, id string) {
	n, err := strconv.Atoi(id)
	if err == nil {
		err = h.r.Cancel(n)
	}
	if err != nil {
		fail(w, http.StatusNotFound, fmt.Sprintf("job %q: %v", id, ErrNoJob))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// body reads a request's JSON object; none at all is an empty one. A form or
// text is refused: a page elsewhere could have a browser send it.
func body(w http.ResponseWriter, r *http.Request, v any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("read the request: %v", err))
		return false
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind != "application/json" && (kind != "" || len(data) > 0) {
		fail(w, http.StatusUnsupportedMediaType, "send JSON as application/json")
		return false
	}
	if len(data) == 0 {
		return true
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		fail(w, http.StatusBadRequest, fmt.Sprintf("the request is no such JSON object: %v", err))
		return false
	}
	return true
}

// refuse answers with an error: by what it is, else by the code given.
func refuse(w http.ResponseWriter, err error, code int) {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrNoJob):
		code = http.StatusNotFound
	case errors.Is(err, ErrQueueFull):
		w.Header().Set("Retry-After", "60")
		code = http.StatusServiceUnavailable
	case errors.Is(err, ErrOff), errors.Is(err, ErrIdle), errors.Is(err, ErrExists), errors.Is(err, ErrInUse), errors.Is(err, journal.ErrWriting):
		code = http.StatusConflict
	}
	fail(w, code, err.Error())
}

func header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func reply(w http.ResponseWriter, code int, v any) {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		code, doc = http.StatusInternalServerError, []byte(`{"error":"encode the answer"}`)
	}
	header(w)
	w.WriteHeader(code)
	_, _ = w.Write(append(doc, '\n'))
}

// fail answers with a JSON object as the rest of the API does.
func fail(w http.ResponseWriter, code int, message string) {
	reply(w, code, struct {
		Error string `json:"error"`
	}{message})
}
