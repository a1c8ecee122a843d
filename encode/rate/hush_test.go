package rate

import (
	"testing"
	"time"
)

// In an outage a packet now and then is sent, until the receiver is heard of: not by an
// acknowledgement, which stands before what was lost, but by a round trip.
func TestControllerHushesInAnOutage(t *testing.T) {
	c := New(testLimits)
	s := Sample{Budget: 2 * time.Second, MinRTT: 40 * time.Millisecond}
	step := func(ack bool) Advice {
		s.At += Interval
		s.RTT = 40 * time.Millisecond
		s.Written += uint64(c.advice.Target) / 8 / 50
		s.Outstanding += uint64(c.advice.Target) / 8 / 50
		if ack {
			s.Outstanding = min(s.Outstanding, 20_000)
		}
		return c.Step(s)
	}
	for range 500 {
		if a := step(true); a.Pace < a.Target {
			t.Fatalf("%v: pace %d of a target of %d", s.At, a.Pace, a.Target)
		}
	}
	usual := c.advice.Pace
	for range 6 {
		if a := step(false); a.Pace != usual {
			t.Fatalf("pace %d of %d in a moment in which nothing is acknowledged", a.Pace, usual)
		}
	}
	for range 20 {
		step(false)
	}
	if c.advice.Pace > usual/20 || c.advice.Pace <= 0 {
		t.Fatalf("pace %d of %d in an outage", c.advice.Pace, usual)
	}
	s.RTT = 1500 * time.Millisecond
	s.At += Interval
	if a := c.Step(s); a.Pace < a.Target || a.Reason != Outage {
		t.Errorf("pace %d, target %d, %s, when the receiver is heard of", a.Pace, a.Target, a.Reason)
	}
}

// A path of which nothing was ever acknowledged may be a long one.
func TestControllerDoesNotHushBeforeTheFirstAcknowledgement(t *testing.T) {
	c := New(testLimits)
	for i := range 30 {
		at, n := time.Duration(i+1)*Interval, uint64(i+1)*8000
		if a := c.Step(Sample{At: at, Written: n, Outstanding: n, Budget: 2 * time.Second}); a.Pace < a.Target {
			t.Fatalf("%v: pace %d of a target of %d", at, a.Pace, a.Target)
		}
	}
}
