package dash

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// still is a source, a clock and an archive of what a test sets.
type still struct {
	window *segment.Window
	now    time.Time // zero: not known
	kept   *segment.Window
	gaps   []segment.Gap
}

func (s *still) Window() *segment.Window { return s.window }
func (s *still) Now() time.Duration      { return time.Hour }
func (s *still) Wall(t time.Duration) (time.Time, bool) {
	return s.now.Add(t - time.Hour), !s.now.IsZero()
}

func (s *still) Between(from, to time.Time) (*segment.Window, []segment.Gap) {
	w := *s.kept
	w.Segments = nil
	for _, g := range s.kept.Segments {
		if !g.Video.Wall.Before(from) && g.Video.Wall.Before(to) {
			w.Segments = append(w.Segments, g)
		}
	}
	return &w, s.gaps
}

func (s *still) Segment(sequence uint64) (*segment.Segment, bool) {
	for _, g := range s.kept.Segments {
		if g.Sequence == sequence {
			return g, true
		}
	}
	return nil, false
}

// content is a file in memory.
type content string

type closer struct{ *strings.Reader }

func (closer) Close() error { return nil }

func (c content) Open() (io.ReadSeekCloser, error) { return closer{strings.NewReader(string(c))}, nil }

// fill gives the files of a window their bytes.
func fill(w *segment.Window) *segment.Window {
	for _, s := range w.Segments {
		for _, k := range kinds {
			m := s.Media(k)
			m.Content = content("bytes of " + m.Name)
			m.Init.Data = []byte("header " + m.Init.Name)
		}
	}
	return w
}

func request(h http.Handler, method, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://box/"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFilesAndTheirHeaders(t *testing.T) {
	s := &still{window: fill(both().more(6).window(6)), now: zero.Add(time.Minute)}
	h := NewHandler(s, s, nil)
	const forever = "public, max-age=31536000, immutable"
	cases := []struct{ name, kind, cache, body string }{
		{"manifest.mpd", "application/dash+xml", "no-cache", ""},
		{"video_ab12cd34_init1.mp4", "video/mp4", forever, "header video_ab12cd34_init1.mp4"},
		{"audio_ab12cd34_init1.mp4", "audio/mp4", forever, "header audio_ab12cd34_init1.mp4"},
		{"video_ab12cd34_102.m4s", "video/mp4", forever, "bytes of video_ab12cd34_102.m4s"},
		{"audio_ab12cd34_105.m4s", "audio/mp4", forever, "bytes of audio_ab12cd34_105.m4s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := request(h, http.MethodGet, c.name)
			whole, etag := text(t, r), r.Header.Get("ETag")
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != c.kind || r.Header.Get("Cache-Control") != c.cache ||
				r.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(etag, `"`) {
				t.Errorf("%s %v", r.Status, r.Header)
			}
			if c.body != "" && whole != c.body || whole == "" {
				t.Errorf("%q, want %q", whole, c.body)
			}
			if r := request(h, http.MethodHead, c.name); r.StatusCode != http.StatusOK || r.ContentLength != int64(len(whole)) || text(t, r) != "" {
				t.Errorf("HEAD: %s, %d bytes", r.Status, r.ContentLength)
			}
			if r := request(h, http.MethodGet, c.name, "If-None-Match", etag); r.StatusCode != http.StatusNotModified {
				t.Errorf("If-None-Match: %s", r.Status)
			}
			if r := request(h, http.MethodGet, c.name, "Range", "bytes=4-7", "If-Range", etag); r.StatusCode != http.StatusPartialContent || text(t, r) != whole[4:8] {
				t.Errorf("Range: %s", r.Status)
			}
			if r := request(h, http.MethodOptions, c.name); r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" {
				t.Errorf("OPTIONS: %s %v", r.Status, r.Header)
			}
			if r := request(h, http.MethodPut, c.name); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") == "" {
				t.Errorf("PUT: %s", r.Status)
			}
		})
	}
	etag := request(h, http.MethodGet, "manifest.mpd").Header.Get("ETag")
	s.window = fill(both().more(7).window(6))
	if r := request(h, http.MethodGet, "manifest.mpd", "If-None-Match", etag); r.StatusCode != http.StatusOK {
		t.Errorf("a manifest that has changed: %s", r.Status)
	}
	for _, name := range []string{"", "..", "../manifest.mpd", "video_ab12cd34_99.m4s", "video_ab12cd34_102.m4s/", "x/video_ab12cd34_102.m4s", "etc/passwd"} {
		r := request(h, http.MethodGet, name)
		if got := text(t, r); r.StatusCode != http.StatusNotFound || !strings.Contains(got, "segments 101 to 106 are listed in manifest.mpd") || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %s %s", name, r.Status, got)
		}
	}
}

