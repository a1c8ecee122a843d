package rate

import "time"

// history is what the last samples said, at most one every minSpacing. It is a ring:
// 1024 of them are 20 s at Interval, which is more than the budget of any live path;
// what is older counts as old as the oldest.
type history struct {
	ring    [1024]point
	first   int // index of the oldest
	n       int
	mayFill bool // the newest lies closer than minSpacing to the one before it
}

// minSpacing keeps samples that come too often from shortening what the ring spans.
const minSpacing = 10 * time.Millisecond

// point is one sample, with what was made of it.
type point struct {
	at      time.Duration
	written uint64
	gone    uint64 // of written: acknowledged or dropped
	acked   uint64 // of written: acknowledged
	resent  uint64 // packets
	// burst is how many bytes would wait, at this moment, in front of a link that
	// carries a little more than the target: what the encoder's unevenness explains.
	burst float64
	// granted is how many bytes the targets so far would have made.
	granted float64
	delay   time.Duration // from write to acknowledgement
}

func (h *history) clear() { h.first, h.n, h.mayFill = 0, 0, false }

// at returns the point of index i; 0 is the oldest.
func (h *history) at(i int) *point { return &h.ring[(h.first+i)%len(h.ring)] }

func (h *history) last() *point { return h.at(h.n - 1) }

// add takes a point that is newer than all before it.
func (h *history) add(p point) {
	if h.mayFill && h.n >= 2 && p.at-h.at(h.n-2).at < minSpacing {
		*h.last() = p
		return
	}
	if h.n == len(h.ring) {
		h.first = (h.first + 1) % len(h.ring)
		h.n--
	}
	h.n++
	*h.last() = p
	h.mayFill = true
}

// before returns the newest point that is not newer than t, or else the oldest.
func (h *history) before(t time.Duration) *point {
	low, high := 0, h.n // at(low-1).at ≤ t < at(high).at
	for low < high {
		mid := (low + high) / 2
		if h.at(mid).at <= t {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return h.at(max(low-1, 0))
}

// writeTime returns when the byte with so many bytes before it was written.
func (h *history) writeTime(before uint64) time.Duration {
	low, high := 0, h.n // at(low-1).written ≤ before < at(high).written
	for low < high {
		mid := (low + high) / 2
		if h.at(mid).written <= before {
			low = mid + 1
		} else {
			high = mid
		}
	}
	switch low {
	case 0:
		return h.at(0).at
	case h.n:
		return h.last().at
	}
	a, b := h.at(low-1), h.at(low)
	share := float64(before-a.written) / float64(b.written-a.written)
	return a.at + time.Duration(share*float64(b.at-a.at))
}

// readiest returns the point with the least delay of those from one time to another:
// where the acknowledgements were least held up. Between two of them, they tell the
// rate even where gaps have them come in jumps.
func (h *history) readiest(from, to time.Duration) *point {
	i := h.n - 1
	for i > 0 && h.at(i).at > to {
		i--
	}
	best := h.at(i)
	for i--; i >= 0 && h.at(i).at >= from; i-- {
		if p := h.at(i); p.delay < best.delay {
			best = p
		}
	}
	return best
}

// ackRate is what was acknowledged in the last span, bits per second, between the
// readiest points within slack of both its ends; 0 when nothing is known of it.
func (h *history) ackRate(span, slack time.Duration) float64 {
	now := h.last().at
	a, b := h.readiest(now-span-slack, now-span), h.readiest(now-slack, now)
	return bitRate(b.acked-a.acked, b.at-a.at)
}

// use is what was written in the last span as a share of what the targets granted,
// and whether the span is covered.
func (h *history) use(span time.Duration) (share float64, known bool) {
	now := h.last()
	then := h.before(now.at - span)
	if now.granted <= then.granted || then.at > now.at-span {
		return 1, false
	}
	return float64(now.written-then.written) / (now.granted - then.granted), true
}

func bitRate(bytes uint64, in time.Duration) float64 {
	if in <= 0 {
		return 0
	}
	return float64(bytes) * 8 / in.Seconds()
}
