package segment

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// held has the encoder hold its pictures from 5 s to 15.2 s, and returns the rig
// after the end. back is the track that goes on.
func playHeld(r *rig, first, back, sound *media.Track, gop int) {
	before := mixed(20*time.Millisecond, pictures(first, 0, 125, every(gop)), sounds(sound, 0, 5*time.Second))
	r.write(before...)
	r.hub.HoldPictures(true)
	list := sounds(sound, 0, 25*time.Second)
	n := 0
	for list[n].PTS < 5*time.Second {
		n++
	}
	from := n
	for list[n].PTS < 15200*time.Millisecond {
		n++
	}
	for _, p := range list[from:n] {
		r.write(p)
		time.Sleep(21 * time.Millisecond)
	}
	r.hub.HoldPictures(false)
	// The same track's cadence goes on: key pictures at 15.2 s, 16 s, 18 s, …
	key := func(i int) bool { return i == 0 || (i-20)%50 == 0 }
	if back != first {
		key = every(50)
	}
	r.write(mixed(20*time.Millisecond, pictures(back, 15200*time.Millisecond, 245, key), list[n:])...)
}

// Sound goes on in segments that players can begin with, one every two seconds.
func TestSegmentsGoOnWithTheLastPictureWhilePicturesAreHeld(t *testing.T) {
	video, sound := segmenttest.Video(), segmenttest.Audio()
	bubble(t, Config{Duration: 2 * time.Second, Segments: 20}, both, func(r *rig) {
		playHeld(r, video, video, sound, 50)
		r.expect("2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s")
		heard := time.Duration(0)
		for _, s := range r.segments() {
			if s.Audio == nil || s.Audio.Gap || s.Video.Samples == 0 {
				t.Errorf("segment %d has no sound or no picture", s.Sequence)
				continue
			}
			heard += s.Audio.Duration
		}
		if heard < 23900*time.Millisecond {
			t.Errorf("%v of sound in 24 s", heard)
		}
		shown := r.samples(media.Video)
		for i, want := range []int{50, 50, 25, 1, 1, 1, 1, 21, 50} {
			if len(shown[i]) != want {
				t.Errorf("segment %d has %d pictures, not %d", i, len(shown[i]), want)
			}
		}
		if got := r.rep.history; len(got) != 2 || got[0] != "+"+ConditionStill || got[1] != "-"+ConditionStill {
			t.Errorf("conditions %v", got)
		}
	})
}

// In another size they are another track.
func TestPicturesThatComeBackInAnotherSize(t *testing.T) {
	video, sound := segmenttest.Video(), segmenttest.Audio()
	small := *video
	params := *video.Video
	params.Color.Matrix = 5
	small.Video = &params
	bubble(t, Config{Duration: 2 * time.Second, Segments: 20}, both, func(r *rig) {
		playHeld(r, video, &small, sound, 50)
		list := r.segments()
		breaks := 0
		for i, s := range list {
			if s.Discontinuity {
				breaks++
				if s.Start != 15200*time.Millisecond || list[i-1].Start != 14*time.Second {
					t.Errorf("a discontinuity at %v", s.Start)
				}
			}
			if !s.Independent || s.Audio.Gap {
				t.Errorf("segment %d: %+v", s.Sequence, s)
			}
		}
		if breaks != 1 {
			t.Errorf("%d discontinuities", breaks)
		}
	})
}

// A GOP of 10 s with segments of 2 s: the last pictures lie behind where the segment
// was to end.
func TestStillWithLongGOP(t *testing.T) {
	video, sound := segmenttest.Video(), segmenttest.Audio()
	bubble(t, Config{Duration: 2 * time.Second, Segments: 20}, both, func(r *rig) {
		playHeld(r, video, video, sound, 250)
		for _, s := range r.segments() {
			if s.Start > 5*time.Second && s.Start < 17*time.Second && (!s.Independent || s.Discontinuity || s.Audio.Gap) {
				t.Errorf("segment %d at %v: %+v", s.Sequence, s.Start, s)
			}
		}
		if n := len(r.segments()); n < 10 {
			t.Errorf("%d segments", n)
		}
	})
}
