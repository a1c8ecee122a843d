package hls

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Eyevinn/hls-m3u8/m3u8"

	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/serve"
)

// maxRange is the longest playlist made at once.
const maxRange = 24 * time.Hour

// shift is a request for another time than now.
type shift struct {
	from, to time.Time     // a range, or …
	offset   time.Duration // … live, that long ago
	sliding  bool
	query    string // the request in the form that playlists pass on
}

// problem is an answer that is not what was asked for.
type problem struct {
	code int
	text string
}

func (p problem) Error() string { return p.text }

func badRequest(format string, args ...any) error {
	return problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// parseShift reads a query; ok is false when it asks for no other time.
func parseShift(q url.Values) (s shift, ok bool, err error) {
	from, duration, offset := q.Get("from"), q.Get("duration"), q.Get("offset")
	switch {
	case from == "" && duration == "" && offset == "":
		return shift{}, false, nil
	case offset != "" && from+duration != "":
		return shift{}, false, badRequest("offset goes alone: ask either for ?from=TIME&duration=LENGTH or for ?offset=LENGTH")
	case offset != "":
		s.sliding = true
		if s.offset, err = parseLength("offset", offset); err != nil {
			return shift{}, false, err
		}
		s.query = "?offset=" + url.QueryEscape(offset)
		return s, true, nil
	case from == "":
		return shift{}, false, badRequest("duration needs a from: ask for ?from=2026-03-01T12:00:00Z&duration=%s", url.QueryEscape(duration))
	}
	if s.from, err = parseTime(from); err != nil {
		return shift{}, false, err
	}
	s.to = s.from.Add(maxRange)
	v := url.Values{"from": {strings.ReplaceAll(from, " ", "+")}}
	if duration != "" {
		d, err := parseLength("duration", duration)
		if err != nil {
			return shift{}, false, err
		}
		if d <= 0 || d > maxRange {
			return shift{}, false, badRequest("duration=%s is not above 0 and at most %v: ask for parts", duration, maxRange)
		}
		s.to = s.from.Add(d)
		v.Set("duration", duration)
	}
	s.query = "?" + v.Encode()
	return s, true, nil
}

// Times before and after these are typing errors, or milliseconds.
const earliestUnix, latestUnix = 946684800, 7258118400 // 2000, 2200

func parseTime(text string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds >= earliestUnix && seconds < latestUnix) {
			return time.Time{}, badRequest("from=%s is no time of this age in Unix seconds (milliseconds?): %d is now", text, time.Now().Unix())
		}
		return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, strings.ReplaceAll(text, " ", "+")) // a + that was not escaped
	if err != nil {
		return time.Time{}, badRequest("from=%q is not a time: use RFC 3339, such as %s, or Unix seconds, such as %d",
			text, time.Now().UTC().Format(time.RFC3339), time.Now().Unix())
	}
	return t.UTC(), nil
}

func parseLength(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if seconds, e := strconv.ParseFloat(text, 64); e == nil && math.Abs(seconds) < 1e9 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d < 0 {
		return 0, badRequest("%s=%q is not a length of time: use 90s, 5m, 1h30m, or seconds", key, text)
	}
	return d, nil
}

// listing is what a playlist is made of.
type listing struct {
	window *segment.Window
	gaps   []segment.Gap
	kind   m3u8.MediaType // 0 for one that slides
	query  string         // for the media playlists, with its question mark
}

// listing answers a request for another time.
func (h *Handler) listing(s shift, live *segment.Window) (listing, error) {
	archive := h.archive(live)
	now := newest(live)
	var l listing
	if s.sliding {
		l = slide(archive, live, now.Add(-s.offset))
	} else {
		l = h.span(archive, s, live, now)
	}
	l.query = s.query
	if !playable(l.window) {
		return listing{}, notHeld(s, archive, now)
	}
	if s.sliding && h.Archive != nil {
		h.shifted.remember(l.window)
		h.breaks.count(s.offset, l.window)
	}
	return l, nil
}

func (h *Handler) archive(live *segment.Window) Archive {
	if h.Archive != nil {
		return h.Archive
	}
	return liveArchive{live}
}

