package hls

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/segment"
)

// strict reads a media playlist by the strict parser.
func strict(t *testing.T, text string) *playlist.Media {
	t.Helper()
	m, err := playlist.ParseMedia([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

func TestPlaylistsOfTransportStreams(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(programme(0, 8100*time.Millisecond))
	w := l.await(4)
	text := body(t, l.get(http.MethodGet, "ts/index.m3u8"))
	multi, err := playlist.ParseMultivariant([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	v := multi.Variants[0]
	if len(multi.Variants) != 1 || len(multi.Renditions) != 0 || v.URI != "stream.m3u8" || v.Codecs != "avc1.64000a,mp4a.40.2" || v.Resolution != "128x72" || multi.Version != 3 {
		t.Errorf("%s", text)
	}
	m := strict(t, body(t, l.get(http.MethodGet, "ts/stream.m3u8")))
	if m.Version != 3 || m.TargetDuration != 3*time.Second || len(m.Segments) != len(w.Segments) || m.Ended || m.Type != "" {
		t.Errorf("%+v", m)
	}
	for i, s := range m.Segments {
		want := w.Segments[i]
		r := l.get(http.MethodGet, "ts/"+s.URI)
		data := body(t, r)
		if s.Sequence != want.Sequence || s.Time.Sub(want.Video.Wall).Abs() > time.Millisecond || (s.Duration-want.Video.Duration).Abs() > time.Microsecond || s.URI != fmt.Sprintf("%s_%d.ts", w.Run, want.Sequence) {
			t.Errorf("%+v, want %+v", s, want)
		}
		if r.Header.Get("Content-Type") != "video/mp2t" || len(data)%ts.PacketSize != 0 || len(data) == 0 {
			t.Errorf("%s: %s %v, %d bytes", s.URI, r.Status, r.Header, len(data))
		}
		if rate := float64(8*len(data)) / s.Duration.Seconds(); rate > float64(v.Bandwidth) || rate < 0.6*float64(v.Bandwidth) {
			t.Errorf("%s has %.0f b/s, told are %d", s.URI, rate, v.Bandwidth)
		}
	}
	name := "ts/" + m.Segments[0].URI
	whole := body(t, l.get(http.MethodGet, name))
	r := l.get(http.MethodHead, name)
	etag := r.Header.Get("ETag")
	if r.ContentLength != int64(len(whole)) || body(t, r) != "" || r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("HEAD: %v", r.Header)
	}
	if r := l.get(http.MethodGet, name, "If-None-Match", etag); r.StatusCode != http.StatusNotModified {
		t.Errorf("If-None-Match: %s", r.Status)
	}
	if r := l.get(http.MethodGet, name, "Range", "bytes=188-375", "If-Range", etag); r.StatusCode != http.StatusPartialContent || body(t, r) != whole[188:376] {
		t.Errorf("Range: %s", r.Status)
	}
	for _, bad := range []string{"ts/", "ts/x.ts", "ts/none_1.ts", "ts/" + w.Segments[0].Video.Name, "ts/../" + m.Segments[0].URI, m.Segments[0].URI} {
		if r := l.get(http.MethodGet, bad); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", bad, r.Status)
		}
	}
}

func TestTransportStreamOfWhatIsLeftOfASegment(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(programme(0, 8100*time.Millisecond))
	whole := l.await(4)
	l.h = NewHandler(lost{l.seg})
	m := strict(t, body(t, l.get(http.MethodGet, "ts/stream.m3u8")))
	for i, want := range []bool{false, false, true, false} {
		s := m.Segments[i]
		r := l.get(http.MethodGet, "ts/"+s.URI)
		if s.Gap != want || (r.StatusCode == http.StatusOK) == want {
			t.Errorf("segment %d: gap %v, %s", i, s.Gap, r.Status)
		}
	}
	without := body(t, l.get(http.MethodGet, "ts/"+m.Segments[1].URI))
	with, err := TSSegment(whole.Segments[1])
	if err != nil || len(without) == 0 || len(without) >= len(with) {
		t.Errorf("%d bytes without sound, %d with, %v", len(without), len(with), err)
	}
}

// counted counts how often a file is opened.
type counted struct {
	segment.Content
	opened *atomic.Int32
}

func (c counted) Open() (io.ReadSeekCloser, error) {
	c.opened.Add(1)
	time.Sleep(20 * time.Millisecond) // for the others to come
	return c.Content.Open()
}

func TestManyPlayersCostOneTransportStream(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(programme(0, 4100*time.Millisecond))
	s := *l.await(2).Segments[0]
	video := *s.Video
	var opened atomic.Int32
	video.Content = counted{video.Content, &opened}
	s.Video = &video
	cache := newTSCache()
	var players sync.WaitGroup
	for range 20 {
		players.Go(func() {
			if data, err := cache.get("a", &s); err != nil || len(data) == 0 {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		})
	}
	players.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
}

func TestCacheOfTransportStreamsIsBounded(t *testing.T) {
	cache := newTSCache()
	for i := range 100 {
		cache.keep(fmt.Sprint(i), make([]byte, 1<<20))
		if _, ok := cache.look("0"); i < 50 && !ok {
			t.Fatal("what is asked for most was dropped")
		}
	}
	cache.keep("large", make([]byte, tsCacheBytes+1))
	if cache.bytes > tsCacheBytes || len(cache.items) != cache.order.Len() || len(cache.items) != tsCacheBytes>>20 {
		t.Errorf("%d bytes, %d and %d items", cache.bytes, len(cache.items), cache.order.Len())
	}
	if _, ok := cache.look("large"); ok {
		t.Error("one larger than the cache was kept")
	}
	if _, ok := cache.look("99"); !ok {
		t.Error("the newest is not there")
	}
}

// What players get is what was recorded: read as HLS, and as the segments one
// after the other from any of them on, ffmpeg is silent.
func TestFFmpegReadsTransportStreams(t *testing.T) {
	cases := map[string]footage.Clip{
		"H.264 and AAC": footage.StreetMP4,
		"B-frames":      footage.StreetBFrames,
		"no sound":      footage.StreetVideoOnly,
		"forced cuts":   footage.StreetLongGOP,
	}
	for name, recipe := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clip(t, recipe)
			l := start(t, segment.Config{Segments: 1000}, kinds(c)...)
			l.feed(c.Packets)
			want := c.Duration - 4*time.Second
			w := l.await(1)
			for ; w.Duration() < want; w = l.seg.Window() {
				<-w.Next()
			}
			url := strings.Replace(l.serve(), "index", "ts/index", 1)
			got, err := peer.Decode(t.Context(), url, want-time.Second, "-live_start_index", "0")
			if err != nil {
				t.Fatal(err)
			}
			if d := (got.Media - (want - time.Second)).Abs(); d > 100*time.Millisecond {
				t.Errorf("decoded %v of %v", got.Media, want-time.Second)
			}
			for _, from := range []int{0, 1 + rand.IntN(len(w.Segments)-1)} {
				if from == 0 || w.Segments[from].Independent {
					readJoined(t, w.Segments[from:])
				}
			}
		})
	}
}

// readJoined reads segments as one file.
func readJoined(t *testing.T, segments []*segment.Segment) {
	t.Helper()
	var all []byte
	frames := 0
	for _, s := range segments {
		data, err := TSSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
		frames += s.Video.Samples
	}
	checkCounters(t, all)
	file := filepath.Join(t.TempDir(), "joined.ts")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffmpeg", "-v", "warning", "-xerror", "-err_detect", "explode", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v\n%s", err, out)
	}
	p, err := peer.Probe(t.Context(), file, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckTimestamps(); err != nil {
		t.Error(err)
	}
	n := 0
	for _, pkt := range p.Packets {
		if pkt.Kind == "video" {
			n++
		}
	}
	if n != frames {
		t.Errorf("%d pictures, want %d", n, frames)
	}
}

