package acceptance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// recordings is the part of the API's list that the test looks at.
type recordings struct {
	Recordings []struct {
		Name, URL, SHA256 string
		Seconds           float64 `json:"duration_seconds"`
		Marks             []struct{ Text string }
	}
	Total    int
	Finished []struct{ Name, URL string }
}

const recordingsPath = "/api/v1/streams/main/recordings/"

// TestRecordingByClicking starts, marks, stops, fetches, finishes and deletes a
// recording with nothing but the page.
func TestRecordingByClicking(t *testing.T) {
	t.Parallel()
	d := encoderd.Launch(t, encoderd.Options{Binary: binary, Disk: t.TempDir(), TOML: small(t) + `
[streams.main.segment]
duration = "1s"
[streams.main.recording]
name = "{label}_{part}"
`})
	d.AwaitPage()
	page := clicker{t, d, peer.StartBrowser(t).Open(d.URL+"/", peer.Desktop)}
	page.await(`document.querySelector('.recording .state')?.textContent === 'Not recording'`)
	page.write(`Press <b>conference</b>`)
	page.click(`.recording .start`)
	page.await(`document.querySelector('.recording .state').textContent === 'Recording' && document.querySelector('.recording').textContent.includes('_001.mp4')`)
	page.write(`first goal`)
	page.click(`.recording .mark-it`)
	page.await(`document.querySelector('.recording .done').textContent === 'Marked: first goal'`)
	d.Await("three seconds on disk", patience, func(s status.Snapshot) bool {
		r := encoderd.Stream(s, "main").Recording
		return r != nil && r.Seconds >= 3
	})
	page.click(`.recording .stop`)
	page.await(`document.querySelector('.recording .state').textContent === 'Not recording' && document.querySelector('.recording summary').textContent === '1 recording'`)
	page.click(`.recording summary`)
	page.await(`/\d:\d\d first goal/.test(document.querySelector('.recording .marks')?.textContent)`)

	original := page.download(`.recording li a`)
	l := page.list()
	if l.Total != 1 || l.Recordings[0].Name != original.name || len(l.Recordings[0].Marks) != 1 || l.Recordings[0].Marks[0].Text != "first goal" {
		t.Fatalf("the list %+v, the page's file %q", l, original.name)
	}
	if sum := sha256.Sum256(original.content); hex.EncodeToString(sum[:]) != l.Recordings[0].SHA256 {
		t.Errorf("%s is not what its checksum says", original.name)
	}
	if !strings.HasPrefix(original.name, "Press") || strings.ContainsAny(original.name, "<>/") {
		t.Errorf("the label's file is called %q", original.name)
	}
	original.plays(t, l.Recordings[0].Seconds)

	page.click(`.recording .acts button`) // MP4
	page.await(`document.querySelectorAll('.recording li').length === 2`)
	page.download(`.recording li a[href*="finished"]`).plays(t, l.Recordings[0].Seconds)

	for left := 1; left >= 0; left-- {
		page.click(`.recording .delete`)
		page.await(`document.querySelector('.recording .delete.sure')?.textContent === 'Really?'`)
		page.click(`.recording .delete.sure`)
		page.await(fmt.Sprintf(`document.querySelectorAll('.recording li').length === %d`, left))
	}
	page.await(`document.querySelector('.recording .files').textContent.includes('Nothing is recorded yet')`)
	if l := page.list(); l.Total != 0 || len(l.Finished) != 0 {
		t.Errorf("deleted, and still there: %+v", l)
	}
	if p := page.Problems(); len(p) > 0 {
		t.Errorf("the browser complains: %q", p)
	}
}

// clicker is a person at the page.
type clicker struct {
	t *testing.T
	d *encoderd.Daemon
	*peer.Page
}

func (c clicker) await(js string) {
	c.t.Helper()
	if err := c.Await(js, patience); err != nil {
		var text string
		_ = c.Eval(`document.querySelector('.recording')?.innerText ?? 'no panel'`, &text) // to read it beside the error
		c.t.Fatalf("%v; the panel: %s; %q", err, text, c.Problems())
	}
}

func (c clicker) click(selector string) {
	c.t.Helper()
	if err := c.Click(selector); err != nil {
		c.t.Fatal(err)
	}
}

// write types into the panel's field.
func (c clicker) write(text string) {
	c.t.Helper()
	c.click(`.recording input`)
	if err := c.Eval(fmt.Sprintf(`document.execCommand('insertText', false, %q)`, text), nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c clicker) list() (l recordings) {
	c.t.Helper()
	if err := json.Unmarshal(c.d.Get(recordingsPath), &l); err != nil {
		c.t.Fatal(err)
	}
	return l
}

// download is the file behind a link.
func (c clicker) download(selector string) (f download) {
	c.t.Helper()
	var path string
	if err := c.Eval(fmt.Sprintf(`new URL(document.querySelector(%q).href).pathname`, selector), &path); err != nil {
		c.t.Fatal(err)
	}
	if err := c.Eval(fmt.Sprintf(`document.querySelector(%q).textContent`, selector), &f.name); err != nil {
		c.t.Fatal(err)
	}
	f.content = c.d.Get(path)
	return f
}

type download struct {
	name    string
	content []byte
}

// plays decodes the file from its first picture to its last. A busy machine leaves
// pictures out; the time is there all the same.
func (f download) plays(t *testing.T, seconds float64) {
	t.Helper()
	got, err := peer.Decode(within(t, patience), write(t, "download.mp4", f.content), 0)
	if err != nil || got.Media.Seconds() < seconds-0.5 || got.Media.Seconds() > seconds+0.5 || float64(got.Frames) < 5*seconds {
		t.Errorf("%s: %v with %d pictures, want %.1f s: %v", f.name, got.Media, got.Frames, seconds, err)
	}
}
