package dash_test

import (
	"fmt"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// kept is a stream of the past: 10 s, a break of 20 s, and 20 s of another size.
func kept(t *testing.T) (s *stream, manifest string) {
	t.Helper()
	s = start(t, segment.Config{Segments: 1000}, nil)
	first, second := clip(t, footage.FlashMP4), clip(t, footage.StreetMP4)
	s.rush(upTo(first.Repeat(2), 10*time.Second))
	s.rush(at(upTo(second.Repeat(1), 21*time.Second), 30*time.Second, true))
	s.await(15)
	zero, ok := s.clock.Wall(0)
	if !ok {
		t.Fatal("no time of day")
	}
	return s, s.manifest() + "?from=" + url.QueryEscape(zero.Format(time.RFC3339Nano)) + "&duration=60s"
}

func TestPlayersSeekInWhatIsKept(t *testing.T) {
	s, manifest := kept(t)
	both(t, s, manifest, func(t *testing.T, p *peer.Page) {
		until(t, p, "v.duration > 0", patience)
		if d := look(t, p).Duration; math.Abs(d-30) > 0.1 {
			t.Errorf("duration %f s, want 30", d)
		}
		for _, place := range []float64{14, 2, 25, 8.5} { // the last plays across the break
			if err := p.Eval(fmt.Sprintf("void(v.currentTime = %f)", place), nil); err != nil {
				t.Fatal(err)
			}
			until(t, p, fmt.Sprintf("!v.seeking && v.currentTime > %f && v.currentTime < %f", place+3, place+10), patience)
		}
		if err := p.Eval("void(v.currentTime = 27)", nil); err != nil {
			t.Fatal(err)
		}
		// dash.js, when the machine is busy, holds half a second before the end at times.
		until(t, p, "seen.ended || v.currentTime > v.duration - 0.6", patience)
	})
}

// FFmpeg plays the longest Period alone, of a manifest that is finished. One
// that goes on it cannot follow by numbers: after an update it takes places in
// the time line for numbers (libavformat/dashdec.c, refresh_manifest).
func TestFFmpegReadsWhatIsKept(t *testing.T) {
	t.Parallel()
	s, manifest := kept(t)
	got, err := peer.Decode(t.Context(), manifest, 0)
	if err != nil {
		t.Fatal(err)
	}
	pictures := map[*media.Track]int{}
	most := 0
	for _, g := range s.seg.Window().Segments {
		pictures[g.Video.Init.Track] += g.Video.Samples
		most = max(most, pictures[g.Video.Init.Track])
	}
	if len(pictures) != 2 || got.Frames != int64(most) {
		t.Errorf("%d pictures, want the most of %v", got.Frames, pictures)
	}
}
