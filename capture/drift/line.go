package drift

import (
	"math"
	"slices"
	"time"
)

const (
	// bucket is how much time gives one point of the regression: the observation
	// that came least late in it. A driver learns of frames late, by its
	// interrupts, USB packets or scheduling, and never early, so the least late
	// ones are nearest to the truth.
	bucket = 500 * time.Millisecond
	// points is the length of the regression: two minutes. Long enough to
	// know the rate to 1 ppm through jitter of 1 ms, short enough for a crystal
	// that warms up.
	points = 240
	// settle is how long a new line is watched before it is believed, and
	// settleMoved how long observations must say that it moved.
	settle      = 100 * time.Millisecond
	settleMoved = 120 * time.Millisecond
	// maxLate is how far an observation may be from the line and count for it.
	maxLate = 15e-3
	// wrong is how much earlier than most others an observation is whose time
	// must be wrong.
	wrong   = 100e-3
	pending = 64
	// A card that is not known may be off by some 200 ppm; of one that was
	// measured for half a minute the rate is known, whatever its line does.
	driftSD  = 200e-6
	knownSD  = 10e-6
	known    = 60
	minSigma = 50e-6 // seconds; nothing is measured better
)

// Line is when a card captures its frames: a straight line through the pairs
// that its driver gives, robust against lateness, outliers and bad timestamps.
// The zero value is not ready; see NewLine. It belongs to one goroutine and
// does not allocate.
type Line struct {
	rate float64

	// The line: frame f was captured at origin + x×(1+slope) + offset, with
	// x = f/rate in seconds.
	ready         bool
	slope, offset float64
	origin        time.Duration

	prior, priorSD float64

	px, py    [points]float64 // one a bucket: x, and seconds later than x
	n, head   int
	best      point // of the bucket under way
	bestLate  float64
	bestSet   bool
	bucketEnd float64

	wait    [pending]point // the last observations that the line does not explain
	waitX   float64        // of the first of them, which may not be there any more
	waiting int
	waits   int // since the line was last right, more than wait holds perhaps

	moves uint64
	speed meter

	a, b, c [points]float64 // scratch
}

type point struct{ x, y float64 }

// NewLine returns the line of a card of that nominal rate in Hz.
func NewLine(rate int) *Line {
	return &Line{rate: float64(rate), priorSD: driftSD}
}

// Restart forgets when frames were captured, but not how fast the card is: it
// was stopped and started, and counts from zero again.
func (l *Line) Restart() {
	l.learn()
	l.ready, l.n, l.head, l.waiting, l.waits, l.bestSet = false, 0, 0, 0, 0, false
	l.speed.restart()
}

// learn keeps the rate for a line that begins anew.
func (l *Line) learn() {
	if l.n >= known {
		l.prior, l.priorSD = l.slope, knownSD
	}
}

// Observe takes what the driver said: so many frames were captured since the
// start, at that time.
func (l *Line) Observe(frames int64, at time.Duration) {
	l.speed.observe(frames, at, l.rate)
	if !l.ready && l.waiting == 0 {
		l.origin = at
	}
	x := float64(frames) / l.rate
	p := point{x, (at - l.origin).Seconds() - x}
	if late := l.late(p); !l.ready || math.Abs(late) > maxLate {
		l.unexplained(p)
		return
	}
	l.waiting, l.waits = 0, 0
	l.collect(p)
}

// late is how much later than the line says an observation came.
func (l *Line) late(p point) float64 { return p.y - (l.offset + l.slope*p.x) }

// unexplained waits until a row of observations agrees on a new line.
func (l *Line) unexplained(p point) {
	if l.waiting == pending {
		copy(l.wait[:], l.wait[1:])
		l.waiting--
	}
	l.wait[l.waiting] = p
	if l.waits == 0 {
		l.waitX = p.x
	}
	l.waiting++
	l.waits++
	need := settle
	if l.ready {
		need = settleMoved
	}
	if l.waits < 4 || math.Abs(p.x-l.waitX) < need.Seconds() {
		return
	}
	if l.ready {
		l.moves++
		l.learn()
	}
	l.begin()
}

