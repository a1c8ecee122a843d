package drift

import (
	"math"

	"github.com/encoderbox/encoderbox/media"
)

const (
	// steerEvery is how many samples of the result pass between two looks at the
	// line: 5 ms at 48 kHz.
	steerEvery = 240
	// pull is the time in seconds in which an error would be gone if the ratio
	// that corrects it were kept.
	pull = 5.0
	// slew is how fast the ratio may change: 200 ppm a second, far below what is
	// heard (a cent is 578 ppm).
	slew = 200e-6
	// maxError is where the sound is cut, or a hole left, instead of pulled
	// into place: it would take too long, or never end.
	maxError = 15e-3
)

// steer is where the interpolator stands: sample next of the result is made
// from place frame+frac of the card's.
type steer struct {
	line    *Line
	in, out int // nominal rates

	running bool
	next    int64
	frame   int64
	frac    float64
	rel     float64 // the card's frames for a sample, relative to in/out
	left    int     // samples until the next look
	err     float64 // seconds, of the last look

	skips, holes uint64
}

// begin puts the next sample at or behind the card's frame zero, never before
// what was delivered.
func (s *steer) begin() {
	at := media.ToTimescale(s.line.At(0), s.out)
	s.next = max(s.next, at+1, 0)
	s.moveTo(s.target())
	s.rel = s.natural()
	s.left, s.running = 0, true
}

func (s *steer) moveTo(place float64) {
	whole := math.Floor(place)
	s.frame, s.frac = int64(whole), place-whole
}

// target is the place where the line says that the next sample lies.
func (s *steer) target() float64 {
	return s.line.Frame(media.SamplesToDuration(s.next, s.out))
}

func (s *steer) natural() float64 {
	return min(max(1+s.line.Drift(), 1-MaxDrift), 1+MaxDrift)
}

func (s *steer) step() float64 { return float64(s.in) / float64(s.out) * s.rel }

// look takes a new course. hole says that the next sample does not follow the
// one before.
func (s *steer) look() (hole bool) {
	s.left = steerEvery
	target := s.target()
	s.err = (target - float64(s.frame) - s.frac) / float64(s.in)
	switch {
	case s.err > maxError: // the sound comes too late: cut some
		s.skips++
		s.moveTo(target)
		s.rel, s.err = s.natural(), 0
		return false
	case s.err < -maxError: // it comes too early: what is missing is a hole
		s.holes++
		s.next += int64(math.Ceil(-s.err * float64(s.out)))
		s.moveTo(s.target())
		s.rel, s.err = s.natural(), 0
		return true
	}
	want := 1 + s.line.Drift() + s.err/pull
	change := slew * steerEvery / float64(s.out)
	s.rel = min(max(want, s.rel-change), s.rel+change)
	s.rel = min(max(s.rel, 1-MaxDrift), 1+MaxDrift)
	return false
}

// advance goes n samples on; step is that of the course.
func (s *steer) advance(step float64, n int) {
	s.frac += step * float64(n)
	whole := int64(s.frac) // not negative
	s.frame += whole
	s.frac -= float64(whole)
	s.next += int64(n)
	s.left -= n
}
