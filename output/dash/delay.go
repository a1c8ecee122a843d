package dash

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/serve"
)

// Bounds of what is remembered for delayed manifests.
const (
	maxDelays = 64
	maxHeads  = 64
)

// delays is what must stay the same from one delayed manifest to the next.
type delays struct {
	mu    sync.Mutex // guards the fields below
	known []delay    // the one used last comes last
	heads []head     // the one listed last comes last
}

// delay has the Periods that were listed that late.
type delay struct {
	by    time.Duration
	known []origin
}

// head is a header that was listed, and the newest segment it is of: an archive
// finds headers by segments, and lets the oldest go.
type head struct {
	name string
	of   *segment.Segment
}

// render makes the manifest of a window that late, with the Periods' names and
// places as they were before.
func (d *delays) render(window *segment.Window, by time.Duration) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var known []origin
	i := slices.IndexFunc(d.known, func(o delay) bool { return o.by == by })
	if i >= 0 {
		known = d.known[i].known
	}
	body, ps, err := render(window, known, by)
	if err != nil {
		return nil, err
	}
	if i >= 0 {
		d.known = slices.Delete(d.known, i, i+1)
	}
	d.known = append(d.known, delay{by, origins(ps)})
	d.known = d.known[max(0, len(d.known)-maxDelays):]
	d.remember(window)
	return body, nil
}

// remember takes up the headers of a window.
func (d *delays) remember(w *segment.Window) {
	seen := map[string]bool{}
	for _, s := range slices.Backward(w.Segments) {
		for _, k := range kinds {
			m := s.Media(k)
			if m == nil || m.Init == nil || seen[m.Init.Name] {
				continue
			}
			seen[m.Init.Name] = true
			d.heads = slices.DeleteFunc(d.heads, func(h head) bool { return h.name == m.Init.Name })
			d.heads = append(d.heads, head{m.Init.Name, s})
		}
	}
	d.heads = d.heads[max(0, len(d.heads)-maxHeads):]
}

// head is a segment with the header of that name, nil for none.
func (d *delays) head(name string) *segment.Segment {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.heads, func(h head) bool { return h.name == name })
	if i < 0 {
		return nil
	}
	return d.heads[i].of
}

// delayed answers with the manifest that was that of the live window a while ago.
func (h *Handler) delayed(w http.ResponseWriter, r *http.Request, now time.Time, by time.Duration) {
	window := ago(h.archive, h.source.Window(), now.Add(-by))
	body, err := h.delays.render(window, by)
	switch {
	case errors.Is(err, errNothing):
		serve.Fail(w, http.StatusNotFound, fmt.Sprintf("nothing is held of %v ago%s", by, held(h.archive, now)))
	case errors.Is(err, errClock):
		noClock(w)
	case err != nil:
		serve.Fail(w, http.StatusInternalServerError, err.Error())
	default:
		sum := sha256.Sum256(body)
		serve.Manifest(w, r, typeManifest, hex.EncodeToString(sum[:12]), body)
	}
}

// ago is the window as it was at a time, as long as the live one. Over a time
// without segments it stands, as that did.
func ago(archive Archive, live *segment.Window, at time.Time) *segment.Window {
	length := max(live.Duration(), 3*live.TargetDuration)
	var w segment.Window
	for back := 2 * length; ; back *= 8 {
		kept, _ := archive.Between(at.Add(-back), at)
		w = *kept
		w.Segments = slices.Clone(kept.Segments)
		w.TargetDuration, w.Ended = max(kept.TargetDuration, live.TargetDuration), false
		for n := len(w.Segments); n > 0 && !over(w.Segments[n-1], at); n-- {
			w.Segments = w.Segments[:n-1]
		}
		if w.Duration() >= length || back > longestShift {
			break
		}
	}
	for left := w.Duration(); len(w.Segments) > 0 && left-w.Segments[0].Duration >= length; {
		left -= w.Segments[0].Duration
		w.Segments = w.Segments[1:]
	}
	return &w
}

// over says that a segment ended by a time.
func over(s *segment.Segment, at time.Time) bool {
	begin := wallOf(s)
	return !begin.IsZero() && !begin.Add(s.Duration).After(at)
}

// wallOf is when a segment began, zero where that is not known.
func wallOf(s *segment.Segment) (begin time.Time) {
	for _, k := range slices.Backward(kinds[:]) {
		if m := s.Media(k); m != nil && !m.Wall.IsZero() {
			begin = m.Wall
		}
	}
	return begin
}

// held says of which time an archive has something.
func held(archive Archive, now time.Time) string {
	w, _ := archive.Between(now.Add(-longestShift), now)
	var from, to time.Time
	for _, s := range w.Segments {
		begin := wallOf(s)
		if begin.IsZero() {
			continue
		}
		if from.IsZero() {
			from = begin
		}
		to = begin.Add(s.Duration)
	}
	if from.IsZero() {
		return fmt.Sprintf(": nothing is held of the last %v", longestShift)
	}
	return fmt.Sprintf(": held is %s to %s", from.UTC().Format(timeFormat), to.UTC().Format(timeFormat))
}
