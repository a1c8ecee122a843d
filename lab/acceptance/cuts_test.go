package acceptance

import (
	"strconv"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
)

// TestWhereAFileIsCut: what passes through has its key pictures where its maker
// put them. A segment ends at the first from 0.8 × the target on; where none has
// come by 1.5 × the target it ends without one, and a condition says so.
func TestWhereAFileIsCut(t *testing.T) {
	t.Parallel()
	grouped := func(frames int) string { // five groups of pictures, 25 a second
		g := strconv.Itoa(frames)
		return ffmpegMakes(t, "g"+g+".mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-frames:v", strconv.Itoa(5*frames),
			"-c:v", "libx264", "-preset", "ultrafast", "-g", g, "-keyint_min", g, "-sc_threshold", "0")
	}
	longGOP, err := footage.StreetLongGOP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path   string
		length time.Duration // of each segment
		forced bool
	}{
		"just enough":   {grouped(41), 1640 * time.Millisecond, false},
		"not enough":    {grouped(37), 2960 * time.Millisecond, false}, // 1.48 s is below 0.8 × 2 s: the second one
		"every second":  {grouped(25), 2 * time.Second, false},
		"every twelfth": {longGOP, 3 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := encoderd.Start(t, binary, file(c.path))
			awaitHLS(t, d, "main")
			seen := startWatch(t, d.HLS("main"))
			s := d.Await("segments to come and go", patience, func(s status.Snapshot) bool {
				st := encoderd.Stream(s, "main")
				return st.HLS != nil && st.HLS.LastSequence >= st.HLS.FirstSequence+5
			})
			if err := seen.Stop(); err != nil {
				t.Errorf("playlists: %v", err)
			}
			for _, seg := range seen.Video().Segments {
				if (seg.Duration - c.length).Abs() > time.Millisecond {
					t.Errorf("%+v, want a segment of %v", seg, c.length)
				}
			}
			if n := len(seen.Video().Segments); n < 4 {
				t.Errorf("%d segments seen", n)
			}
			forced := condition(encoderd.Stream(s, "main").Conditions, "segment.forced_cut")
			if (forced.Code != "") != c.forced || c.forced && (forced.Severity != status.Warning || forced.Message == "") {
				t.Errorf("conditions %+v", encoderd.Stream(s, "main").Conditions)
			}
			if seen.Multivariant.Independent == c.forced {
				t.Errorf("segments can be decoded by themselves: %v", seen.Multivariant.Independent)
			}
		})
	}
}
