package hls

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// gapsName is the list of gaps within a stream, for programs.
const gapsName = "gaps.json"

// gapClass is the CLASS of a gap's EXT-X-DATERANGE.
const gapClass = "com.github.encoderbox.gap"

// dateRanges are the EXT-X-DATERANGE of gaps: each with its cause. They go in
// one custom tag, since the library writes its own behind EXT-X-ENDLIST, and
// several custom ones in no order.
type dateRanges []segment.Gap

const dateRangeTag = "#EXT-X-DATERANGE:"

// TagName implements m3u8.CustomTag.
func (dateRanges) TagName() string { return dateRangeTag }

// String implements m3u8.CustomTag.
func (r dateRanges) String() string {
	lines := make([]string, len(r))
	for i, g := range r {
		lines[i] = fmt.Sprintf(`%sID="gap-%d",CLASS="%s",START-DATE="%s",DURATION=%.3f,X-CAUSE="%s"`, dateRangeTag,
			g.From.UnixMilli(), gapClass, milliseconds(g.From), g.To.Sub(g.From).Seconds(), quotable(g.Cause))
	}
	return strings.Join(lines, "\n")
}

// Encode implements m3u8.CustomTag.
func (r dateRanges) Encode() *bytes.Buffer { return bytes.NewBufferString(r.String()) }

// quotable is a text as a quoted-string can hold it.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// inside are the gaps between listed segments. Of a playlist that slides, no
// other gap's times stay the same.
func inside(gaps []segment.Gap, w *segment.Window) (out []segment.Gap) {
	from, to, ok := liveArchive{w}.Held()
	for _, g := range gaps {
		if ok && !g.From.Before(from) && !g.To.After(to) {
			out = append(out, g)
		}
	}
	return out
}

// gapReport is the answer of gapsName.
type gapReport struct {
	From time.Time   `json:"from"`
	To   time.Time   `json:"to"`
	Gaps []gapOfTime `json:"gaps"`
}

type gapOfTime struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Seconds float64   `json:"seconds"`
	Cause   string    `json:"cause"`
}

// gaps answers what of a range is not held, and why: by default, of the last
// day up to now.
func (h *Handler) gaps(w http.ResponseWriter, r *http.Request) {
	s, ok, err := parseShift(r.URL.Query())
	if err == nil && s.sliding {
		err = badRequest("gaps are listed of a range: ask for %s?from=TIME&duration=LENGTH", gapsName)
	}
	if err != nil {
		answer(w, err)
		return
	}
	live := h.source.Window()
	now := newest(live).UTC().Truncate(time.Millisecond)
	if !ok {
		s.from, s.to = now.Add(-maxRange), now
	}
	if s.to.After(now) {
		s.to = now
	}
	report := gapReport{From: s.from, To: s.to, Gaps: []gapOfTime{}}
	if s.from.Before(s.to) {
		_, gaps := h.archive(live).Between(s.from, s.to)
		for _, g := range gaps {
			report.Gaps = append(report.Gaps, gapOfTime{g.From.UTC(), g.To.UTC(), g.To.Sub(g.From).Seconds(), g.Cause})
		}
	}
	body, err := json.Marshal(report)
	if err != nil {
		answer(w, fmt.Errorf("hls: list of gaps: %w", err))
		return
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store") // a gap may be about to end
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(body, '\n')))
}
