package viewer

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestReferencesOfPlaylists(t *testing.T) {
	const playlist = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"audio.m3u8\"\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo.m3u8\n\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:2,\n../x/1.m4s\r\n#EXT-X-MAP:URI=\"i.mp4\"\n"
	got := references("http://h/hls/main/index.m3u8", playlist)
	want := []string{"http://h/hls/main/audio.m3u8", "http://h/hls/main/video.m3u8", "http://h/hls/main/i.mp4", "http://h/hls/x/1.m4s"}
	if !slices.Equal(got, want) {
		t.Errorf("references %q, want %q", got, want)
	}
}

const mpd = `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>
<SegmentTemplate media="v_$Number$.m4s" initialization="v.mp4" startNumber="7"><SegmentTimeline><S t="1" d="2" r="2"/><S d="3"/></SegmentTimeline></SegmentTemplate>
</AdaptationSet></Period></MPD>`

func TestSegmentsOfAManifest(t *testing.T) {
	got, err := segments("http://h/dash/main/manifest.mpd", mpd)
	if err != nil || len(got) != 1 {
		t.Fatalf("%q, %v", got, err)
	}
	want := []string{"http://h/dash/main/v.mp4", "http://h/dash/main/v_7.m4s", "http://h/dash/main/v_8.m4s", "http://h/dash/main/v_9.m4s", "http://h/dash/main/v_10.m4s"}
	if !slices.Equal(got[0], want) {
		t.Errorf("segments %q, want %q", got[0], want)
	}
	if _, err := segments("http://h/", "<MPD><Per"); err == nil {
		t.Error("half a manifest was taken")
	}
}

func TestAViewerFetchesWhatIsNewOnce(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	text := mpd
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(r.URL.Path, ".mpd") {
			_, _ = w.Write([]byte(text))
			return
		}
		asked = append(asked, r.URL.Path)
		if r.URL.Path == "/v_12.m4s" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(make([]byte, 10))
	}))
	defer srv.Close()
	v := &Viewer{client: srv.Client(), address: srv.URL + "/manifest.mpd", seen: map[string]bool{}}
	look := func() error { return v.dash(context.Background()) }
	if err := look(); err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(mpd, `r="2"`, `r="3"`, 1)
	if err := look(); err != nil {
		t.Fatal(err)
	}
	want := []string{"/v_8.m4s", "/v_9.m4s", "/v_10.m4s", "/v_11.m4s"}
	if !slices.Equal(asked, want) || v.Bytes() != 40 {
		t.Errorf("fetched %q, %d bytes; want %q", asked, v.Bytes(), want)
	}
	text = strings.Replace(mpd, `r="2"`, `r="4"`, 1)
	if err := look(); err == nil || !strings.Contains(err.Error(), "v_12.m4s: 404") {
		t.Errorf("a segment that is listed and not there: %v", err)
	}
}
