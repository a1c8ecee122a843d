package dash

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// TestTimesAreThoseInTheFiles has files that count from the epoch, as
// epoch-locked ones do: a player lays them where the manifest says only if it
// names the times in them.
func TestTimesAreThoseInTheFiles(t *testing.T) {
	epoch := time.Duration(zero.UnixNano())
	r := both().more(4, func(s *segment.Segment) { s.TimeOffset = epoch })
	body, _, err := render(r.window(3), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range parse(t, body).Periods[0].AdaptationSets {
		s := set.SegmentTemplate
		scale := time.Duration(*s.Timescale)
		first := time.Duration(*s.SegmentTimeline.S[0].T)
		if at := first / scale * time.Second; at < (epoch+2*time.Second).Truncate(time.Second) || at > epoch+3*time.Second {
			t.Errorf("%s: the first segment is at %v, its file at %v", set.ContentType, at, epoch+2*time.Second)
		}
		if ahead := (first - time.Duration(*s.PresentationTimeOffset)) * time.Second / scale; ahead < 2*time.Second-time.Millisecond || ahead > 2*time.Second+50*time.Millisecond {
			t.Errorf("%s: it begins %v after its period, want 2 s", set.ContentType, ahead)
		}
	}
}
