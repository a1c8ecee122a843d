package models

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/board"
)

func TestModels(t *testing.T) {
	names, entries := map[string]bool{}, map[string]string{}
	for _, m := range All {
		if names[m.Name] || !regexp.MustCompile(`^[a-z0-9]+$`).MatchString(m.Name) {
			t.Errorf("%q: not a name of its own of a-z and 0-9", m.Name)
		}
		names[m.Name] = true
		if _, err := os.Stat(m.Name + ".go"); err != nil {
			t.Errorf("%s has no file of its name: %v", m.Name, err)
		}
		if m.Title == "" || len(m.Encoders) == 0 || len(m.Capture.Drivers) == 0 {
			t.Errorf("%s: a model needs a title, an encoder and a capture driver", m.Name)
		}
		if m.Tried == "" && len(m.Sources) == 0 {
			t.Errorf("%s: nobody tried it, and it names no source", m.Name)
		}
		for _, entry := range m.Compatible {
			if other := entries[entry]; other != "" {
				t.Errorf("%s and %s are both %q", m.Name, other, entry)
			}
			entries[entry] = m.Name
		}
		for _, e := range m.Encoders {
			checkEncoder(t, m.Name, e)
		}
		for _, q := range m.Capture.Quirks {
			checkCapture(t, m.Name, q)
		}
		for _, b := range m.Buttons {
			if byKey := strings.HasPrefix(b.Key, "KEY_"); b.Name == "" || byKey == (b.Chip != "" && b.Line != "") {
				t.Errorf("%s: button %+v", m.Name, b)
			}
		}
	}
}

func checkEncoder(t *testing.T, model string, e board.Encoder) {
	if e.Driver == "" {
		t.Errorf("%s: an encoder without a driver", model)
	}
	needsValue := map[board.QuirkKind]bool{
		board.StreamOffBlocks: true, board.StrideAlign: true, board.RowAlign: true, board.MaxGOP: true, board.MinBitrate: true,
		board.CaptureBufferSize: true, board.DeadlineMS: true,
	}
	for _, q := range e.Quirks {
		if q.Source == "" {
			t.Errorf("%s: %s: quirk %s without a source", model, e.Driver, q.Is)
		}
		if needsValue[q.Is] != (q.Value != 0) {
			t.Errorf("%s: %s: quirk %s with value %d", model, e.Driver, q.Is, q.Value)
		}
	}
}

func checkCapture(t *testing.T, model string, q board.CaptureQuirk) {
	if q.Driver == "" || q.Source == "" {
		t.Errorf("%s: capture quirk %+v: a driver and a source are needed", model, q)
	}
	needsValue := map[board.CaptureQuirkKind]bool{
		board.CaptureStrideAlign: true, board.CaptureBusCode: true, board.CaptureMinQueued: true,
	}
	needsText := map[board.CaptureQuirkKind]bool{board.CaptureForceCopy: true, board.CaptureBridge: true}
	if needsValue[q.Is] != (q.Value != 0) || needsText[q.Is] != (q.Text != "") {
		t.Errorf("%s: capture quirk %+v: its value or its text", model, q)
	}
}

func TestDetectTakesTheMostSpecificEntry(t *testing.T) {
	for _, c := range []struct {
		compatible []string
		name       string
		entry      string
	}{
		{[]string{"raspberrypi,4-model-b", "brcm,bcm2711"}, "pi4", "raspberrypi,4-model-b"},
		{[]string{"beagle,am67a-beagley-ai", "ti,j722s"}, "beagleyai", "beagle,am67a-beagley-ai"},
		{[]string{"ti,j722s-evm", "ti,j722s"}, "beagleyai", "ti,j722s"},
		{[]string{"linux,dummy-virt"}, "virtual", "linux,dummy-virt"},
		{[]string{"acme,board"}, "generic", ""},
		{nil, "generic", ""},
	} {
		if m, entry := Detect(c.compatible); m.Name != c.name || entry != c.entry {
			t.Errorf("%v: %s by %q", c.compatible, m.Name, entry)
		}
	}
	if m, ok := Named("radxanio12l"); !ok || m.Name != "radxanio12l" {
		t.Error("a model is not found by its name")
	}
	if _, ok := Named("auto"); ok {
		t.Error("auto is no model")
	}
}

// A limit of one board must not bind another that has a greater SoC of the
// same driver.
func TestLimitsOfABoardAreItsOwn(t *testing.T) {
	if e := DragonBoard410c.Encoders[0]; e.MaxWidth != 1920 || e.MaxLevel != "4.0" || len(e.Quirks) == 0 {
		t.Errorf("DragonBoard 410c: %+v", e)
	}
	for _, e := range Generic.Encoders {
		if e.Driver == venus.Driver && (e.MaxWidth != 0 || e.MaxLevel != "") {
			t.Errorf("any machine: %+v", e)
		}
	}
}
