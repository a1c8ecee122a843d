package adapt

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
)

// Segments of 2 s at 3 Mb/s, over a link of 5 Mb/s: whenever one looks, that is what was
// sent and acknowledged, not nothing and three times that.
func TestMeterOfSegmentsIsNoSaw(t *testing.T) {
	const size, link = 750_000, 625_000 // bytes, bytes a second
	for _, told := range []time.Duration{2 * time.Second, 3 * time.Second} {
		sent, acked := meter{segment: told}, meter{segment: told}
		for now := time.Duration(0); now < time.Minute; now += rate.Interval {
			number := uint64(now / (2 * time.Second))
			jitter := time.Duration(number%3) * rate.Interval
			if now%(2*time.Second) < jitter { // it comes somewhat later
				number--
			}
			written := number * size
			under := uint64(float64(link) * max(now%(2*time.Second)-jitter, 0).Seconds())
			arrived := written
			if number > 0 && now%(2*time.Second) >= jitter {
				arrived = written - size + min(under, size)
			}
			sent.add(now, written)
			acked.add(now, arrived)
			s, a := rates(&sent, &acked)
			if now > 8*time.Second && (s < 2_900_000 || s > 3_100_000 || a < 2_900_000 || a > 3_100_000) {
				t.Fatalf("%v, told %v: %d sent, %d acknowledged", now, told, s, a)
			}
		}
		if len(sent.marks) > 300 {
			t.Errorf("%d marks are kept", len(sent.marks))
		}
	}
}

func TestMeterOfSegmentsFallsWhenNoneComes(t *testing.T) {
	sent, acked := meter{segment: time.Second}, meter{segment: time.Second}
	for now := time.Duration(0); now < 20*time.Second; now += rate.Interval {
		bytes := uint64(min(now, 10*time.Second)/time.Second) * 100_000
		sent.add(now, bytes)
		acked.add(now, bytes)
	}
	if s, a := rates(&sent, &acked); s > 10_000 || a > 10_000 {
		t.Errorf("%d sent, %d acknowledged", s, a)
	}
}