// begin lays the line through the earliest of the waiting observations, apart
// from those so early that their time must be wrong.
func (l *Line) begin() {
	l.slope = l.prior
	r := l.a[:l.waiting]
	for i := range r {
		r[i] = l.wait[i].y - l.slope*l.wait[i].x
	}
	slices.Sort(r)
	middle := r[len(r)/2]
	for _, v := range r {
		if v >= middle-wrong {
			l.offset = v
			break
		}
	}
	last := l.wait[l.waiting-1]
	l.ready, l.waiting, l.waits, l.n, l.head, l.bestSet = true, 0, 0, 0, 0, false
	l.bucketEnd = last.x + bucket.Seconds()
}

// collect keeps the least late observation of each bucket.
func (l *Line) collect(p point) {
	late := l.late(p)
	if !l.bestSet || late < l.bestLate {
		l.best, l.bestLate, l.bestSet = p, late, true
	}
	if l.n == 0 && late < 0 {
		l.offset += late // nothing better is known yet
		l.bestLate = 0
	}
	if p.x < l.bucketEnd {
		return
	}
	l.px[l.head], l.py[l.head] = l.best.x, l.best.y
	l.head = (l.head + 1) % points
	l.n = min(l.n+1, points)
	l.bestSet = false
	l.bucketEnd = p.x + bucket.Seconds()
	if l.n < known || l.head%4 == 0 {
		l.fit()
	}
}

// fit is the regression: from the median of slopes and residuals, which a
// quarter of bad points does not move, three rounds of least squares weighted by
// Tukey's biweight, with what is known of the rate as a further observation.
func (l *Line) fit() {
	at := func(i int) int { return (l.head - l.n + i + points) % points }
	slope := l.slope
	if half := l.n / 2; half >= 4 {
		s := l.a[:0]
		for i := range l.n - half {
			j, k := at(i), at(i+half)
			if dx := l.px[k] - l.px[j]; dx > 0 {
				s = append(s, (l.py[k]-l.py[j])/dx)
			}
		}
		slope = median(s)
	}
	r, abs := l.a[:l.n], l.b[:l.n]
	for i := range r {
		r[i] = l.py[i] - slope*l.px[i] // the order does not matter here
	}
	copy(abs, r)
	offset := median(abs)
	for i := range r {
		abs[i] = math.Abs(r[i] - offset)
	}
	sigma := max(minSigma, 1.4826*median(abs))
	for range 3 {
		slope, offset = l.weighted(slope, offset, sigma)
	}
	l.slope, l.offset = slope, offset
}

func (l *Line) weighted(slope, offset, sigma float64) (float64, float64) {
	w := l.c[:l.n]
	var sum, mx, my float64
	for i := range w {
		u := (l.py[i] - slope*l.px[i] - offset) / (4.685 * sigma)
		w[i] = 0
		if u = 1 - u*u; u > 0 {
			w[i] = u * u
		}
		sum += w[i]
		mx += w[i] * l.px[i]
		my += w[i] * l.py[i]
	}
	if sum < 1 {
		return slope, offset // no two points agree: what was known holds
	}
	mx, my = mx/sum, my/sum
	var xx, xy float64
	for i := range w {
		dx := l.px[i] - mx
		xx += w[i] * dx * dx
		xy += w[i] * dx * (l.py[i] - my)
	}
	s2, p2 := sigma*sigma, l.priorSD*l.priorSD
	slope = (xy/s2 + l.prior/p2) / (xx/s2 + 1/p2)
	return slope, my - slope*mx
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// At is when frame f was, or will be, captured. The line is ready.
func (l *Line) At(f int64) time.Duration {
	x := float64(f) / l.rate
	return l.origin + time.Duration((x+l.offset+l.slope*x)*1e9)
}

// Frame is which frame is captured at a time, with its fraction.
func (l *Line) Frame(at time.Duration) float64 {
	return ((at - l.origin).Seconds() - l.offset) / (1 + l.slope) * l.rate
}

// Doubt says that the last observations do not lie on the line: it may have
// moved, and what was captured since is better held back until that is known,
// 120 ms at most.
func (l *Line) Doubt() bool { return l.ready && l.waiting > 0 }

// Ready says whether the line is known.
func (l *Line) Ready() bool { return l.ready }

// Drift is how fast the card runs: +100e-6 is 100 ppm fast.
func (l *Line) Drift() float64 { return 1/(1+l.slope) - 1 }
