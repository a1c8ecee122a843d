package rate

import (
	"math"
	"time"
)

// estimate is what the link carries, as far as it was seen full: bits per second.
type estimate struct {
	rate float64 // 0: it was never full
	at   time.Duration
	// spread is by how much, as a share, single measures lie off: a link that varies
	// carries less, for long, than it does on average.
	spread float64
}

const (
	// linkMemory is over what time measures are averaged, spreadMemory their spread.
	linkMemory   = 3 * time.Second
	spreadMemory = 10 * time.Second
	// coarse is how exactly the ends of a stretch are known: acknowledgements come in
	// bunches, and samples at their own times. What that makes is no spread of the link.
	coarse = 10 * time.Millisecond
	// Where this share of the pace got through, it was the pace that was full: the link
	// carries openRatio times that, or more.
	pacedShare = 0.85
	openRatio  = 1.2
	// mostLink, times the highest target, is where a link is as good as any other.
	mostLink = 1.3
)

// take takes the rate of a stretch in which the link, or the pace, was full.
func (e *estimate) take(v measure, pace, most float64) {
	since := (v.at - e.at).Seconds()
	open := v.full > pacedShare*pace && v.jammed == 0
	if !open && v.jammed == 0 && e.rate > 0 && v.full < 1.25*e.rate { // more is no spread, but news
		off := math.Abs(v.full-e.rate) / e.rate
		off = max(off-coarse.Seconds()/v.fullSpan.Seconds(), 0)
		e.spread += (off - e.spread) * min(max(since/spreadMemory.Seconds(), 0.02), 0.3)
	}
	switch {
	case open:
		e.rate = max(e.rate, openRatio*v.full)
	case e.rate == 0:
		e.rate = v.full
	case v.jammed > 0:
		e.rate += (v.full - e.rate) / 2
	default:
		e.rate += (v.full - e.rate) * min(max(since/linkMemory.Seconds(), 0.1), 0.5)
	}
	e.rate, e.at = min(e.rate, mostLink*most), v.at
}

// set makes a rate the estimate.
func (e *estimate) set(rate float64, at time.Duration) { e.rate, e.at = rate, at }

// limit is how much to give the link for long.
func (e *estimate) limit() float64 { return e.rate * (1 - min(caution*e.spread, 0.5)) }

// caution, times the spread, is what is left free on a link that varies: it costs on
// average rate, and buys fewer cuts.
const caution = 0.75
