package link

import (
	"testing"
	"time"
)

func TestLateness(t *testing.T) {
	var l Lateness
	if l.Mean() != 0 || l.Quantile(.5) != 0 {
		t.Error("nothing has a mean")
	}
	for i := range 1000 {
		l.add(time.Duration(i) * 10 * time.Microsecond) // up to 10 ms
	}
	l.add(-time.Second) // early by rounding counts as in time
	for q, want := range map[float64]time.Duration{.1: time.Millisecond, .5: 5 * time.Millisecond, .99: 9900 * time.Microsecond} {
		if got := l.Quantile(q); got < want-20*time.Microsecond || got > want*5/4+20*time.Microsecond {
			t.Errorf("quantile %g is %v", q, got)
		}
	}
	if l.Quantile(1) != l.Max || l.Max != 9990*time.Microsecond || l.N != 1001 {
		t.Errorf("max %v, quantile 1 %v of %d", l.Max, l.Quantile(1), l.N)
	}
	if m := l.Mean(); m < 4980*time.Microsecond || m > 5*time.Millisecond {
		t.Errorf("mean %v", m)
	}
}

func TestBucketsHoldWhatTheySay(t *testing.T) {
	for us := range 100_000 {
		d := time.Duration(us) * time.Microsecond
		i := bucket(d)
		if d >= upper(i) || i > 0 && d < upper(i-1) {
			t.Fatalf("%v is in bucket %d, which ends at %v", d, i, upper(i))
		}
	}
	if bucket(time.Hour) != latenessBuckets-1 {
		t.Error("an hour has another bucket than the last")
	}
}
