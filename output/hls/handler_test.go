package hls

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// mediaList reads a media playlist by gohlslib's parser.
func mediaList(t *testing.T, l *live, name string) *playlist.Media {
	t.Helper()
	text := body(t, l.get(http.MethodGet, name))
	var p playlist.Media
	if err := p.Unmarshal([]byte(text)); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return &p
}

func multi(t *testing.T, l *live) (*playlist.Multivariant, string) {
	t.Helper()
	text := body(t, l.get(http.MethodGet, "index.m3u8"))
	var p playlist.Multivariant
	if err := p.Unmarshal([]byte(text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(p.Variants) != 1 {
		t.Fatalf("%d variants\n%s", len(p.Variants), text)
	}
	return &p, text
}

func TestPlaylistsOfPictureAndSound(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(programme(0, 8100*time.Millisecond))
	w := l.await(4)
	p, text := multi(t, l)
	v := p.Variants[0]
	if !p.IndependentSegments || v.URI != "video.m3u8" || v.Resolution != "128x72" || v.FrameRate == nil || *v.FrameRate != 25 || v.Audio != "audio" ||
		strings.Join(v.Codecs, ",") != "avc1.64000a,mp4a.40.2" {
		t.Errorf("variant %+v\n%s", v, text)
	}
	if len(p.Renditions) != 1 || p.Renditions[0].URI == nil || *p.Renditions[0].URI != "audio.m3u8" || !p.Renditions[0].Default ||
		*p.Renditions[0].Channels != "2" || p.Renditions[0].GroupID != "audio" {
		t.Errorf("renditions %+v\n%s", p.Renditions, text)
	}
	// 25 pictures of 1000 bytes, 46.9 frames of silence, and the boxes around.
	if v.AverageBandwidth == nil || *v.AverageBandwidth < 200_000 || *v.AverageBandwidth > 215_000 || v.Bandwidth < *v.AverageBandwidth || v.Bandwidth > 220_000 {
		t.Errorf("bandwidth %d, average %d", v.Bandwidth, *v.AverageBandwidth)
	}
	for kind, name := range map[media.Kind]string{media.Video: "video.m3u8", media.Audio: "audio.m3u8"} {
		m := mediaList(t, l, name)
		if m.TargetDuration != 3 || m.MediaSequence != int(w.Segments[0].Sequence) || len(m.Segments) != 4 || m.Version != 7 || m.Map == nil ||
			m.Map.URI != w.Init(kind).Name || m.Endlist {
			t.Errorf("%s: %+v", name, m)
		}
		for i, s := range m.Segments {
			want := w.Segments[i].Media(kind)
			if s.URI != want.Name || (s.Duration-want.Duration).Abs() > time.Microsecond || s.Gap || s.Discontinuity {
				t.Errorf("%s: segment %d: %+v, want %+v", name, i, s, want)
			}
			if s.DateTime == nil || s.DateTime.Sub(want.Wall).Abs() > time.Millisecond || want.Wall.IsZero() {
				t.Errorf("%s: segment %d of %v, want %v", name, i, s.DateTime, want.Wall)
			}
		}
	}
}

func TestPlaylistsOfOneKindOfTrack(t *testing.T) {
	t.Run("sound", func(t *testing.T) {
		l := start(t, segment.Config{}, media.Audio)
		l.feed(only(media.Audio, programme(0, 5*time.Second)))
		l.await(2)
		p, text := multi(t, l)
		v := p.Variants[0]
		if v.URI != "audio.m3u8" || strings.Join(v.Codecs, ",") != "mp4a.40.2" || v.Resolution != "" || v.FrameRate != nil || len(p.Renditions) != 0 || v.Audio != "" {
			t.Errorf("%s", text)
		}
		if n := len(mediaList(t, l, "audio.m3u8").Segments); n != 2 {
			t.Errorf("%d segments", n)
		}
		if r := l.get(http.MethodGet, "video.m3u8"); r.StatusCode != http.StatusNotFound || !strings.Contains(body(t, r), "no video") {
			t.Errorf("video.m3u8: %s", r.Status)
		}
	})
	t.Run("picture", func(t *testing.T) {
		l := start(t, segment.Config{}, media.Video)
		l.feed(only(media.Video, programme(0, 5*time.Second)))
		l.await(2)
		p, text := multi(t, l)
		if v := p.Variants[0]; v.URI != "video.m3u8" || strings.Join(v.Codecs, ",") != "avc1.64000a" || v.Audio != "" || len(p.Renditions) != 0 {
			t.Errorf("%s", text)
		}
	})
}

func TestDiscontinuitiesGapsAndNumbersAsTheWindowSlides(t *testing.T) {
	l := start(t, segment.Config{Segments: 5}, media.Video, media.Audio)
	for i := range 5 { // a new track each time: two segments and a bit
		l.feed(programme(time.Duration(i)*6*time.Second, 5*time.Second))
	}
	w := l.await(14)
	for _, name := range []string{"video.m3u8", "audio.m3u8"} {
		m := mediaList(t, l, name)
		if m.DiscontinuitySequence == nil || *m.DiscontinuitySequence != int(w.Discontinuities) || w.Discontinuities == 0 || m.MediaSequence != int(w.Segments[0].Sequence) {
			t.Errorf("%s: %+v, window with %d discontinuities gone", name, m, w.Discontinuities)
		}
		for i, s := range m.Segments {
			if s.Discontinuity != w.Segments[i].Discontinuity {
				t.Errorf("%s: segment %d: discontinuity %v", name, i, s.Discontinuity)
			}
		}
		text := body(t, l.get(http.MethodGet, name))
		if maps := strings.Count(text, "#EXT-X-MAP"); maps != 1 { // the tracks are new ones that look the same
			t.Errorf("%s: %d headers\n%s", name, maps, text)
		}
	}
}

// lost is a window whose second segment has no sound and whose third is lost.
type lost struct{ Source }

func (l lost) Window() *segment.Window {
	w := *l.Source.Window()
	w.Segments = append([]*segment.Segment(nil), w.Segments...)
	gap := func(m *segment.Media) *segment.Media {
		g := *m
		g.Gap, g.Chunks, g.Bytes = true, nil, 0
		return &g
	}
	second, third := *w.Segments[1], *w.Segments[2]
	second.Audio = gap(second.Audio)
	third.Video, third.Audio = gap(third.Video), gap(third.Audio)
	third.Independent = false
	w.Segments[1], w.Segments[2] = &second, &third
	return &w
}

func TestLostSegmentsAreGapsInTheirPlaces(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(programme(0, 8100*time.Millisecond))
	l.await(4)
	l.h = NewHandler(lost{l.seg})
	for name, want := range map[string]string{"video.m3u8": "[false false true false]", "audio.m3u8": "[false true true false]"} {
		var got []bool
		m := mediaList(t, l, name)
		for _, s := range m.Segments {
			got = append(got, s.Gap)
		}
		if m.Version != 8 {
			t.Errorf("%s: version %d has no gaps", name, m.Version)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: gaps %v, want %s", name, got, want)
		}
		if r := l.get(http.MethodGet, m.Segments[2].URI); r.StatusCode != http.StatusNotFound || !strings.Contains(body(t, r), "was lost") {
			t.Errorf("a lost segment: %s", r.Status)
		}
	}
	if p, text := multi(t, l); p.IndependentSegments || p.Variants[0].Bandwidth < 200_000 {
		t.Errorf("segments that begin without a key picture are called independent, or gaps count as bandwidth:\n%s", text)
	}
}

func TestFilesAndTheirHeaders(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(programme(0, 4100*time.Millisecond))
	w := l.await(2)
	cases := []struct {
		name, kind, cache string
		size              int64
	}{
		{"index.m3u8", "application/vnd.apple.mpegurl", "no-cache", -1},
		{"video.m3u8", "application/vnd.apple.mpegurl", "no-cache", -1},
		{"audio.m3u8", "application/vnd.apple.mpegurl", "no-cache", -1},
		{w.Video.Name, "video/mp4", "public, max-age=31536000, immutable", int64(len(w.Video.Data))},
		{w.Audio.Name, "audio/mp4", "public, max-age=31536000, immutable", int64(len(w.Audio.Data))},
		{w.Segments[0].Video.Name, "video/mp4", "public, max-age=31536000, immutable", w.Segments[0].Video.Bytes},
		{w.Segments[1].Audio.Name, "audio/mp4", "public, max-age=31536000, immutable", w.Segments[1].Audio.Bytes},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := l.get(http.MethodGet, c.name)
			whole := body(t, r)
			etag := r.Header.Get("ETag")
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != c.kind || r.Header.Get("Cache-Control") != c.cache ||
				r.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(etag, `"`) {
				t.Errorf("%s %v", r.Status, r.Header)
			}
			if c.size >= 0 && int64(len(whole)) != c.size {
				t.Errorf("%d bytes, want %d", len(whole), c.size)
			}
			if r := l.get(http.MethodHead, c.name); r.StatusCode != http.StatusOK || r.ContentLength != int64(len(whole)) || body(t, r) != "" {
				t.Errorf("HEAD: %s, %d bytes", r.Status, r.ContentLength)
			}
			if r := l.get(http.MethodGet, c.name, "If-None-Match", etag); r.StatusCode != http.StatusNotModified {
				t.Errorf("If-None-Match: %s", r.Status)
			}
			if r := l.get(http.MethodGet, c.name, "Range", "bytes=4-7", "If-Range", etag); r.StatusCode != http.StatusPartialContent || body(t, r) != whole[4:8] {
				t.Errorf("Range: %s", r.Status)
			}
			if r := l.get(http.MethodOptions, c.name); r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" {
				t.Errorf("OPTIONS: %s %v", r.Status, r.Header)
			}
			if r := l.get(http.MethodDelete, c.name); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") == "" {
				t.Errorf("DELETE: %s", r.Status)
			}
		})
	}
	etag := l.get(http.MethodGet, "video.m3u8").Header.Get("ETag")
	l.feed(programme(10*time.Second, 4100*time.Millisecond))
	l.await(4)
	if r := l.get(http.MethodGet, "video.m3u8", "If-None-Match", etag); r.StatusCode != http.StatusOK {
		t.Errorf("a playlist that has changed: %s", r.Status)
	}
}

