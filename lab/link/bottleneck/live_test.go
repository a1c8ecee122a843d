package bottleneck

import (
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/trace"
)

const ms = time.Millisecond

// arrivals takes all that arrives by now.
func arrivals(l *Link, now time.Duration) (at []time.Duration) {
	for next, ok := l.Next(); ok && next <= now; next, ok = l.Next() {
		if _, ok := l.Take(next); ok {
			at = append(at, next)
		}
	}
	return at
}

func live(t *testing.T, c Config) *Link {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCapacityChangesUnderAQueue(t *testing.T) {
	l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 15_000}) // an opportunity each millisecond
	for range 10 {
		l.Offer(0, Packet{Size: 1500})
	}
	if got := arrivals(l, 4*ms); len(got) != 4 {
		t.Fatalf("%v", got)
	}
	if err := l.SetTrace(4*ms+ms/2, trace.Constant(3e6)); err != nil { // one each 4 ms, counted from here
		t.Fatal(err)
	}
	want := []time.Duration{8*ms + ms/2, 12*ms + ms/2, 16*ms + ms/2}
	if got := arrivals(l, 20*ms); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if err := l.SetTrace(20*ms, trace.Constant(0)); err != nil {
		t.Fatal(err)
	}
	if got := arrivals(l, time.Hour); len(got) != 0 {
		t.Errorf("in a blackout: %v", got)
	}
	if n, bytes := l.Backlog(); n != 3 || bytes != 4500 {
		t.Errorf("%d packets of %d bytes wait", n, bytes)
	}
	if err := l.SetTrace(time.Hour, nil); err == nil {
		t.Error("no trace was taken")
	}
}

// An idle link whose trace began late serves what comes at that trace's moments.
func TestNewTraceOnAnIdleLink(t *testing.T) {
	l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 15_000})
	if err := l.SetTrace(100*ms+ms/2, trace.Constant(3e6)); err != nil {
		t.Fatal(err)
	}
	l.Offer(110*ms, Packet{Size: 1500})
	if got := arrivals(l, time.Second); !slices.Equal(got, []time.Duration{112*ms + ms/2}) {
		t.Errorf("%v", got)
	}
}

func TestDelayAndLossChange(t *testing.T) {
	l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 15_000, Delay: 5 * ms, Delays: []DelayStep{{From: 50 * ms, Delay: time.Hour}}})
	if err := l.SetDelay(40*ms, 10*ms, 0); err != nil {
		t.Fatal(err)
	}
	l.Offer(60*ms, Packet{Size: 1500})
	if got := arrivals(l, time.Second); !slices.Equal(got, []time.Duration{70 * ms}) {
		t.Errorf("%v: the steps to come are to be forgotten", got)
	}
	l.SetDelays(time.Second, []DelayStep{{From: 10 * ms, Delay: 20 * ms}})
	for _, at := range []time.Duration{5 * ms, 15 * ms} {
		l.Offer(time.Second+at, Packet{Size: 1500})
	}
	if got := arrivals(l, 2*time.Second); !slices.Equal(got, []time.Duration{time.Second + 15*ms, time.Second + 35*ms}) {
		t.Errorf("%v", got)
	}
	if err := l.SetLoss(2*time.Second, Loss{Rate: 1}); err != nil {
		t.Fatal(err)
	}
	l.Offer(2*time.Second, Packet{Size: 1500})
	if got := arrivals(l, 3*time.Second); len(got) != 0 {
		t.Errorf("%v was not lost", got)
	}
	if l.SetLoss(0, Loss{Rate: -1}) == nil || l.SetDelay(0, -1, 0) == nil || l.SetDelay(0, 0, -1) == nil {
		t.Error("values below 0 were taken")
	}
}
