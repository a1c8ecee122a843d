package segment

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// A link stands still from 5 s to 6.8 s, and the encoder leaves pictures out over a
// segment's end. It goes on in the same GOP, with pictures that refer to the last one
// before: the segment that began with a key picture again cannot have them.
func TestSegmentsGoOnWhilePicturesAreSkipped(t *testing.T) {
	video, sound := segmenttest.Video(), segmenttest.Audio()
	bubble(t, Config{Duration: 2 * time.Second, Segments: 20}, both, func(r *rig) {
		asked := 0
		r.hub.OnKeyRequest(func() { asked++ })
		begin, end := 5*time.Second, 6800*time.Millisecond
		list := sounds(sound, 0, 12*time.Second)
		from, to := 0, 0
		for i, p := range list {
			if p.PTS < begin {
				from = i + 1
			}
			if p.PTS < end {
				to = i + 1
			}
		}
		r.write(mixed(20*time.Millisecond, pictures(video, 0, 125, every(50)), list[:from])...)
		r.hub.SkipPictures(true)
		for _, p := range list[from:to] {
			r.write(p)
			time.Sleep(21 * time.Millisecond)
		}
		r.hub.SkipPictures(false)
		before := asked
		// Two pictures are on their way when the key picture is asked for: it comes at 6.88 s.
		key := func(i int) bool { return i == 2 || i > 2 && (i-30)%50 == 0 }
		r.write(mixed(20*time.Millisecond, pictures(video, end, 130, key), list[to:])...)
		if asked != before+1 {
			t.Errorf("%d key pictures were asked for", asked-before)
		}
		r.expect("2s 2s 2s 2s 2s")
		shown := r.samples(media.Video)
		for i, s := range r.segments() {
			if s.Discontinuity && i > 0 || !s.Independent || s.Audio.Gap {
				t.Errorf("segment %d: %+v", s.Sequence, s)
			}
			if want := []int{50, 50, 25, 29, 50}[i]; len(shown[i]) != want {
				t.Errorf("segment %d has %d pictures, not %d", i, len(shown[i]), want)
			}
		}
	})
}

// Sound that waited for a picture while they were left out is late for that reason alone.
func TestWhatWaitedForSkippedPicturesIsNotLate(t *testing.T) {
	skipped := false
	c := &cutter{picturesHeld: func() bool { return skipped }, leadKind: media.Video}
	for _, step := range []struct {
		skipped bool
		queued  time.Duration
		at      time.Duration
		leftOut bool
	}{
		{false, time.Second, time.Second, false},
		{true, 2 * time.Second, 3 * time.Second, true},
		{false, 4 * time.Second, 2 * time.Second, true},
		{false, 4 * time.Second, 2100 * time.Millisecond, false},
	} {
		skipped, c.queued = step.skipped, step.queued
		c.still()
		if got := c.leftOut(step.at); got != step.leftOut {
			t.Errorf("%+v: %v", step, got)
		}
	}
}
