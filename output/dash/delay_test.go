package dash

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

func delayedMPD(t *testing.T, s *still, h *Handler, query string) *mpd.MPD {
	t.Helper()
	r := request(h, http.MethodGet, "manifest.mpd?"+query)
	body := text(t, r)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", r.Status, body)
	}
	if etag := r.Header.Get("ETag"); request(h, http.MethodGet, "manifest.mpd?"+query, "If-None-Match", etag).StatusCode != http.StatusNotModified {
		t.Errorf("the same again is not known by %s", etag)
	}
	return parse(t, []byte(body))
}

// TestADelayedStreamIsLive wants what a player, which knows nothing of a delay,
// needs to play that late: the live window of then, and all its times as much
// later as the delay is.
func TestADelayedStreamIsLive(t *testing.T) {
	s := archived()
	h := NewHandler(s, s, s)
	m := delayedMPD(t, s, h, "offset=1m")
	got := list(t, m, media.Video)
	// A minute before 20:18:20, segments up to number 169 were complete.
	if m.GetType() != "dynamic" || len(got) != 6 || got[0].number != 164 {
		t.Fatalf("%s: %+v", m.GetType(), got)
	}
	if m.AvailabilityStartTime != "1970-01-01T00:01:00Z" || m.PublishTime != "2026-05-01T20:18:20.134Z" {
		t.Errorf("available from %s, published %s", m.AvailabilityStartTime, m.PublishTime)
	}
	start := time.Duration(*m.Periods[0].Start)
	if want := time.Duration(zero.UnixNano()).Truncate(time.Millisecond); start != want {
		t.Errorf("the period starts at %v, want %v as in the live one", start, want)
	}
	init := m.Periods[0].AdaptationSets[0].SegmentTemplate.Initialization
	for name, want := range map[string]string{init: "header video_ab12cd34_init1.mp4", "video_ab12cd34_164.m4s": "bytes of video_ab12cd34_164.m4s"} {
		if r := request(h, http.MethodGet, name); r.StatusCode != http.StatusOK || text(t, r) != want {
			t.Errorf("%s: %s", name, r.Status)
		}
	}
}

// TestADelayedStreamKeepsItsPeriods slides over a break, with what was before it
// forgotten bit by bit.
func TestADelayedStreamKeepsItsPeriods(t *testing.T) {
	r := both().more(20).more(1, func(s *segment.Segment) { s.Discontinuity = true }).more(60)
	s := &still{window: fill(r.window(6)), kept: fill(r.window(81))}
	h := NewHandler(s, s, s)
	starts, inits := map[string]string{}, map[string]string{}
	for at := range 40 {
		s.now = zero.Add(time.Duration(60+2*at) * time.Second)
		m := delayedMPD(t, s, h, "offset=30")
		for _, p := range m.Periods {
			start, init := fmt.Sprint(*p.Start), p.AdaptationSets[0].SegmentTemplate.Initialization
			if was, ok := starts[p.Id]; ok && was != start {
				t.Fatalf("step %d: period %s starts at %s, was at %s", at, p.Id, start, was)
			}
			if was, ok := inits[p.Id]; ok && was != init {
				t.Fatalf("step %d: period %s has header %s, had %s", at, p.Id, init, was)
			}
			starts[p.Id], inits[p.Id] = start, init
		}
	}
	if len(starts) != 2 {
		t.Errorf("periods %v, want one before the break and one after", starts)
	}
}

// TestADelayedStreamStandsOverAHole asks for a time in which the box was off.
func TestADelayedStreamStandsOverAHole(t *testing.T) {
	before := both().more(30)
	after := both()
	after.run, after.zero, after.number = "ef56ab78", zero.Add(10*time.Minute), 130
	after.more(30)
	w := after.window(30)
	w.Segments = append(before.window(30).Segments, w.Segments...)
	s := &still{window: fill(after.window(6)), kept: fill(w), now: zero.Add(11 * time.Minute)}
	got := list(t, delayedMPD(t, s, NewHandler(s, s, s), "offset=5m"), media.Video)
	if len(got) != 6 || got[5].number != 129 {
		t.Errorf("%+v", got)
	}
}
