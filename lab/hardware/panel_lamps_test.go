package hardware

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// Lines of gpio-sim, and what presses their keys: the one to the supply has no name in it.
const lines = `mount -t configfs none /sys/kernel/config && cd /sys/kernel/config/gpio-sim && mkdir panel panel/bank0 && cd panel &&
	echo 3 >bank0/num_lines && i=0 && for name in PANEL_DOWN PANEL_OK PANEL_STREAM; do
	mkdir bank0/line$i && echo $name >bank0/line$i/name && i=$((i + 1)) || exit; done && echo 1 >live && cat bank0/chip_name`

// buttons are keys on GPIO lines.
type buttons struct {
	box *box.Box
}

func wireButtons(t *testing.T, b *box.Box) buttons {
	t.Helper()
	b.LoadModule("gpio-sim")
	if chip := strings.TrimSpace(b.Must("sh", "-c", lines)); chip != "gpiochip1" {
		t.Fatalf("the lines are those of %s, which the box's model does not name", chip)
	}
	return buttons{b}
}

// The lines' offsets.
const (
	lineDown = iota
	lineOK
	lineStream
)

// set connects a line: a key to ground pulls it down, that to the supply up.
func (x buttons) set(line int, down bool) {
	pull := map[bool]string{true: "pull-down", false: "pull-up"}[down != (line == lineStream)]
	x.box.Must("sh", "-c", fmt.Sprintf("echo %s >/sys/devices/platform/gpio-sim.0/gpiochip1/sim_gpio%d/pull", pull, line))
}

// smallPattern is a stream that costs a box next to nothing, and an SRT destination.
func smallPattern(srt *peer.SRT) string {
	return "[streams.main.input]\nkind = \"pattern\"\nwidth = 320\nheight = 180\nframe_rate = 10\n" +
		fmt.Sprintf("[streams.main.destinations.srt]\nurl = %q\nlatency = \"%v\"\n", fromBox(srt.URL()), srtLatency)
}

// Keys on GPIO lines take the stream off the air and on it again; the lamps, of the kernel's
// own, do what docs/panel.md says meanwhile.
func TestPanelButtonsAndLamps(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{Serial: true})
	b.LoadModule("vh264")
	keys, f := wireButtons(t, b), plugFront(t, b)
	b.Must("sh", "-c", "echo heartbeat >/sys/class/leds/"+live+"/trigger")
	srt := peer.StartSRT(t, peer.SRTOptions{Latency: srtLatency})
	d := start(t, b, plugged+smallPattern(srt))

	f.see("ON AIR")
	f.untilSteady(green)
	if f.level(red).level != 0 || f.level(blue).level != 0 || f.level(live).level == 0 {
		t.Errorf("on the air: red %v, blue %v, live %v", f.level(red), f.level(blue), f.level(live))
	}
	offAir := func() bool { return d.stream().OffAir != "" }
	keys.set(lineStream, true)
	f.until("off the air", offAir)
	keys.set(lineStream, false)
	f.see("stream main is off")
	f.press("KEY_ENTER") // it would stand there for half a minute
	f.see("OFF AIR")
	f.untilFlashing(green)
	if f.level(live).level != 0 {
		t.Error("the live lamp is lit off the air")
	}

	keys.set(lineOK, true)
	f.see("Menu", ">Go on air")
	keys.set(lineOK, false)
	keys.set(lineDown, true)
	f.until("the next line of the menu", func() bool { return !f.shows(">Go on air") })
	keys.set(lineDown, false)

	keys.set(lineStream, true)
	f.until("on the air", func() bool { return !offAir() })
	keys.set(lineStream, false)
	f.untilSteady(green)
	f.untilSteady(live)

	d.stop()
	f.until("the lamps to go out", func() bool {
		return f.level(red).level == 0 && f.level(green).level == 0 && f.level(blue).level == 0
	})
	if trigger := b.Must("cat", "/sys/class/leds/"+live+"/trigger"); !strings.Contains(trigger, "[heartbeat]") {
		t.Errorf("the lamp that the daemon had taken from its trigger is not given back: %s", trigger)
	}
	if log := b.Must("dmesg"); regexp.MustCompile(`(?i)\b(warning|bug|oops)\b`).MatchString(log) {
		t.Errorf("the kernel complains:\n%s", log)
	}
}

// longer than any pattern's longest step with the lamp lit, but for one that goes on.
const steady = 3 * time.Second

// untilSteady waits until a lamp is lit without a break.
func (f *front) untilSteady(lamp string) {
	f.t.Helper()
	f.until(lamp+" to be lit", func() bool {
		now := f.level(lamp)
		return now.level > 0 && time.Since(now.at) > steady
	})
}

// untilFlashing waits until a lamp of the status, and none else of it, has flashed three times
// in a row: shortly, with a long break.
func (f *front) untilFlashing(lamp string) {
	f.t.Helper()
	begun := time.Now()
	f.until(lamp+" to flash", func() bool {
		for _, other := range []string{red, green, blue} {
			before, more := f.since(other, begun)
			if other != lamp && (before != 0 || len(more) > 0) {
				begun = time.Now()
				return false
			}
		}
		_, list := f.since(lamp, begun)
		flashes := 0
		for i := range max(0, len(list)-2) {
			on, off, again := list[i], list[i+1], list[i+2]
			if on.level == 0 || off.level != 0 {
				continue
			}
			if flashes++; off.at.Sub(on.at) > again.at.Sub(off.at) {
				flashes = 0
			}
		}
		return flashes >= 2 && len(list) >= 5
	})
}
