package hls

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// shelf is an archive of a window.
type shelf struct {
	window *segment.Window
	gaps   []segment.Gap
}

func (s *shelf) Between(from, to time.Time) (*segment.Window, []segment.Gap) {
	w, _ := liveArchive{s.window}.Between(from, to)
	var gaps []segment.Gap
	for _, g := range s.gaps {
		if g.From.Before(to) && g.To.After(from) {
			gaps = append(gaps, g)
		}
	}
	return w, gaps
}

func (s *shelf) Segment(n uint64) (*segment.Segment, bool) {
	for _, seg := range s.window.Segments {
		if seg.Sequence == n {
			return seg, true
		}
	}
	return nil, false
}

func (s *shelf) Held() (from, to time.Time, ok bool) { return liveArchive{s.window}.Held() }

// archived is a stream of eleven segments of two seconds, of which the last
// four are live, and 2 and 3 (from 0) are lost to a full disk.
func archived(t *testing.T) (l *live, all *shelf, begin time.Time) {
	t.Helper()
	l = start(t, segment.Config{Segments: 1000}, media.Video, media.Audio)
	l.feed(programme(time.Hour, 22100*time.Millisecond)) // ahead of the clock: how long the test takes does not matter
	w := *l.await(11)
	begin = w.Segments[0].Video.Wall
	all = &shelf{window: &w, gaps: []segment.Gap{{From: begin.Add(4 * time.Second), To: begin.Add(8 * time.Second), Cause: `disk: "full"`}}}
	w.Segments = append(append([]*segment.Segment(nil), w.Segments[:2]...), w.Segments[4:11]...)
	now := w
	now.Segments = w.Segments[5:]
	l.h = NewHandler(windowed{&now})
	l.h.Archive = all
	return l, all, begin
}

type windowed struct{ w *segment.Window }

func (s windowed) Window() *segment.Window { return s.w }

func query(at time.Time, more string) string {
	return "?from=" + url.QueryEscape(at.Format(time.RFC3339Nano)) + more
}

func TestTimeShift(t *testing.T) {
	l, all, begin := archived(t)
	first := all.window.Segments[0].Sequence
	cases := []struct {
		name, query string
		list        string // sequence numbers from the first one's, "-" before a gap
		kind        string
		ended       bool
	}{
		{"a part", query(begin.Add(8*time.Second), "&duration=4s"), "4 5", "VOD", true},
		{"Unix seconds", fmt.Sprintf("?from=%.3f&duration=4", float64(begin.Add(8*time.Second).UnixMilli())/1e3+0.001), "4 5 6", "VOD", true},
		{"cut at segments", query(begin.Add(9*time.Second), "&duration=2s"), "4 5", "VOD", true},
		{"over a gap", query(begin, "&duration=10s"), "0 1 -2 -3 4", "VOD", true},
		{"zone with a bare plus", "?from=" + begin.In(time.FixedZone("", 7200)).Format(time.RFC3339Nano) + "&duration=3s", "0 1", "VOD", true},
		{"the end is to come", query(begin.Add(17*time.Second), "&duration=1h"), "8 9 10", "EVENT", false},
		{"no end", query(begin.Add(17*time.Second), ""), "8 9 10", "EVENT", false},
		{"earlier than anything", query(begin.Add(-time.Minute), "&duration=63s"), "0 1", "VOD", true},
		{"live some time ago", "?offset=4s", "4 5 6 7 8", "", false},
	}
	for _, c := range cases {
		for _, name := range []string{"video.m3u8", "audio.m3u8", "ts/stream.m3u8"} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				r := l.get(http.MethodGet, name+c.query)
				text := body(t, r)
				if r.StatusCode != http.StatusOK {
					t.Fatalf("%s: %s", r.Status, text)
				}
				m := strict(t, text)
				var list []string
				for _, s := range m.Segments {
					sign := ""
					if s.Gap {
						sign = "-"
					}
					list = append(list, fmt.Sprint(sign, s.Sequence-first))
				}
				if strings.Join(list, " ") != c.list || m.Type != c.kind || m.Ended != c.ended {
					t.Errorf("%v, type %q, ended %v; want %s, %q, %v\n%s", list, m.Type, m.Ended, c.list, c.kind, c.ended, text)
				}
				if over := strings.Contains(c.list, "-"); over != (len(m.DateRanges) == 1) || over && (m.DateRanges[0].Cause != "disk: 'full'" || m.DateRanges[0].Duration != 4*time.Second) {
					t.Errorf("date ranges %+v", m.DateRanges)
				}
				fetchAll(t, l, strings.TrimSuffix(name, "stream.m3u8"), m)
			})
		}
	}
}

