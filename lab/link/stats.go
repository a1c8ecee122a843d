package link

import (
	"fmt"
	"math/bits"
	"time"
)

// Stats is what a link did so far.
type Stats struct {
	Up, Down DirectionStats
	RealTime bool  // the link's thread has real-time priority
	Err      error // why the link stopped by itself
}

// DirectionStats is what one direction did so far.
type DirectionStats struct {
	Offered   Count // came in
	Tail      Count // of them, found the queue full
	Delivered Count // came out; the rest was lost, or is under way
	Foreign   int64 // no IPv4: ignored
	Refused   int64 // of Delivered, not taken by the receiving kernel
	// Late is how much later than the model said packets were delivered.
	Late Lateness
}

// Count counts packets.
type Count struct{ Packets, Bytes int64 }

func (c *Count) add(size int) {
	c.Packets++
	c.Bytes += int64(size)
}

// Lateness is a distribution of times above 0, exact to a quarter.
type Lateness struct {
	N       int64
	Sum     time.Duration
	Max     time.Duration
	buckets [latenessBuckets]int64
}

// Four buckets for each doubling of a microsecond, up to a minute.
const latenessBuckets = 4 * 26

func (l *Lateness) add(d time.Duration) {
	d = max(0, d)
	l.N++
	l.Sum += d
	l.Max = max(l.Max, d)
	l.buckets[bucket(d)]++
}

func bucket(d time.Duration) int {
	us := uint64(d / time.Microsecond)
	if us < 4 {
		return int(us)
	}
	shift := bits.Len64(us) - 3 // leaves 4…7
	return min(latenessBuckets-1, 4*shift+int(us>>shift))
}

// upper is the end of a bucket.
func upper(i int) time.Duration {
	i++
	if i < 8 {
		return time.Duration(i) * time.Microsecond
	}
	return time.Duration(4+i%4) << (i/4 - 1) * time.Microsecond
}

// Mean is the average.
func (l *Lateness) Mean() time.Duration {
	if l.N == 0 {
		return 0
	}
	return l.Sum / time.Duration(l.N)
}

// Quantile is the time that a share q of all did not exceed, rounded up by at most a
// quarter.
func (l *Lateness) Quantile(q float64) time.Duration {
	want, seen := q*float64(l.N), int64(0)
	for i, n := range l.buckets {
		if seen += n; n > 0 && float64(seen) >= want {
			return min(l.Max, upper(i))
		}
	}
	return l.Max
}

// String is as "p50 60µs p99 140µs max 1.2ms of 5000".
func (l *Lateness) String() string {
	return fmt.Sprintf("p50 %v p99 %v max %v of %d", l.Quantile(.5), l.Quantile(.99), l.Max.Round(time.Microsecond), l.N)
}
