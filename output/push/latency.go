package push

import (
	"math/bits"
	"sync"
	"time"
)

// latency is a histogram of recent durations in constant memory: two windows,
// the running one and the one before it. Its buckets are 1/8 of an octave of
// microseconds wide, so a percentile is at most 12.5 % too high.
type latency struct {
	mu              sync.Mutex // guards the fields below
	running, before window
	began           time.Time // of running
}

const (
	latencyWindow  = 10 * time.Second
	latencySteps   = 8  // a power of two: buckets an octave
	latencyOctaves = 32 // up to 2^31 µs, over half an hour
)

type window struct {
	total   uint32
	buckets [latencySteps * latencyOctaves]uint32
}

// add counts d, measured at now.
func (l *latency) add(now time.Time, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rotate(now)
	l.running.total++
	l.running.buckets[bucketOf(d)]++
}

// p99 is the upper edge of the bucket that holds the 99th percentile, 0
// without recent measurements.
func (l *latency) p99(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rotate(now)
	total := uint64(l.running.total) + uint64(l.before.total)
	if total == 0 {
		return 0
	}
	rank, seen := (total*99+99)/100, uint64(0)
	for i := range l.running.buckets {
		seen += uint64(l.running.buckets[i]) + uint64(l.before.buckets[i])
		if seen >= rank {
			return bucketEnd(i)
		}
	}
	return 0
}

func (l *latency) rotate(now time.Time) {
	switch age := now.Sub(l.began); {
	case age < latencyWindow:
		return
	case age < 2*latencyWindow:
		l.before = l.running
	default:
		l.before = window{}
	}
	l.running = window{}
	l.began = now
}

// bucketOf maps 0…15 µs to themselves and every further octave to
// latencySteps buckets.
func bucketOf(d time.Duration) int {
	us := uint64(max(0, d) / time.Microsecond)
	if us < latencySteps {
		return int(us)
	}
	octave := bits.Len64(us) - bits.Len64(latencySteps-1) // ≥ 1
	i := octave*latencySteps + int(us>>(octave-1)) - latencySteps
	return min(i, latencySteps*latencyOctaves-1)
}

// bucketEnd is the first duration behind bucket i.
func bucketEnd(i int) time.Duration {
	if i < latencySteps {
		return time.Duration(i+1) * time.Microsecond
	}
	octave, step := i/latencySteps, i%latencySteps
	return time.Duration(uint64(latencySteps+step+1)<<(octave-1)) * time.Microsecond
}
