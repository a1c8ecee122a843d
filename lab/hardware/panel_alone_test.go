package hardware

import (
	"fmt"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// A box as it comes from the factory, with one preset on it, goes on the air by its keys: nobody
// has another way in, and what there is to know is on the screen. Each step is one of docs/panel.md.
func TestPanelAloneGoesOnTheAir(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{Serial: true})
	loadBridge(b)
	f := plugFront(t, b)
	srt := peer.StartSRT(t, peer.SRTOptions{Latency: srtLatency})
	preset := "# Sunday service\n" + smallCapture + withoutSound +
		fmt.Sprintf("[streams.main.destinations.church]\nurl = %q\nlatency = \"%v\"\n", fromBox(srt.URL()), srtLatency)
	if err := b.WriteFile(t.Context(), "/tmp/state/presets/service.toml", strings.NewReader(preset), 0o600); err != nil {
		t.Fatal(err)
	}
	// The factory's stream goes nowhere; its pattern is small, for the box's processor is slow.
	d := goOn(t, b, plugged+"[streams.main.input]\nkind = \"pattern\"\nwidth = 320\nheight = 180\nframe_rate = 10\n"+withoutSound)

	f.see("OFF AIR")
	f.hold("KEY_ENTER", "Menu\n>Go on air")
	f.choose("Presets", "Presets\n>service")
	f.choose("service", "service\n>Apply")
	f.choose("Apply", "Apply preset?\n")
	f.agree("Apply preset?", "Apply preset\npreset service is")
	if off := d.stream().OffAir; off == "" {
		t.Error("a preset puts the box on the air by itself")
	}
	f.leave("OFF AIR")
	f.hold("KEY_ENTER", "Menu\n>Go on air")
	f.choose("Go on air", "Go on air?\n")
	f.agree("Go on air?", "Go on air\nstream main is")
	f.leave("ON AIR")
	f.see("ON AIR", "Sent to       1 of 1")

	if got := destinations(d.stream())["church"].State; got != status.Active {
		t.Errorf("the destination is %s", got)
	}
	const some = 5 * 15 // pictures: five seconds at the least
	w := startWatch(t, srt.File())
	d.await("pictures at the receiver", func() bool { return w.mark() > some })
	d.stop()
	srt.Stop()
	cutToWholePictures(t, srt.File())
	if n := len(pictures(t, srt.File(), 320*180*3/2, 0)); n < some {
		t.Errorf("%d pictures of the receiver's can be decoded, want %d", n, some)
	}
}

// agree holds OK until a question is answered and an answer is there.
func (f *front) agree(question, answer string) {
	f.t.Helper()
	f.see(question)
	f.key("KEY_ENTER", true)
	f.until("the question to be answered", func() bool { return !f.shows(question) })
	f.key("KEY_ENTER", false)
	f.see(answer)
}

// choose goes down a menu to a line and presses OK, which brings other texts.
func (f *front) choose(label, behind string) {
	f.t.Helper()
	selected := func() string {
		for _, row := range f.Text() {
			if strings.HasPrefix(row, ">") {
				return row
			}
		}
		return "" // the mark is on its way from one line to another
	}
	for presses := 0; !strings.HasPrefix(selected(), ">"+label); presses++ {
		if presses > 40 {
			f.t.Fatalf("%q is not in the menu:\n%s", label, strings.Join(f.Text(), "\n"))
		}
		before := selected()
		f.press("KEY_DOWN")
		f.until("the next line of the menu", func() bool { now := selected(); return now != before && now != "" })
	}
	f.press("KEY_ENTER")
	f.see(behind)
}

// leave goes back, out of messages and menus, to a status page. Going back from the first page
// does nothing, so a message that goes by itself meanwhile is no matter.
func (f *front) leave(page string) {
	f.t.Helper()
	for !strings.HasPrefix(f.Text()[0], page) {
		before := f.Text()[0]
		f.press("KEY_ESC")
		f.until("one step back", func() bool { return f.Text()[0] != before })
	}
}
