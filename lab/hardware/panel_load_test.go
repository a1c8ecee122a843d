package hardware

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// A box whose only processor is at its limit with encoding obeys its keys, an input device as
// gpio-keys makes them.
func TestPanelAtFullLoad(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{Serial: true, CPUs: 1})
	f := plugFront(t, b)
	srt := peer.StartSRT(t, peer.SRTOptions{Latency: srtLatency})
	d := start(t, b, plugged+"[streams.main.input]\nkind = \"pattern\"\nwidth = 640\nheight = 360\nframe_rate = 30\n"+
		"[streams.main.video]\nencoder = \"software\"\nbitrate = { max = \"1M\", mode = \"fixed\" }\n"+
		fmt.Sprintf("[streams.main.destinations.srt]\nurl = %q\nlatency = \"%v\"\n", fromBox(srt.URL()), srtLatency))
	f.see("ON AIR")
	d.awaitFrames(5)
	idle, all := processors(t, b)

	for range 3 {
		f.reacts("KEY_DOWN", "the next page", "Bit rate\n")
		f.reacts("KEY_UP", "the page before", "ON AIR")
	}
	f.hold("KEY_ENTER", "Menu", ">Go off air")
	f.press("KEY_ESC")
	f.see("ON AIR")

	offAir := func() bool { return d.stream().OffAir != "" }
	f.key("KEY_PLAY", true)
	f.until("off the air", offAir)
	f.key("KEY_PLAY", false)
	f.see("stream main is off")
	f.press("KEY_ENTER")
	f.see("OFF AIR")

	idleNow, allNow := processors(t, b)
	if share := float64(idleNow-idle) / float64(allNow-all); share > 0.1 {
		t.Errorf("the box was idle for %.0f%% of the time: this was no full load", 100*share)
	}
	f.key("KEY_PLAY", true)
	f.until("on the air", func() bool { return !offAir() })
	f.key("KEY_PLAY", false)
	f.see("ON AIR")
}

// reacts presses a key, and tells the log how soon the screen showed a text that it did not
// show before, by this machine's clock: from the word to the box's agent to the line that the
// serial port brought.
func (f *front) reacts(key, what, text string) {
	f.t.Helper()
	if f.shows(text) {
		f.t.Fatalf("%q is on the screen already:\n%s", text, strings.Join(f.Text(), "\n"))
	}
	pressed := time.Now()
	f.press(key)
	f.see(text)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.seen {
		if p.at.After(pressed) && strings.Contains(p.text, text) {
			f.t.Logf("%s after %v", what, p.at.Sub(pressed).Round(time.Millisecond))
			return
		}
	}
}

// processors is how many ticks the box's processors had nothing to do for, and how many there
// were (proc(5), the first line of /proc/stat).
func processors(t *testing.T, b *box.Box) (idle, all uint64) {
	t.Helper()
	text, err := b.ReadFile(t.Context(), "/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		var n uint64
		if _, err := fmt.Sscan(field, &n); err != nil {
			t.Fatalf("/proc/stat: %q: %v", line, err)
		}
		if all += n; i == 3 || i == 4 { // idle, and waiting for a disk
			idle += n
		}
	}
	return idle, all
}
