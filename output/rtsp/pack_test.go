package rtsp

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// The 32 bits of a video time stamp last for 13 hours.
func TestTimestampsGoOnForMonths(t *testing.T) {
	p, err := newPacker(segmenttest.Video())
	if err != nil {
		t.Fatal(err)
	}
	const frame = time.Second / 50
	for _, from := range []time.Duration{-time.Second, 0, 13*time.Hour + 15*time.Minute, 400 * 24 * time.Hour} {
		last := p.timestamp(from)
		if want := p.first + uint32(media.ToTimescale(from, 90_000)); last != want {
			t.Errorf("%v: %d, want %d", from, last, want)
		}
		for i := 1; i < 100; i++ {
			now := p.timestamp(from + time.Duration(i)*frame)
			if now-last != 1800 {
				t.Fatalf("%v and %d pictures: %d after %d", from, i, now, last)
			}
			last = now
		}
	}
}