// span is a range. It is finished once its end has passed and every segment of
// it must be there. One that is open grows at its end alone, if its segments are
// kept.
func (h *Handler) span(archive Archive, s shift, live *segment.Window, now time.Time) listing {
	w, gaps := between(archive, live, s.from, s.to)
	w.Segments, _ = fill(w.Segments, w.TargetDuration)
	l := listing{window: w, gaps: gaps}
	switch {
	case !edge(live).Before(s.to) || now.After(s.to.Add(3*live.TargetDuration+time.Second)):
		l.kind, w.Ended = m3u8.VOD, true
	case h.Archive != nil:
		l.kind = m3u8.EVENT
	}
	return l
}

// slide is the live playlist as it was at a time, as long as that of now. Over a
// time without segments it stands, as the live one did.
func slide(archive Archive, live *segment.Window, at time.Time) listing {
	length := max(live.Duration(), 3*live.TargetDuration+time.Second) // sound may be shorter than its picture
	var w *segment.Window
	var gaps []segment.Gap
	for back := 2 * length; ; back *= 8 {
		w, gaps = between(archive, live, at.Add(-back), at)
		for n := len(w.Segments); n > 0; n-- {
			if _, end, ok := wallOf(w.Segments[n-1]); ok && !end.After(at) {
				break
			}
			w.Segments = w.Segments[:n-1]
		}
		if w.Duration() >= length || back > maxRange {
			break
		}
	}
	held := w.Segments
	var holes []int
	w.Segments, holes = fill(held, w.TargetDuration)
	if n := len(holes); n > 0 { // numbers that jump cannot be one sliding playlist
		dismiss(w, holes[n-1])
		first := slices.IndexFunc(held, func(s *segment.Segment) bool { return s.Sequence == w.Segments[0].Sequence })
		w.Segments[0] = held[first] // as it is: what it does not continue is not listed
	}
	n, left := 0, w.Duration()
	for ; n < len(w.Segments) && left-w.Segments[n].Duration >= length; n++ {
		left -= w.Segments[n].Duration
	}
	dismiss(w, n)
	return listing{window: w, gaps: inside(gaps, w)}
}

// dismiss takes the n oldest segments out of a list.
func dismiss(w *segment.Window, n int) {
	for _, s := range w.Segments[:n] {
		if s.Discontinuity {
			w.Discontinuities++
		}
	}
	w.Segments = w.Segments[n:]
}

// between is a copy of what an archive holds, with a target duration that
// holds for all of it.
func between(archive Archive, live *segment.Window, from, to time.Time) (*segment.Window, []segment.Gap) {
	held, gaps := archive.Between(from, to)
	if held == nil {
		held = &segment.Window{}
	}
	w := *held
	w.Ended = false
	w.TargetDuration = max(w.TargetDuration, live.TargetDuration, time.Second)
	for _, s := range w.Segments {
		w.TargetDuration = max(w.TargetDuration, s.Duration.Round(time.Second))
	}
	return &w, gaps
}

// newest is now, on the clock of the stream if that is ahead.
func newest(live *segment.Window) time.Time {
	now := time.Now()
	if edge := edge(live); edge.After(now) {
		return edge
	}
	return now
}

// edge is the end of the newest segment, zero while its time is not known.
func edge(w *segment.Window) time.Time {
	if n := len(w.Segments); n > 0 {
		if _, end, ok := wallOf(w.Segments[n-1]); ok {
			return end
		}
	}
	return time.Time{}
}

// notHeld says that nothing of a time is there, and what is.
func notHeld(s shift, archive Archive, now time.Time) error {
	var what string
	switch {
	case s.sliding:
		what = fmt.Sprintf("nothing is held of %v ago", s.offset)
	case s.from.After(now):
		what = stamp(s.from) + " is still to come"
	default:
		what = fmt.Sprintf("nothing is held of %s to %s", stamp(s.from), stamp(s.to))
	}
	var from, to time.Time
	ok := false
	if h, can := archive.(holder); can {
		from, to, ok = h.Held()
	} else if w, _ := archive.Between(now.Add(-maxRange), now.Add(time.Minute)); w != nil {
		from, to, ok = liveArchive{w}.Held()
	}
	if !ok {
		return problem{http.StatusNotFound, what + ": nothing is held at all, or the box's clock is not set yet"}
	}
	return problem{http.StatusNotFound, fmt.Sprintf("%s: held is %s to %s", what, stamp(from), stamp(to))}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// answer tells of an error.
func answer(w http.ResponseWriter, err error) {
	var p problem
	if errors.As(err, &p) {
		serve.Fail(w, p.code, p.text)
		return
	}
	serve.Fail(w, http.StatusInternalServerError, err.Error())
}
