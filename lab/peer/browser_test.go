package peer_test

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

const goodPage = `<!doctype html><meta name=viewport content="width=device-width"><link rel=icon href="data:,">
<title>good</title><body style="margin:0;background:#204060">
<video id=v src=/clip.mp4 autoplay muted playsinline width=320></video>
<button id=b onclick="document.title='clicked'">press</button>
<script>
const gone = new AbortController(); fetch('/slow', {signal: gone.signal}).catch(() => {}); setTimeout(() => gone.abort(), 50);
console.log('only a remark');
</script>`

const badPage = `<!doctype html><link rel=icon href="data:,"><body><img src=/missing.png>
<script>
console.error('went wrong', 42);
fetch('http://%s/x').catch(() => {});
setTimeout(() => { throw new Error('nobody caught me') }, 0);
</script>`

func site(t *testing.T) *httptest.Server {
	t.Helper()
	clip, refused := street(t), peer.Refused(t)
	mux := http.NewServeMux()
	page := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, text)
		}
	}
	mux.HandleFunc("/good", page(goodPage))
	mux.HandleFunc("/bad", page(fmt.Sprintf(badPage, refused)))
	mux.HandleFunc("/clip.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, clip) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	s := site(t)
	b := peer.StartBrowser(t)
	t.Run("plays, looks and clicks", func(t *testing.T) {
		p := b.Open(s.URL+"/good", peer.Desktop)
		b.Open(s.URL+"/good", peer.Phone) // in front of the other, which must not stop for it
		goodPageWorks(t, p)
	})
	t.Run("notes what goes wrong", func(t *testing.T) {
		p := b.Open(s.URL+"/bad", peer.Desktop)
		for _, want := range []string{"console: went wrong 42", "nobody caught me",
			"request failed: GET " + s.URL + "/missing.png: status 404", "net::ERR_CONNECTION_REFUSED"} {
			eventually(t, want, func() bool { return strings.Contains(strings.Join(p.Problems(), "\n"), want) })
		}
		if got := p.Problems(); len(got) != 4 {
			t.Errorf("%d problems:\n%s", len(got), strings.Join(got, "\n"))
		}
		if got := p.Hosts(); len(got) != 2 || !slices.Contains(got, strings.TrimPrefix(s.URL, "http://")) {
			t.Errorf("asked %q, want the page's own server and the one that refuses", got)
		}
	})
	t.Run("fails where it should", func(t *testing.T) {
		p := b.Open(s.URL+"/good", peer.Desktop)
		if err := p.Eval("no.such.thing", nil); err == nil {
			t.Error("an exception was no error")
		}
		if err := p.Await("false", 100*time.Millisecond); err == nil {
			t.Error("what never was came true")
		}
		if err := p.Go("http://" + peer.Refused(t)); err == nil {
			t.Error("an address that refuses was opened")
		}
	})
}

func goodPageWorks(t *testing.T, p *peer.Page) {
	t.Helper()
	if err := p.Await("v.currentTime > 1", 15*time.Second); err != nil {
		t.Fatal(err)
	}
	var frames int
	if err := p.Eval("Promise.resolve(v.getVideoPlaybackQuality().totalVideoFrames)", &frames); err != nil || frames < 5 {
		t.Errorf("%d pictures played, error %v", frames, err)
	}
	if err := p.Click("#b"); err != nil {
		t.Fatal(err)
	}
	var title string
	if err := p.Eval("document.title", &title); err != nil || title != "clicked" {
		t.Errorf("title %q, error %v", title, err)
	}
	playsOn(t, p)
	for _, v := range []peer.Viewport{peer.Desktop, peer.Phone} {
		if err := p.SetViewport(v); err != nil {
			t.Fatal(err)
		}
		var width int64
		if err := p.Eval("innerWidth", &width); err != nil || width != v.Width {
			t.Errorf("window %d wide, want %d; error %v", width, v.Width, err)
		}
		file := filepath.Join(t.TempDir(), "page.png")
		if err := p.Screenshot(file); err != nil {
			t.Fatal(err)
		}
		w, h := pngSize(t, file)
		if w != int(float64(v.Width)*v.Scale) || h != int(float64(v.Height)*v.Scale) {
			t.Errorf("screenshot of %+v is %d×%d", v, w, h)
		}
	}
	if got := p.Problems(); len(got) != 0 {
		t.Errorf("problems of a good page: %q", got)
	}
}

// playsOn checks that the picture still moves.
func playsOn(t *testing.T, p *peer.Page) {
	t.Helper()
	var now float64
	if err := p.Eval("v.currentTime", &now); err != nil {
		t.Fatal(err)
	}
	if err := p.Await(fmt.Sprintf("v.currentTime > %f + 0.5", now), 10*time.Second); err != nil {
		t.Error(err)
	}
}

func pngSize(t *testing.T, file string) (w, h int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.DecodeConfig(f)
	if err != nil {
		t.Fatal(err)
	}
	return img.Width, img.Height
}
