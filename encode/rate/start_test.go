package rate

import (
	"testing"
	"time"
)

// A long path acknowledges nothing in its first round trip: no outage.
func TestControllerBeginsOnALongPath(t *testing.T) {
	const trip = 700 * time.Millisecond
	c := New(testLimits)
	per := uint64(testLimits.Start) / 8 / 50
	for n := range uint64(150) {
		s := Sample{At: time.Duration(n+1) * Interval, Written: (n + 1) * per, Budget: 3 * time.Second}
		s.Outstanding = min(s.Written, uint64(trip/Interval)*per)
		if a := c.Step(s); a.Target < testLimits.Start || a.Reason == Outage {
			t.Fatalf("%v: target %d, %s", s.At, a.Target, a.Reason)
		}
	}
}
