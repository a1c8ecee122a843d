package acceptance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/lab/encoderd"
)

// TestHTTPHeaders: players of any origin may read the media, and caches may keep
// it; pages of other origins get neither the status nor the configuration.
func TestHTTPHeaders(t *testing.T) {
	t.Parallel()
	d := encoderd.Start(t, binary, patternInput("main"))
	awaitHLS(t, d, "main")
	seen := startWatch(t, d.HLS("main"))
	eventually(t, "the watch to see a segment", func() bool { return d.Status().Streams[0].HLS.Segments > 1 })
	if err := seen.Stop(); err != nil {
		t.Fatal(err)
	}
	const playlistType, immutable = "application/vnd.apple.mpegurl", "public, max-age=31536000, immutable"
	video, audio := last(seen.Video().Segments), last(seen.Audio().Segments)
	for path, want := range map[string]struct{ kind, cache string }{
		"/hls/index.m3u8":          {playlistType, "no-cache"},
		"/hls/main/index.m3u8":     {playlistType, "no-cache"},
		"/hls/main/video.m3u8":     {playlistType, "no-cache"},
		"/hls/main/audio.m3u8":     {playlistType, "no-cache"},
		"/hls/main/" + video.Map:   {"video/mp4", immutable},
		"/hls/main/" + audio.Map:   {"audio/mp4", immutable},
		"/hls/main/" + video.URI:   {"video/mp4", immutable},
		"/hls/main/" + audio.URI:   {"audio/mp4", immutable},
		"/hls/main/video_none.m4s": {"text/plain; charset=utf-8", "no-store"},
	} {
		r := ask(t, d, http.MethodGet, path)
		h := r.Header
		if h.Get("Content-Type") != want.kind || h.Get("Cache-Control") != want.cache || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %s, headers %v; want %+v for every origin", path, r.Status, h, want)
		}
		if want.cache == "no-store" != (r.StatusCode == http.StatusNotFound) {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	if r := ask(t, d, http.MethodGet, "/hls/main/"+video.URI, "Range", "bytes=4-7"); r.StatusCode != http.StatusPartialContent || r.ContentLength != 4 {
		t.Errorf("a range: %s of %d bytes", r.Status, r.ContentLength)
	}
	if r := ask(t, d, http.MethodOptions, "/hls/main/"+video.URI); r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("a preflight: %s, %v", r.Status, r.Header)
	}
	for _, path := range []string{"/", "/api/v1/status", "/api/v1/config", "/api/v1/none", "/healthz"} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			for name := range ask(t, d, method, path).Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s has %s", method, path, name)
				}
			}
		}
	}
}

// ask sends a request as a page of another origin does, and returns the answer
// without its body.
func ask(t *testing.T, d *encoderd.Daemon, method, path string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, patience), method, d.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "http://elsewhere.example")
	req.Header.Set("Access-Control-Request-Method", http.MethodPatch)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func last[T any](s []T) (v T) {
	if len(s) > 0 {
		v = s[len(s)-1]
	}
	return v
}
