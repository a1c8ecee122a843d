package acceptance

import (
	"fmt"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestPageShowsWhyTheBitRateChanges pushes over a link that becomes slow, stops and
// comes back, and reads on the page what the bit rate did, and why, and what was left out
// where even the lowest one was too much.
func TestPageShowsWhyTheBitRateChanges(t *testing.T) {
	t.Parallel()
	nginx := peer.StartNginx(t, peer.NginxOptions{})
	gate := peer.StartGate(t, nginx.Addr())
	d := encoderd.Start(t, binary, fmt.Sprintf(`
[streams.main.input]
kind = "pattern"
width = 640
height = 360
[streams.main.video]
bitrate = "3M"
[streams.main.destinations.platform]
url = "rtmp://%s/live/main"
`, gate.Addr()))
	d.Await("the destination", patience, func(s status.Snapshot) bool {
		return mainDestination(s, "platform").State == status.Active
	})
	page := rateReader{t, peer.StartBrowser(t).Open(d.URL+"/", peer.Desktop)}
	page.await(`document.querySelector('.bitrate')`)
	page.await(`document.querySelector('.bitrate').scrollIntoView() || document.querySelector('.bitrate canvas')`)
	page.await(`/^platform/.test(document.querySelector('.paths tbody')?.innerText) && /Following/.test(document.querySelector('.paths').innerText)`)
	page.await(`!document.querySelector('.bitrate .problem')`)
	page.await(`/Sent to platform \d.*b\/s/.test(document.querySelector('.legend.rates').innerText.replace(/\s+/g, ' '))`)

	gate.Trickle(100_000) // 0.8 Mb/s
	page.await(`[...document.querySelectorAll('.changes li')].some(li => li.querySelector('.way.down') && /platform: \w/.test(li.innerText))`)
	page.await(`/decided by platform: \w/.test(document.querySelector('.rate-lead').innerText)`)
	gate.Open()
	page.await(`[...document.querySelectorAll('.changes li')].some(li => li.querySelector('.way.up'))`)

	gate.Trickle(30_000) // less than the lowest bit rate
	page.await(`/^(Half the (frame rate|size)|Sound only)/.test(document.querySelector('.bitrate .problem')?.innerText)`)
	page.await(`/^\d+ pictures? left out so far/.test(document.querySelector('.left-out')?.innerText) && /half the frame rate|waited/.test(document.querySelector('.left-out').title)`)
	gate.Open()

	var marked bool
	const mark = `document.querySelector('.changes button').focus(), document.querySelector('.changes button').dispatchEvent(new MouseEvent('mouseenter')),
		new Promise(done => setTimeout(() => done(/Target[^]*Acknowledged[^]*(▲|▼|◆)/.test(document.querySelector('.tip')?.innerText)), 300))`
	if err := page.Eval(mark, &marked); err != nil || !marked {
		t.Errorf("a change that is looked at in the list is not explained in the chart: %v", err)
	}
	if err := page.SetViewport(peer.Phone); err != nil {
		t.Fatal(err)
	}
	page.await(`document.documentElement.scrollWidth <= window.innerWidth && document.querySelector('.bitrate canvas').clientWidth < 380`)
	if p := page.Problems(); len(p) > 0 {
		t.Errorf("the browser complains: %q", p)
	}
}

// rateReader looks at the panel of the bit rate.
type rateReader struct {
	t *testing.T
	*peer.Page
}

func (r rateReader) await(js string) {
	r.t.Helper()
	if err := r.Await(js, patience); err != nil {
		var text string
		_ = r.Eval(`document.querySelector('.bitrate')?.innerText ?? 'no panel'`, &text) // to read it beside the error
		r.t.Fatalf("%v; the panel: %s; %q", err, text, r.Problems())
	}
}
