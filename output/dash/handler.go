// Package dash serves the segments of one stream as MPEG-DASH (ISO/IEC
// 23009-1): a manifest, and the same CMAF files as HLS. Every manifest is made
// from the newest segment.Window, or from what the archive holds of the time
// that is asked for.
//
// Decisions a reader of the package should know:
//   - A Period begins where the stream breaks: a discontinuity, new headers,
//     another run, a track that goes on after a loss. Its name and start are
//     kept as long as it is listed (see live).
//   - availabilityStartTime is 1970 in all manifests, and Periods start at the
//     wall-clock times of their streams. So it holds through restarts, and two
//     boxes on one signal give the same times.
//   - Times are wall-clock times as the stream's clock maps them. UTCTiming
//     gives the same: a system clock that is set later moves neither.
package dash

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/serve"
)

// Source has the segments of a stream. *segment.Segmenter is one.
type Source interface{ Window() *segment.Window }

// Clock is the stream's. *media.Clock is one.
type Clock interface {
	Now() time.Duration
	// Wall is a stream time as wall-clock time; false while that is not known.
	Wall(time.Duration) (time.Time, bool)
}

// Archive has what left the live window. It holds what is live, too.
type Archive interface {
	// Between is what is held of that time, and what is not.
	Between(from, to time.Time) (*segment.Window, []segment.Gap)
	// Segment is the one of that number.
	Segment(sequence uint64) (*segment.Segment, bool)
}

const typeManifest = "application/dash+xml"

// Handler serves one stream. It is mounted behind http.StripPrefix: what is
// left of a request's path is a file name, and all references are relative.
type Handler struct {
	source  Source
	clock   Clock
	archive Archive // nil: there is none

	mu     sync.Mutex // guards the fields below
	window *segment.Window
	body   []byte   // of the window's manifest
	known  []origin // of the Periods in it

	delays delays
}

// NewHandler serves the source's segments and, unless it is nil, the archive's.
func NewHandler(source Source, clock Clock, archive Archive) *Handler {
	return &Handler{source: source, clock: clock, archive: archive}
}

// ServeHTTP answers GET, HEAD and OPTIONS, for pages of any origin.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !serve.Begin(w, r) {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch name {
	case manifestName:
		h.manifest(w, r)
		return
	case timeName:
		h.time(w)
		return
	}
	window := h.source.Window()
	if !serve.File(w, r, window, name) && !h.archived(w, r, name) {
		serve.NotFound(w, window, name, manifestName)
	}
}

func (h *Handler) manifest(w http.ResponseWriter, r *http.Request) {
	now, ok := h.clock.Wall(h.clock.Now())
	part, asked, err := shiftOf(r.URL.Query(), now)
	switch {
	case err != nil:
		serve.Fail(w, http.StatusBadRequest, err.Error())
	case asked && h.archive == nil:
		serve.Fail(w, http.StatusNotFound, "this stream keeps nothing to go back to: set a time shift depth or record it, or leave out from, offset and duration to see it live")
	case asked && !ok:
		noClock(w)
	case part.delay > 0:
		h.delayed(w, r, now, part.delay)
	case asked:
		h.shifted(w, r, now, part)
	default:
		h.newest(w, r)
	}
}

// newest answers with the manifest of the live window.
func (h *Handler) newest(w http.ResponseWriter, r *http.Request) {
	window := h.source.Window()
	body, err := h.render(window)
	switch {
	case errors.Is(err, errNothing):
		w.Header().Set("Retry-After", "1")
		serve.Fail(w, http.StatusServiceUnavailable, "there is no segment yet: the stream is starting, or its input or storage fails; see the box's status")
	case errors.Is(err, errClock):
		noClock(w)
	case err != nil:
		serve.Fail(w, http.StatusInternalServerError, err.Error())
	default:
		serve.Manifest(w, r, typeManifest, fmt.Sprintf("%s-%d", window.Run, window.Version), body)
	}
}

func noClock(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	serve.Fail(w, http.StatusServiceUnavailable, "the box does not know the time of day yet, and DASH goes by it: connect it to a time server or set its clock; HLS plays without")
}

// errNothing says that a window has nothing to play.
var errNothing = errors.New("dash: no segments")

// render makes the manifest of a window, once.
func (h *Handler) render(window *segment.Window) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.window == window {
		return h.body, nil
	}
	body, ps, err := render(window, h.known, 0)
	if err != nil {
		return nil, err
	}
	// One request may be late with an older window than another was.
	if h.window == nil || h.window.Run != window.Run || h.window.Version < window.Version {
		h.window, h.body, h.known = window, body, origins(ps)
	}
	return body, nil
}

// render makes the manifest of a window, which players are to take for that of so
// much later.
func render(window *segment.Window, known []origin, late time.Duration) ([]byte, []period, error) {
	if len(window.Segments) == 0 {
		return nil, nil, errNothing
	}
	newest := window.Segments[len(window.Segments)-1]
	sections := uniform(split(window.Segments), newest)
	if len(sections) == 0 {
		return nil, nil, errNothing
	}
	if window.Ended {
		ps := finished(sections)
		body, err := finishedMPD(window, ps)
		return body, ps, err
	}
	ps, err := live(sections, known)
	if err != nil {
		return nil, nil, err
	}
	body, err := liveMPD(window, ps, late)
	return body, ps, err
}

// shifted answers with the manifest of a part of what is kept.
func (h *Handler) shifted(w http.ResponseWriter, r *http.Request, now time.Time, part shift) {
	found, gaps := h.archive.Between(part.from, part.to)
	window := *found
	window.Ended = true
	body, _, err := render(&window, nil, 0)
	switch {
	case errors.Is(err, errNothing):
		serve.Fail(w, http.StatusNotFound, nothingBetween(part, gaps)+held(h.archive, now))
	case err != nil:
		serve.Fail(w, http.StatusInternalServerError, err.Error())
	default:
		sum := sha256.Sum256(body)
		serve.Manifest(w, r, typeManifest, hex.EncodeToString(sum[:12]), body)
	}
}

func nothingBetween(part shift, gaps []segment.Gap) string {
	text := fmt.Sprintf("nothing is held of %s to %s", part.from.UTC().Format(timeFormat), part.to.UTC().Format(timeFormat))
	for i, g := range gaps {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += sep + g.Cause
	}
	return text
}

// archived answers with a file that has left the window, and says whether there
// is one. A header's name does not tell where it is, so that manifests add the
// number of a segment it is of.
func (h *Handler) archived(w http.ResponseWriter, r *http.Request, name string) bool {
	if h.archive == nil {
		return false
	}
	if s := h.delays.head(name); s != nil {
		return serve.Part(w, r, s, name)
	}
	_, sequence, ok := serve.Split(name)
	if !ok {
		var err error
		if sequence, err = strconv.ParseUint(r.URL.Query().Get(ofName), 10, 64); err != nil {
			return false
		}
	}
	s, ok := h.archive.Segment(sequence)
	return ok && serve.Part(w, r, s, name)
}

// time answers with the time of day on the stream's clock.
func (h *Handler) time(w http.ResponseWriter) {
	now, ok := h.clock.Wall(h.clock.Now())
	if !ok {
		noClock(w)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("Date", now.UTC().Format(http.TimeFormat))
	_, _ = io.WriteString(w, now.UTC().Format(timeFormat)) // net/http leaves it out for HEAD
}
