// Package trace says what a link carries at what time, as mahimahi's traces do: each
// line of a file is a moment, in whole milliseconds, at which the link can deliver
// Opportunity bytes; several lines of one moment are so many deliveries. At its end a
// trace begins again.
package trace

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Opportunity is how many bytes one line of a trace delivers.
const Opportunity = 1500

// Trace is what a link carries. It never changes, and may be shared.
type Trace struct {
	ms     []uint32 // moments of the opportunities, not falling, each below period or equal to it
	period uint32   // after which it begins again
}

// Step is a capacity that lasts for some time.
type Step struct {
	Bitrate float64 // bits per second; 0: nothing gets through
	For     time.Duration
}

var errEmpty = errors.New("no delivery opportunity at all")

// build makes a trace of moments that do not fall.
func build(ms []uint32, period uint32) (*Trace, error) {
	switch {
	case len(ms) == 0:
		return nil, errEmpty
	case period == 0:
		return nil, errors.New("all at moment 0")
	}
	return &Trace{ms, period}, nil
}

// Constant is a link that always carries the same.
func Constant(bitrate float64) *Trace {
	t, err := Steps(Step{bitrate, 12 * time.Second})
	if err != nil { // nothing gets through, ever: as good as one packet in eleven hours
		return &Trace{[]uint32{40e6}, 40e6}
	}
	return t
}

// Steps is a link whose capacity changes; after the last step the first one follows.
// The steps are whole milliseconds long; one of them at least carries something.
func Steps(steps ...Step) (*Trace, error) {
	var g generator
	for i, s := range steps {
		if s.Bitrate < 0 || s.For < time.Millisecond {
			return nil, fmt.Errorf("step %d of a link (%.0f b/s for %v): a capacity below 0, or shorter than a millisecond", i+1, s.Bitrate, s.For)
		}
		for range s.For.Milliseconds() {
			g.millisecond(s.Bitrate)
		}
	}
	return build(g.ms, g.now)
}

// generator makes opportunities of a capacity that is told for each millisecond.
type generator struct {
	ms   []uint32
	now  uint32
	bits float64 // that were not given yet
}

func (g *generator) millisecond(bitrate float64) {
	g.now++
	g.bits += bitrate / 1000
	for g.bits >= Opportunity*8-1e-6 {
		g.bits -= Opportunity * 8
		g.ms = append(g.ms, g.now)
	}
}

// Period is the time after which the trace begins again.
func (t *Trace) Period() time.Duration { return time.Duration(t.period) * time.Millisecond }

// At is the moment of the i-th opportunity, counted from 0.
func (t *Trace) At(i int64) time.Duration {
	n := int64(len(t.ms))
	return time.Duration(i/n*int64(t.period)+int64(t.ms[i%n])) * time.Millisecond
}

// Index is the first opportunity at a moment or after it.
func (t *Trace) Index(at time.Duration) int64 {
	if at <= 0 {
		return 0
	}
	ms := int64((at + time.Millisecond - 1) / time.Millisecond)
	// An opportunity at the end of the period belongs to the round that ends there.
	round := (ms - 1) / int64(t.period)
	i, _ := slices.BinarySearch(t.ms, uint32(ms-round*int64(t.period)))
	return round*int64(len(t.ms)) + int64(i)
}

// Bits is what can be delivered from one moment on and before another.
func (t *Trace) Bits(from, to time.Duration) float64 {
	return float64(t.Index(to)-t.Index(from)) * Opportunity * 8
}

// Bitrate is what the whole trace carries on average, bits per second.
func (t *Trace) Bitrate() float64 {
	return float64(len(t.ms)) * Opportunity * 8 / t.Period().Seconds()
}

// Scale is the trace of a link that carries so many times as much at every moment.
func (t *Trace) Scale(factor float64) (*Trace, error) {
	if factor <= 0 {
		return nil, fmt.Errorf("scale a trace by %g: not above 0", factor)
	}
	var ms []uint32
	credit := 0.0
	for _, m := range t.ms {
		for credit += factor; credit >= 1-1e-9; credit-- {
			ms = append(ms, m)
		}
	}
	return build(ms, t.period)
}

// First is the trace up to a moment, after which it begins again.
func (t *Trace) First(d time.Duration) (*Trace, error) {
	if d >= t.Period() {
		return t, nil
	}
	n := t.Index(d + 1)
	return build(t.ms[:n], uint32(d.Milliseconds()))
}