func TestTheTimeOfDayIsTheStreams(t *testing.T) {
	s := &still{window: both().window(0), now: zero}
	h := NewHandler(s, s, nil)
	r := request(h, http.MethodGet, "time")
	if got := text(t, r); got != "2026-05-01T20:15:00.123Z" || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s %v", got, r.Header)
	}
	if got := request(h, http.MethodHead, "time").Header.Get("Date"); got != "Fri, 01 May 2026 20:15:00 GMT" {
		t.Errorf("HEAD: %s", got)
	}
	s.now = time.Time{}
	if r := request(h, http.MethodGet, "time"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("without: %s", r.Status)
	}
}

func TestPlayersAreToldToComeBack(t *testing.T) {
	unknown := both()
	unknown.zero = time.Time{}
	cases := map[string]struct {
		window *segment.Window
		want   string
	}{
		"before the first segment": {both().window(0), "no segment yet"},
		"nothing but losses":       {both().more(4, lost(media.Video, media.Audio)).window(4), "no segment yet"},
		"no time of day":           {unknown.more(4).window(4), "HLS plays without"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := &still{window: c.window}
			r := request(NewHandler(s, s, nil), http.MethodGet, "manifest.mpd")
			if got := text(t, r); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" ||
				r.Header.Get("Cache-Control") != "no-store" || !strings.Contains(got, c.want) {
				t.Errorf("%s %v: %s", r.Status, r.Header, got)
			}
		})
	}
}

// archived is a box that holds 100 segments from 20:15 on, the last 6 of them live.
func archived() *still {
	r := both().more(100)
	return &still{window: fill(r.window(6)), kept: fill(r.window(100)), now: zero.Add(200 * time.Second)}
}

func TestTimeShift(t *testing.T) {
	s := archived()
	h := NewHandler(s, s, s)
	cases := map[string]struct{ first, n int }{
		"from=2026-05-01T20:15:20Z&duration=10s":            {110, 5},
		"from=2026-05-01T22:15:20%2B02:00&duration=10":      {110, 5},
		fmt.Sprint("from=", zero.Unix()+20, "&duration=10"): {110, 5},
		"from=2026-05-01T20:18:00Z":                         {190, 10},
		"from=2026-05-01T22:15:20+02:00&duration=10":        {110, 5},
	}
	for query, want := range cases {
		t.Run(query, func(t *testing.T) {
			r := request(h, http.MethodGet, "manifest.mpd?"+query)
			body := text(t, r)
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/dash+xml" {
				t.Fatalf("%s: %s", r.Status, body)
			}
			m := parse(t, []byte(body))
			got := list(t, m, media.Video)
			if m.GetType() != "static" || len(got) != want.n || int(got[0].number) != want.first || got[0].from != 0 ||
				time.Duration(*m.MediaPresentationDuration) != time.Duration(want.n)*2*time.Second {
				t.Errorf("%s, %v: %+v", m.GetType(), *m.MediaPresentationDuration, got)
			}
			if etag := r.Header.Get("ETag"); request(h, http.MethodGet, "manifest.mpd?"+query, "If-None-Match", etag).StatusCode != http.StatusNotModified {
				t.Errorf("the same again is not known by %s", etag)
			}
			init := m.Periods[0].AdaptationSets[1].SegmentTemplate.Initialization
			for name, want := range map[string]string{
				init: "header audio_ab12cd34_init1.mp4", fmt.Sprintf("audio_ab12cd34_%d.m4s", want.first): fmt.Sprintf("bytes of audio_ab12cd34_%d.m4s", want.first),
			} {
				if r := request(h, http.MethodGet, name); r.StatusCode != http.StatusOK || text(t, r) != want {
					t.Errorf("%s: %s", name, r.Status)
				}
			}
		})
	}
}

