package acceptance

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// watched is what a viewer saw of the page's picture.
type watched struct {
	From, To  float64 // seconds of the video
	Decoded   int
	Dropped   int
	Different int // samples of the picture that differ from the one before
	Samples   int
}

// lookAt watches the first video on the page until it has played five seconds
// more, and looks at the very picture twice a second.
const lookAt = `(async () => {
	const video = document.querySelector('video');
	const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 36});
	const paper = canvas.getContext('2d', {willReadFrequently: true});
	const seen = {From: video.currentTime, To: 0, Decoded: 0, Dropped: 0, Different: 0, Samples: 0};
	const before = video.getVideoPlaybackQuality();
	let last = '';
	for (const start = performance.now(); video.currentTime < seen.From + 5 && performance.now() - start < 10000; ) {
		await new Promise(done => setTimeout(done, 500));
		paper.drawImage(video, 0, 0, 64, 36);
		const picture = paper.getImageData(0, 0, 64, 36).data.join();
		seen.Samples++;
		if (picture !== last) seen.Different++;
		last = picture;
	}
	const after = video.getVideoPlaybackQuality();
	seen.To = video.currentTime;
	seen.Decoded = after.totalVideoFrames - before.totalVideoFrames;
	seen.Dropped = after.droppedVideoFrames - before.droppedVideoFrames;
	return seen;
})()`

// TestPageShowsTheLivePicture opens the page in a real browser, on a desktop's
// window and on a phone's.
func TestPageShowsTheLivePicture(t *testing.T) {
	t.Parallel()
	d := encoderd.Start(t, binary, small(t))
	browser := peer.StartBrowser(t)
	page := browser.Open(d.URL+"/", peer.Desktop) // before there is a segment: it must wait for it by itself
	if err := page.Await(`document.querySelector('video')?.readyState >= 2 && !document.querySelector('video').paused`, patience); err != nil {
		t.Fatalf("the picture never began: %v; %q", err, page.Problems())
	}
	watchPicture(t, page, 10)
	if err := page.SetViewport(peer.Phone); err != nil {
		t.Fatal(err)
	}
	watchPicture(t, page, 3)
	var wide bool
	if err := page.Eval(`document.documentElement.scrollWidth > window.innerWidth`, &wide); err != nil || wide {
		t.Errorf("the page is wider than a phone: %v, %v", wide, err)
	}
	if p := page.Problems(); len(p) > 0 {
		t.Errorf("the browser complains: %q", p)
	}
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	if hosts := page.Hosts(); !slices.Equal(hosts, []string{u.Host}) {
		t.Errorf("the page asked %q, want %q alone", hosts, u.Host)
	}
}

// watchPicture lets the page play so many seconds.
func watchPicture(t *testing.T, page *peer.Page, seconds float64) {
	t.Helper()
	var total watched
	for deadline := time.Now().Add(patience); ; {
		var w watched
		if err := page.Eval(lookAt, &w); err != nil {
			t.Fatal(err)
		}
		if total.Samples == 0 {
			total.From = w.From
		}
		total.To = w.To
		total.Decoded += w.Decoded
		total.Dropped += w.Dropped
		total.Different += w.Different
		total.Samples += w.Samples
		if total.To-total.From >= seconds || time.Now().After(deadline) {
			break
		}
	}
	t.Logf("the picture: %+v", total)
	// Half of the pictures is far more than what a player that stalls and jumps
	// decodes; a busy machine may leave some out.
	if total.To-total.From < seconds || float64(total.Decoded) < 15*seconds || total.Different < total.Samples*3/4 {
		t.Errorf("the picture did not advance for %v s: %+v", seconds, total)
	}
}
