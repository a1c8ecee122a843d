package hardware

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/encoderbox/encoderbox/board/models"
)

// a Pi with a bridge's sound card, a panel, and a UART that is not there.
var pi = fstest.MapFS{
	"proc/device-tree/compatible":         {Data: []byte("raspberrypi,4-model-b\x00brcm,bcm2711\x00")},
	"proc/asound/card1/id":                {Data: []byte("tc358743\n")},
	"proc/asound/card1/pcm0c/info":        {Data: []byte("card: 1\nname: bcm2835-i2s\n")},
	"sys/class/sound/pcmC1D0c/dev":        {},
	"sys/class/sound/pcmC0D0p/dev":        {},
	"sys/class/tty/ttyS0/device/driver/x": {},
	"sys/class/tty/ttyS0/type":            {Data: []byte("4\n")},
	"sys/class/tty/ttyS1/device/driver/x": {},
	"sys/class/tty/ttyS1/type":            {Data: []byte("0\n")},
	"sys/class/tty/tty7/dev":              {},
	"sys/class/input/event0/device/name":  {Data: []byte("gpio-keys\n")},
	"sys/class/input/mouse0/device/name":  {Data: []byte("a mouse\n")},
	"sys/class/leds/ACT/brightness":       {},
	"dev/watchdog":                        {},
	"dev/watchdog0":                       {},
	"dev/media0":                          {},
}

func TestProbeReadsTheBoard(t *testing.T) {
	b := &Box{root: pi, log: slog.New(slog.DiscardHandler)}
	if err := b.choose(Auto); err != nil || b.Model().Name != models.Pi4.Name {
		t.Fatalf("model %q, %v", b.Model().Name, err)
	}
	sound := b.soundCards()
	if len(sound) != 1 || sound[0].Card != "hw:1,0" || sound[0].ID != "tc358743" || sound[0].Name != "bcm2835-i2s" {
		t.Errorf("sound %+v", sound)
	}
	if got := b.serialPorts(); !slices.Equal(got, []string{"/dev/ttyS0"}) {
		t.Errorf("serial ports %v", got)
	}
	p := b.panel()
	if !slices.Equal(p.Buttons, []string{"gpio-keys (/dev/input/event0)"}) || !slices.Equal(p.LEDs, []string{"ACT"}) || !slices.Equal(p.Missing, []string{"PWR"}) {
		t.Errorf("panel %+v", p)
	}
	if got := b.deviceFiles("dev", "watchdog"); !slices.Equal(got, []string{"/dev/watchdog0"}) {
		t.Errorf("watchdogs %v", got)
	}
}

func TestAModelThatIsNoneIsRefused(t *testing.T) {
	b := &Box{root: pi, log: slog.New(slog.DiscardHandler)}
	if err := b.choose("pi5"); err == nil || !strings.Contains(err.Error(), `"pi5"`) {
		t.Errorf("error %v", err)
	}
}

// A board whose encoder's driver is not loaded is not like a PC, where the CPU
// encodes as a matter of course.
func TestAnEncoderIsMissedWhereTheModelHasOne(t *testing.T) {
	for name, missed := range map[string]bool{models.Pi4.Name: true, models.Generic.Name: false} {
		b := &Box{root: fstest.MapFS{}, log: slog.New(slog.DiscardHandler)}
		if err := b.choose(name); err != nil {
			t.Fatal(err)
		}
		err := b.noEncoder()
		if errors.Is(err, ErrNoEncoder) == missed {
			t.Errorf("%s: %v", name, err)
		}
		var r Report
		b.judge(&r)
		says := strings.Join(r.Problems, "\n")
		if strings.Contains(says, "though this model has one") != missed || !strings.Contains(says, "bcm2835-codec") {
			t.Errorf("%s: %s", name, says)
		}
	}
}

func TestReportPrintsFormatsOfTheSameSizesTogether(t *testing.T) {
	sizes := []string{"640x480 at 30 fps"}
	r := Report{Capture: []ReportCapture{{
		ReportNode: ReportNode{Path: "/dev/video0", Driver: "uvcvideo", Card: "Grabber", Role: "usb"}, Select: "usb:1-1",
		Quirks: []ReportQuirk{{"min-queued", 3, "", "its driver"}, {"force-copy", 0, "slow memory", "a measurement"}},
		Formats: []ReportFormat{
			{"YUYV", useRaw, sizes}, {"XR24", useNone, sizes}, {"NV12", useRaw, sizes}, {"MJPG", useJPEG, sizes},
		},
	}}}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"raw: YUYV, NV12\n        640x480 at 30 fps\n", "decoded (MJPEG): MJPG\n", "not used: 1 other format\n", `input.device = "usb:1-1"`, "H.264 encoders: none",
		"quirk min-queued 3 (its driver)", `quirk force-copy "slow memory" (a measurement)`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}
