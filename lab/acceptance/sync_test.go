package acceptance

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	avsync "github.com/encoderbox/encoderbox/lab/sync"
)

// inSync is how far sound and picture may be apart (EBU R 37 would allow more).
const inSync = 40 * time.Millisecond

// TestSoundKeepsWithPicture measures flash against beep in what each receiver
// gets: once of what both of our encoders make, whose delays must have been
// reckoned with, and once of what passes through from either container, over the
// seam of the file's loop.
func TestSoundKeepsWithPicture(t *testing.T) {
	t.Parallel()
	const length, flashes = 20 * time.Second, 15
	for name, tables := range map[string]func(*testing.T) string{
		"encoded":                 small,
		"encoded, 29.97 a second": ntsc,
		"passed through, MP4":     clip(footage.FlashMP4),
		"passed through, TS":      clip(footage.FlashTS),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRig(t, tables(t))
			measured := map[string]avsync.Result{}
			measure := func(protocol, input string, o avsync.Options) {
				m, err := avsync.Measure(within(t, length+patience), input, o)
				if err != nil {
					t.Fatalf("%s: %v", protocol, err)
				}
				measured[protocol] = m
			}
			measure("HLS", r.HLS(""), avsync.Options{Duration: length})
			r.untilSent(length)
			r.steady()
			// A picture that a busy machine left out may be the first of a flash,
			// and all two or more of them.
			left := int(encoderd.Stream(r.Status(), "main").Input.Dropped)
			worst := inSync + time.Duration(left)*time.Second/30
			for protocol, file := range r.received() {
				measure(protocol, file, avsync.Options{})
			}
			for protocol, m := range measured {
				t.Logf("%s: %v; %d pictures left out", protocol, m, left)
				if m.Median().Abs() > inSync || m.Worst().Abs() > worst || m.Unpaired > left/2 || len(m.Events) < flashes {
					t.Errorf("%s: %v; want at least %d flashes, each within %v of its beep", protocol, m, flashes, worst)
				}
			}
		})
	}
}

func ntsc(*testing.T) string {
	return "[streams.main.input]\nkind = \"pattern\"\nwidth = 320\nheight = 180\nframe_rate = 29.97\n[streams.main.video]\nbitrate = { max = \"500k\", mode = \"fixed\" }\n"
}