func TestTimeShiftThatCannotBeGiven(t *testing.T) {
	s := archived()
	s.gaps = []segment.Gap{{From: zero.Add(-time.Hour), To: zero, Cause: "disk"}}
	cases := map[string]struct {
		code int
		want string
	}{
		"from=yesterday":            {400, `from="yesterday" is no time`},
		"from=-5":                   {400, "is no time"},
		"duration=10":               {400, "does not say where to begin"},
		"from=5&offset=3":           {400, "offset goes alone"},
		"offset=5&duration=3":       {400, "offset goes alone"},
		"offset=soon":               {400, `offset="soon" is no duration`},
		"offset=-5s":                {400, "is no duration"},
		"offset=NaN":                {400, "is no duration"},
		"from=5&duration=0":         {400, `duration="0" is no duration`},
		"from=2026-05-02T00:00:00Z": {400, "has not come yet"},
		"from=2026-04-01T00:00:00Z": {400, "at most 24h"},
		"offset=48h":                {404, "nothing is held of 48h0m0s ago: held is 2026-05-01T20:15:00.123Z to 2026-05-01T20:18:20.123Z"},
		"from=2026-05-01T20:11:40.123456789Z&duration=100s": {404, "nothing is held of 2026-05-01T20:11:40.123Z to 2026-05-01T20:13:20.123Z: disk"},
	}
	for query, want := range cases {
		t.Run(query, func(t *testing.T) {
			r := request(NewHandler(s, s, s), http.MethodGet, "manifest.mpd?"+query)
			if got := text(t, r); r.StatusCode != want.code || !strings.Contains(got, want.want) || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s", r.Status, got)
			}
		})
	}
	r := request(NewHandler(s, s, nil), http.MethodGet, "manifest.mpd?offset=10s")
	if got := text(t, r); r.StatusCode != http.StatusNotFound || !strings.Contains(got, "keeps nothing to go back to") {
		t.Errorf("without an archive: %s %s", r.Status, got)
	}
}

type silent struct{}

func (silent) Raise(string, string) {}
func (silent) Clear(string)         {}
func (silent) Stats(segment.Stats)  {}

// Many players at once, while segments come and go.
func TestPlayersAndSegmenterAtOnce(t *testing.T) {
	clock := media.NewClock()
	stream := hub.New(clock)
	stream.Announce(media.Video, media.Audio)
	seg, err := segment.New(segment.Config{Dir: t.TempDir() + "/live"}, stream, silent{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running, players sync.WaitGroup
	running.Go(func() {
		if err := seg.Run(ctx, func() {}); err != nil {
			t.Errorf("segmenter: %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	h := NewHandler(seg, clock, nil)
	feed(stream, 0, 12*time.Second)
	for w := seg.Window(); len(w.Segments) < 5; w = seg.Window() {
		<-w.Next()
	}
	for range 8 {
		players.Go(func() { play(t, h) })
	}
	feed(stream, 12*time.Second, 20*time.Second)
	players.Wait()
}

// play fetches manifests and all they list.
func play(t *testing.T, h http.Handler) {
	for range 20 {
		r := request(h, http.MethodGet, "manifest.mpd")
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("manifest: %s, %v: %s", r.Status, err, body)
			return
		}
		m, err := mpd.MPDFromBytes(body)
		if err != nil {
			t.Errorf("manifest: %v", err)
			return
		}
		for _, k := range kinds {
			for _, s := range list(t, m, k) {
				set := m.Periods[len(m.Periods)-1].AdaptationSets[k-1]
				name := strings.Replace(set.SegmentTemplate.Media, "$Number$", fmt.Sprint(s.number), 1)
				if r := request(h, http.MethodGet, name); r.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", name, r.Status)
				}
			}
		}
	}
}

// feed writes d of picture and sound, faster than real time.
func feed(stream *hub.Hub, from, d time.Duration) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	n := 0
	for at := time.Duration(0); at < d; at += 40 * time.Millisecond {
		stream.Write(segmenttest.Picture(video, from+at, at%(2*time.Second) == 0, 1000))
		for ; ; n++ {
			s := segmenttest.Sound(audio, from, n)
			if s.PTS-from > at {
				break
			}
			stream.Write(s)
		}
		time.Sleep(time.Millisecond)
	}
}