// checkCounters fails for every jump of a continuity counter.
func checkCounters(t *testing.T, stream []byte) {
	t.Helper()
	last := map[uint16]byte{}
	for i := 0; i < len(stream); i += ts.PacketSize {
		p := stream[i:]
		pid, cc := uint16(p[1]&0x1f)<<8|uint16(p[2]), p[3]&15
		if before, ok := last[pid]; ok && p[3]&0x10 != 0 && cc != (before+1)&15 {
			t.Errorf("packet %d: PID %d counts %d after %d", i/ts.PacketSize, pid, cc, before)
		}
		last[pid] = cc
	}
}

func TestTransportStreamAcrossARestart(t *testing.T) {
	l := start(t, segment.Config{Segments: 100}, media.Video, media.Audio)
	l.feed(programme(0, 5*time.Second))
	l.feed(programme(6*time.Second, 5*time.Second))
	w := l.await(5)
	var all []byte
	breaks := 0
	for i, s := range w.Segments {
		data, err := TSSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		if data[5]&0x80 != 0 || data[2*ts.PacketSize+5]&0x80 != 0 {
			breaks++
		}
		if i > 0 && s.Discontinuity != (data[2*ts.PacketSize+5]&0x80 != 0) {
			t.Errorf("segment %d: discontinuity %v is not told", i, s.Discontinuity)
		}
		all = append(all, data...)
	}
	checkCounters(t, all)
	if breaks == 0 {
		t.Error("no break")
	}
	m := strict(t, body(t, l.get(http.MethodGet, "ts/stream.m3u8")))
	for i, s := range m.Segments {
		if s.Discontinuity != w.Segments[i].Discontinuity {
			t.Errorf("segment %d: discontinuity %v", i, s.Discontinuity)
		}
	}
}

func TestPlaylistsToUpload(t *testing.T) {
	l := start(t, segment.Config{}, media.Video, media.Audio)
	if _, err := Playlists(l.seg.Window()); err == nil {
		t.Error("an empty window has playlists")
	}
	l.feed(programme(0, 4100*time.Millisecond))
	w := l.await(2)
	files, err := Playlists(w)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	inTS, err := TSPlaylists(w)
	if err != nil || len(inTS) != 2 {
		t.Fatalf("%d files, %v", len(inTS), err)
	}
	for name, b := range files {
		if served := body(t, l.get(http.MethodGet, name)); served != string(b) {
			t.Errorf("%s is not what is served", name)
		}
	}
	for name, b := range inTS {
		if served := body(t, l.get(http.MethodGet, "ts/"+name)); served != string(b) {
			t.Errorf("ts/%s is not what is served", name)
		}
	}
	ended := *w
	ended.Ended = true
	if files, err = Playlists(&ended); err != nil || !bytes.HasSuffix(files["video.m3u8"], []byte("#EXT-X-ENDLIST\n")) {
		t.Errorf("the end is not told: %v\n%s", err, files["video.m3u8"])
	}
}
