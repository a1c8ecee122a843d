package ts

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// A minute of 8 Mb/s, whose key pictures are large.
func TestWhatAConstantRateKeepsIsBounded(t *testing.T) {
	v, a := segmenttest.Video(), segmenttest.Audio()
	c, err := NewConstant(Config{Tracks: []*media.Track{v, a}, MuxRate: 10_000_000})
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	sound := 0
	for n := range 25 * 60 {
		at := time.Duration(n) * 40 * time.Millisecond
		size := 34_000
		if n%50 == 0 {
			size = 340_000
		}
		out = c.Advance(out[:0], at)
		if err := c.Add(segmenttest.Picture(v, at, n%50 == 0, size)); err != nil {
			t.Fatal(err)
		}
		for ; media.SamplesToDuration(int64(sound)*1024, 48000) < at+40*time.Millisecond; sound++ {
			if err := c.Add(segmenttest.Sound(a, 0, sound)); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := 0
	for _, q := range []queue{c.video, c.audio} {
		for _, b := range q.free {
			kept += cap(b)
		}
		for _, u := range q.units {
			kept += cap(u.pes)
		}
	}
	if kept > 2<<20 {
		t.Errorf("%d bytes", kept)
	}
	t.Logf("%d bytes", kept)
}
