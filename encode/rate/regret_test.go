package rate

import (
	"testing"
	"time"
)

// A cut for what turns out to have been no queue, since all of it comes through at once,
// is taken back, and so is what it made of the link.
func TestControllerTakesBackACutForNothing(t *testing.T) {
	c := New(Limits{Min: 500_000, Start: 4_000_000, Max: 6_000_000})
	var at time.Duration
	var written, acked uint64
	step := func(ack uint64) Advice {
		at += Interval
		written += 10_000 // 4 Mb/s
		acked = min(acked+ack, written-1200)
		return c.Step(Sample{At: at, Written: written, Outstanding: written - acked, Budget: time.Second, RTT: 60 * time.Millisecond, MinRTT: 20 * time.Millisecond})
	}
	c.MayProbe(false)
	for range 500 {
		step(10_000)
	}
	const link = 4.5e6
	c.link.set(link, c.meter.now)
	was := c.advice.Target
	var cut bool
	for range 20 {
		if cut = step(4_000).Target < was; cut {
			break
		}
	}
	if !cut || c.link.rate >= link {
		t.Fatalf("acknowledged with 40 %% of what is written: target %d of %d, estimate %.0f", c.advice.Target, was, c.link.rate)
	}
	for range 12 {
		step(written)
	}
	if c.advice.Target < was*9/10 || c.link.rate < 0.9*link {
		t.Errorf("all came through at once: target %d of %d, estimate %.0f of %.0f", c.advice.Target, was, c.link.rate, link)
	}
}

// BBR empties the path for 200 ms each ten seconds, to measure its round trip: bytes wait,
// but not on the way.
func TestControllerSitsOutBBRsProbe(t *testing.T) {
	c := New(Limits{Min: 500_000, Start: 4_000_000, Max: 6_000_000})
	c.MayProbe(false)
	var at time.Duration
	var written, acked uint64
	for range 1500 {
		at += Interval
		written += 10_000
		rtt, ack := 55*time.Millisecond, uint64(14_000)
		if at%(10*time.Second) < 200*time.Millisecond {
			rtt, ack = 42*time.Millisecond, 1200
		}
		acked = min(acked+ack, written-1200)
		a := c.Step(Sample{At: at, Written: written, Outstanding: written - acked, Budget: 2 * time.Second, RTT: rtt, MinRTT: 41 * time.Millisecond})
		if a.Target < 3_500_000 {
			t.Fatalf("%v: target %d, %s", at, a.Target, a.Reason)
		}
	}
}
