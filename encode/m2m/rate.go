package m2m

import "time"

// verdict is what a measurement says about a change of the bit rate.
type verdict uint8

const (
	// unproven: the content says nothing, or not yet.
	unproven verdict = iota
	// held: the coded pictures follow the new bit rate.
	held
	// unchanged: the encoder took a lower bit rate, and what is coded stays as it
	// was. So do pictures that cannot be coded with less.
	unchanged
	// pinned: the encoder was held down by the old bit rate, was given a higher
	// one, and stays where it was. Content that needs exactly the old rate looks
	// the same: worth a restart where one costs nothing, and no proof.
	pinned
)

// How a change is measured, in the pictures' own time.
const (
	rateSlot   = 250 * time.Millisecond
	rateSlots  = 8                    // the window: as long as most GOPs, so that key pictures weigh alike
	rateSettle = time.Second          // from the change to the window: rate controls pay debts first
	rateLeast  = time.Second          // measured before a change, for it to be judged
	rateWindow = rateSlots * rateSlot // of each measurement
	rateTotal  = rateSettle + rateWindow
)

// rateWatch compares what the encoder codes with what it was told, to find
// drivers that take a new bit rate and do nothing. It is pure: it knows the time
// from the pictures.
//
// A change downward by a fifth or more shows, unless the pictures were plain
// enough to stay below the new rate anyway; one that leaves the coded rate where
// it was, above the new one, was ignored, or is below what the pictures need at
// the encoder's coarsest. A change upward shows only when the coded rate rises
// over the old target; that it does not proves nothing, since the pictures may
// not need more. So what does not show is tried once more by a restart (again).
type rateWatch struct {
	slots [rateSlots]int // bits
	first int64          // number of the first slot there is a measure from
	last  int64          // of the slot being filled
	began bool

	judging  bool
	from, to int           // targets
	before   float64       // bits a second that were coded by the old one
	since    time.Duration // first picture under the new one
	bits     int           // in the window
}

// coded notes a coded picture and may say what became of the last change.
func (w *rateWatch) coded(pts time.Duration, bytes int) verdict {
	v := unproven
	if w.judging && pts >= w.since+rateTotal {
		v = w.judge()
		w.judging = false
	}
	if w.judging && pts >= w.since+rateSettle {
		w.bits += 8 * bytes
	}
	w.add(pts, 8*bytes)
	return v
}

// changed notes that pictures from pts on are coded with another target.
// Several changes before a verdict are judged as one; small ones, of which a rate
// controller makes many, do not put it off.
func (w *rateWatch) changed(pts time.Duration, from, to int) {
	if w.judging && float64(to) >= 0.92*float64(w.to) && float64(to) <= 1.08*float64(w.to) {
		return
	}
	if !w.judging {
		w.add(pts, 0)
		before, ok := w.rate()
		if !ok {
			return
		}
		w.from, w.before = from, before
	}
	w.to, w.since, w.bits = to, pts, 0
	w.judging = w.falls() || w.rises()
}

// again judges the last change once more, from pts on.
func (w *rateWatch) again(pts time.Duration) {
	w.judging, w.since, w.bits = true, pts, 0
}

// reset forgets everything: the encoder begins a new stream.
func (w *rateWatch) reset() { *w = rateWatch{} }

func (w *rateWatch) falls() bool { return float64(w.to) <= 0.8*float64(w.from) }
func (w *rateWatch) rises() bool { return float64(w.to) >= 1.25*float64(w.from) }

func (w *rateWatch) judge() verdict {
	is := float64(w.bits) / rateWindow.Seconds()
	from, to := float64(w.from), float64(w.to)
	if w.falls() {
		switch {
		case w.before <= 1.2*to, // there was nothing to save
			w.before >= 1.5*from: // the pictures need more than the encoder may give
			return unproven
		case is <= 1.2*to:
			return held
		case is >= 0.85*w.before:
			return unchanged
		}
		return unproven
	}
	near := func(r float64) bool { return r >= 0.85*from && r <= 1.15*from }
	switch {
	case is >= 1.25*from && is >= 1.15*w.before:
		return held
	case near(w.before) && near(is) && to >= 1.5*from:
		return pinned
	}
	return unproven
}

// add puts bits into their slot; slots that were passed over had none.
func (w *rateWatch) add(pts time.Duration, bits int) {
	n := int64(pts / rateSlot)
	if !w.began {
		w.began, w.first, w.last = true, n+1, n // the first slot is not whole
	}
	for steps := 0; w.last < n; steps++ {
		w.last++
		if steps < rateSlots {
			w.slots[w.last%rateSlots] = 0
		} else {
			w.last = n
		}
	}
	w.slots[((n%rateSlots)+rateSlots)%rateSlots] += bits
}

// rate is what was coded a second, over the whole slots that are kept.
func (w *rateWatch) rate() (float64, bool) {
	from := max(w.first, w.last-rateSlots+1)
	n := w.last - from // the last is not whole
	if !w.began || time.Duration(n)*rateSlot < rateLeast {
		return 0, false
	}
	bits := 0
	for i := from; i < w.last; i++ {
		bits += w.slots[i%rateSlots]
	}
	return float64(bits) / (time.Duration(n) * rateSlot).Seconds(), true
}