func TestBeforeTheFirstSegmentPlayersAreToldToComeBack(t *testing.T) {
	l := start(t, segment.Config{}, media.Video)
	for _, name := range []string{"index.m3u8", "video.m3u8", "audio.m3u8"} {
		r := l.get(http.MethodGet, name)
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "1" || r.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(body(t, r), "no segment yet") {
			t.Errorf("%s: %s %v", name, r.Status, r.Header)
		}
	}
}

func TestExpiredSegmentsAreServedForTheGraceTimeThenExplained(t *testing.T) {
	l := start(t, segment.Config{Segments: 5, Grace: 4 * time.Second}, media.Video)
	ps := only(media.Video, programme(0, 60*time.Second))
	l.feed(ps[:110])
	first := l.await(2).Segments[0].Video.Name
	l.feed(ps[110:360]) // seven complete
	w := l.await(7)
	if w.Segments[0].Video.Name == first {
		t.Fatal("the first segment is still listed")
	}
	if r := l.get(http.MethodGet, first); r.StatusCode != http.StatusOK {
		t.Errorf("within the grace time: %s", r.Status)
	}
	l.feed(ps[360:])
	l.await(29)
	r := l.get(http.MethodGet, first)
	if text := body(t, r); r.StatusCode != http.StatusNotFound || !strings.Contains(text, "expired") || !strings.Contains(text, "index.m3u8") || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("after the grace time: %s %s", r.Status, text)
	}
}

func TestNothingButTheWindowCanBeFetched(t *testing.T) {
	l := start(t, segment.Config{}, media.Video)
	l.feed(only(media.Video, programme(0, 5*time.Second)))
	w := l.await(2)
	name := w.Segments[0].Video.Name
	for _, path := range []string{"", ".", "..", "../" + name, "..%2f" + name, "x/" + name, "etc/passwd", "%2fetc%2fpasswd", name + ".tmp", name + "/",
		strings.Replace(name, "video_", "video_../", 1), fmt.Sprint(w.Segments[0].Video.Content)} {
		if r := l.get(http.MethodGet, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %s", path, r.Status)
		}
	}
}
