package bottleneck

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// A queue that stands at 100 ms: the first drop comes an interval after the sojourn time
// was first above target, the next ones after interval/√1, /√2, /√3 … (RFC 8289, 5.3).
func TestCoDelDropsByItsControlLaw(t *testing.T) {
	f := &fifo{}
	for range 4000 {
		f.push(queued{Packet: Packet{Size: 1500}})
	}
	var c codel
	var drops []time.Duration
	for now := 100 * ms; now < 700*ms; now += ms {
		for i := range f.q { // the sojourn time stays what it is
			f.q[i].at = now - 100*ms
		}
		_, ok := c.dequeue(now, f, func(queued) { drops = append(drops, now) })
		require.True(t, ok)
	}
	// 200; +100; +70.7 = 370.7; +57.7 = 428.4; +50 = 478.4; +44.7 = 523.2; +40.8 = 564; …
	require.Equal(t, []time.Duration{200 * ms, 300 * ms, 371 * ms, 429 * ms, 479 * ms, 524 * ms, 564 * ms, 602 * ms, 638 * ms, 671 * ms}, drops)
}

func TestCoDelLeavesShortQueuesAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		wait time.Duration
	}{{"below the target", 100, 4 * ms}, {"one packet", 1, time.Second}, {"no longer than one packet", 2, time.Second}} {
		var state codel
		for now := time.Second; now < 3*time.Second; now += ms {
			f := &fifo{}
			for range c.n {
				f.push(queued{Packet: Packet{Size: 1500}, at: now - c.wait})
			}
			_, ok := state.dequeue(now, f, func(queued) { t.Fatal(c.name) })
			require.True(t, ok)
		}
	}
}

func TestCoDelBeginsWhereItWasWhenTheQueueIsSoonBack(t *testing.T) {
	c := codel{count: 10, lastCount: 1, dropNext: time.Second}
	f := &fifo{}
	for range 100 {
		f.push(queued{Packet: Packet{Size: 1500}})
	}
	drops := 0
	for now := 1100 * ms; now <= 1200*ms; now += 100 * ms {
		c.dequeue(now, f, func(queued) { drops++ })
	}
	require.Equal(t, 1, drops)
	require.Equal(t, 9, c.count)
}

// A flow of 1.2 times the capacity, which does not yield, under CoDel and without.
func TestCoDelKeepsTheQueueShort(t *testing.T) {
	longest := func(codel bool) (wait time.Duration) {
		l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 1 << 20, CoDel: codel, Log: func(e Event) {
			if e.Kind == Dequeue && e.At > 5*time.Second {
				wait = max(wait, e.Wait)
			}
		}})
		for now := time.Duration(0); now < 10*time.Second; now += 833 * time.Microsecond {
			l.Offer(now, Packet{Size: 1500})
			for ok := true; ok; {
				_, ok = l.Take(now)
			}
		}
		return wait
	}
	require.Greater(t, longest(false), 600*ms)
	require.Less(t, longest(true), 400*ms)
}