// fetchAll loads all that a playlist names.
func fetchAll(t *testing.T, l *live, base string, m *playlist.Media) {
	t.Helper()
	if !strings.HasSuffix(base, "/") {
		base = ""
	}
	for _, s := range m.Segments {
		want := http.StatusOK
		if s.Gap {
			want = http.StatusNotFound
		}
		for _, name := range []string{s.URI, s.Map} {
			if name == "" || name == s.Map && s.Gap {
				continue
			}
			r := l.get(http.MethodGet, base+name)
			if data := body(t, r); r.StatusCode != want || want == http.StatusOK && (len(data) == 0 || !strings.Contains(r.Header.Get("Cache-Control"), "immutable")) {
				t.Errorf("%s: %s", name, r.Status)
			}
		}
	}
}

func TestMultivariantPlaylistsPassTheQueryOn(t *testing.T) {
	l, _, begin := archived(t)
	q := query(begin, "&duration=4s")
	for name, uris := range map[string][]string{"index.m3u8": {"video.m3u8", "audio.m3u8"}, "ts/index.m3u8": {"stream.m3u8"}} {
		text := body(t, l.get(http.MethodGet, name+q))
		p, err := playlist.ParseMultivariant([]byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got := []string{p.Variants[0].URI}
		for _, r := range p.Renditions {
			got = append(got, r.URI)
		}
		for i, uri := range uris {
			path, query, _ := strings.Cut(got[i], "?")
			v, err := url.ParseQuery(query)
			if path != uri || err != nil || v.Get("duration") != "4s" || v.Get("from") != begin.Format(time.RFC3339Nano) {
				t.Errorf("%s: %s (%v)", name, got[i], err)
			}
			if r := l.get(http.MethodGet, strings.TrimSuffix(name, "index.m3u8")+got[i]); r.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", got[i], r.Status)
			}
		}
	}
}

func TestTimesThatCannotBeAnswered(t *testing.T) {
	l, _, begin := archived(t)
	cases := []struct {
		query string
		code  int
		want  string
	}{
		{"?from=yesterday", 400, "use RFC 3339, such as 20"},
		{"?from=1790000000000", 400, "milliseconds?"},
		{"?from=12:00", 400, "RFC 3339"},
		{"?from=NaN", 400, "Unix seconds"},
		{"?duration=5s", 400, "duration needs a from"},
		{"?from=2026-03-01T12:00:00Z&duration=long", 400, "use 90s, 5m, 1h30m"},
		{"?from=2026-03-01T12:00:00Z&duration=0s", 400, "not above 0"},
		{"?from=2026-03-01T12:00:00Z&duration=25h", 400, "ask for parts"},
		{"?offset=-5s", 400, "not a length of time"},
		{"?offset=NaN", 400, "not a length of time"},
		{"?offset=90s&from=2026-03-01T12:00:00Z", 400, "offset goes alone"},
		{"?from=2026-03-01T12:00:00Z&duration=5s", 404, "held is " + stamp(begin) + " to "},
		{"?from=2100-03-01T12:00:00Z&duration=5s", 404, "is still to come"},
		{query(begin.Add(4500*time.Millisecond), "&duration=3s"), 404, "held is "},
		{"?offset=1h", 404, "nothing is held of 1h0m0s ago: held is " + stamp(begin)},
	}
	for _, c := range cases {
		for _, name := range []string{"index.m3u8", "audio.m3u8", "ts/index.m3u8", "ts/stream.m3u8"} {
			r := l.get(http.MethodGet, name+c.query)
			if text := body(t, r); r.StatusCode != c.code || !strings.Contains(text, c.want) || strings.Count(text, "\n") != 1 || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s: %s %s", name, c.query, r.Status, text)
			}
		}
	}
	l.h.Archive = nil
	if r := l.get(http.MethodGet, "video.m3u8"+query(begin, "&duration=5s")); r.StatusCode != http.StatusNotFound {
		t.Errorf("without an archive: %s", r.Status)
	}
	r := l.get(http.MethodGet, "video.m3u8"+query(begin.Add(17*time.Second), ""))
	if m := strict(t, body(t, r)); len(m.Segments) != 3 || m.Type != "" || m.Ended {
		t.Errorf("of the live window: %+v", m)
	}
}

func TestListOfGaps(t *testing.T) {
	l, _, begin := archived(t)
	r := l.get(http.MethodGet, "gaps.json"+query(begin, "&duration=20s"))
	var got gapReport
	if err := json.Unmarshal([]byte(body(t, r)), &got); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Content-Type") != "application/json" || len(got.Gaps) != 1 || got.Gaps[0].Cause != `disk: "full"` || got.Gaps[0].Seconds != 4 || !got.Gaps[0].From.Equal(begin.Add(4*time.Second)) {
		t.Errorf("%+v", got)
	}
	r = l.get(http.MethodGet, "gaps.json?from=2026-03-01T12:00:00Z&duration=5s")
	if text := body(t, r); !strings.Contains(text, `"gaps":[]`) {
		t.Errorf("%s", text)
	}
	for _, q := range []string{"?offset=5s", "?from=x"} {
		if r := l.get(http.MethodGet, "gaps.json"+q); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", q, r.Status)
		}
	}
}

// forgetful does not count discontinuities, nor has it any but the listed.
type forgetful struct{ *shelf }

