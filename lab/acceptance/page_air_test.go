package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestOnAndOffTheAirByClicking takes a stream off the air and on it, enables and pauses a
// destination, with nothing but the page.
func TestOnAndOffTheAirByClicking(t *testing.T) {
	t.Parallel()
	receiver := peer.StartSRT(t, peer.SRTOptions{})
	d := encoderd.Launch(t, encoderd.Options{Binary: binary, TOML: small(t) + fmt.Sprintf(`
[streams.main.destinations.studio]
url = %q
[streams.main.destinations.spare]
url = "srt://127.0.0.1:9"
enabled = false
`, receiver.URL())})
	d.AwaitPage()
	page := clicker{t, d, peer.StartBrowser(t).Open(d.URL+"/", peer.Desktop)}
	stands := func(text string) string {
		return fmt.Sprintf(`document.querySelector('.air .state')?.textContent === %q`, text)
	}
	is := func(what, name string, wanted func(status.Destination) bool) {
		d.Await(what, patience, func(s status.Snapshot) bool {
			return wanted(encoderd.Destination(encoderd.Stream(s, "main"), name))
		})
	}
	page.await(stands("On the air") + ` && document.querySelector('.destinations .aside, .destinations .by')?.textContent === '1 of 1 active'`)

	leave := `.air .leave`
	// A double click is no answer; the page makes it itself, for one from here may take its time.
	page.eval(`(() => { const click = () => document.querySelector('.air .leave').click()
		click(); requestAnimationFrame(() => { click(); window.clickedTwice = true }) })()`)
	page.await(`window.clickedTwice && document.querySelector('.air .leave.sure')?.textContent === 'Really?'`)
	if got := encoderd.Stream(d.Status(), "main").OffAir; got != "" {
		t.Errorf("a double click has taken the stream off the air: %s", got)
	}
	time.Sleep(time.Second) // a person reads the question
	page.click(`.air .leave.sure`)
	page.await(stands("Off the air") + ` && document.querySelector('.air').textContent.includes('stopped by')`)
	is("nothing is sent", "studio", func(d status.Destination) bool { return d.State == status.Disabled && d.Held })
	page.await(`document.querySelector('.overall').textContent.startsWith('Off the air: stopped by')`)

	page.click(`.air .enter`)
	page.await(`document.querySelector('.air .enter.sure') !== null`)
	time.Sleep(time.Second)
	page.click(`.air .enter.sure`)
	page.await(stands("On the air"))
	is("it is sent again", "studio", func(d status.Destination) bool { return d.State == status.Active })

	page.click(`[aria-label="Pause studio"]`)
	is("a pause", "studio", func(d status.Destination) bool { return d.Paused })
	page.click(`[aria-label="Resume studio"]`)
	is("its end", "studio", func(d status.Destination) bool { return d.State == status.Active })
	page.click(`[aria-label="Enable spare"]`)
	is("another destination", "spare", func(d status.Destination) bool { return d.State != status.Disabled })

	// What goes wrong is told in the box's words, and the button can be pressed again.
	page.eval(`(() => { const was = window.fetch; window.fetch = (url, init) => String(url).includes('stream-stop')
		? Promise.resolve(new Response(JSON.stringify({error: 'the disk is <full>'}), {status: 500})) : was(url, init) })()`)
	page.click(leave)
	time.Sleep(time.Second)
	page.click(`.air .leave.sure`)
	page.await(`document.querySelector('.destinations .problem')?.textContent === 'the disk is <full>' && !document.querySelector('.air .leave').disabled`)
	for _, p := range page.Problems() {
		if !strings.Contains(p, "500") {
			t.Errorf("the browser complains: %q", p)
		}
	}
}

func (c clicker) eval(js string) {
	c.t.Helper()
	if err := c.Eval(js, nil); err != nil {
		c.t.Fatal(err)
	}
}