func (f forgetful) Between(from, to time.Time) (*segment.Window, []segment.Gap) {
	w, gaps := f.shelf.Between(from, to)
	w.Discontinuities = 0
	return w, gaps
}

// A playlist that slides over the archive obeys the rules of live ones, over
// gaps, discontinuities and numbers that jump.
func TestSlidingPlaylistsObeyTheRules(t *testing.T) {
	l := start(t, segment.Config{Segments: 1000}, media.Video, media.Audio)
	for i := range 4 {
		l.feed(programme(time.Duration(i)*14*time.Second, 13*time.Second))
	}
	w := *l.await(24)
	begin := w.Segments[0].Video.Wall
	live := w
	live.Segments = w.Segments[len(w.Segments)-4:]
	held := append([]*segment.Segment(nil), w.Segments[:9]...)
	held = append(held, w.Segments[11:]...) // a hole of two
	jumped := append([]*segment.Segment(nil), held...)
	for i, s := range jumped {
		if i > 15 {
			moved := *s
			moved.Sequence += 100_000
			jumped[i] = &moved
		}
	}
	for name, segments := range map[string][]*segment.Segment{"a hole": held, "numbers that jump": jumped} {
		t.Run(name, func(t *testing.T) {
			all := w
			all.Segments = segments
			var h playlist.History
			var counts breaks
			jumps := 0
			for at := begin.Add(5 * time.Second); at.Before(begin.Add(50 * time.Second)); at = at.Add(700 * time.Millisecond) {
				l := slide(forgetful{&shelf{window: &all}}, &live, at)
				counts.count(time.Minute, l.window)
				text, err := l.render(tsFolder + tsStreamName)
				if err != nil {
					t.Fatal(err)
				}
				m := strict(t, string(text))
				last := m.Segments[len(m.Segments)-1]
				if end := last.Time.Add(last.Duration); end.After(at.Add(time.Millisecond)) {
					t.Fatalf("at %v: the newest ends %v later", at.Sub(begin), end.Sub(at))
				}
				if n := len(h.Segments); n > 0 && m.Sequence > h.Segments[n-1].Sequence+1000 {
					h, jumps = playlist.History{}, jumps+1
				}
				if err := h.Add(m); err != nil {
					t.Fatalf("at %v: %v\n%s", at.Sub(begin), err, text)
				}
			}
			if want := map[string]int{"a hole": 0, "numbers that jump": 1}[name]; jumps != want || h.Reloads < 5 {
				t.Errorf("%d jumps, want %d; %d reloads", jumps, want, h.Reloads)
			}
		})
	}
}

// ffmpeg plays a part of the past to its end, in both forms.
func TestFFmpegPlaysThePast(t *testing.T) {
	c := clip(t, footage.StreetBFrames)
	l := start(t, segment.Config{Segments: 1000}, kinds(c)...)
	l.feed(c.Packets)
	w := l.await(1)
	for ; w.Duration() < 8*time.Second; w = l.seg.Window() {
		<-w.Next()
	}
	all := *l.seg.Window()
	now := all
	now.Segments = all.Segments[len(all.Segments)-1:]
	l.h = NewHandler(windowed{&now})
	l.h.Archive = &shelf{window: &all}
	part := all.Segments[1:3]
	q := query(part[0].Video.Wall, fmt.Sprintf("&duration=%v", part[0].Duration+part[1].Duration-time.Millisecond))
	for _, name := range []string{"index", "ts/index"} {
		got, err := peer.Decode(t.Context(), strings.Replace(l.serve(), "index", name, 1)+q, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if want := part[0].Video.Samples + part[1].Video.Samples; int(got.Frames) != want {
			t.Errorf("%s: %d pictures, want %d", name, got.Frames, want)
		}
	}
}

func TestHeadersAreFoundByAllMeans(t *testing.T) {
	l, all, begin := archived(t)
	l.h.source = windowed{&segment.Window{Run: "other", TargetDuration: 3 * time.Second}}
	m := strict(t, body(t, l.get(http.MethodGet, "video.m3u8"+query(begin, "&duration=4s"))))
	name := m.Segments[0].Map
	plain, number, _ := strings.Cut(name, "?")
	if r := l.get(http.MethodGet, name); number == "" || r.StatusCode != http.StatusOK || body(t, r) != string(all.window.Segments[0].Video.Init.Data) {
		t.Errorf("%s: %s", name, r.Status)
	}
	if r := l.get(http.MethodGet, plain); r.StatusCode != http.StatusNotFound {
		t.Errorf("%s: %s", plain, r.Status)
	}
	l.h.Archive = indexed{all}
	if r := l.get(http.MethodGet, plain); r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%s of an archive that knows it: %s", plain, r.Status)
	}
}

// indexed is an archive that knows its headers.
type indexed struct{ *shelf }

func (i indexed) Init(name string) (*segment.Init, bool) {
	for _, s := range i.window.Segments {
		if s.Video.Init.Name == name {
			return s.Video.Init, true
		}
	}
	return nil, false
}
