package rate

import "time"

// uplinks notices which paths share an uplink: what goes through one queue sees the same
// delay at the same time. That delay is each path's round trip beyond its least (trip).
// The law's own Advice.Queue does not tell: it leaves out what bursts explain at a path's
// target, and what a sender's own buffer holds is in it, so that two paths of one queue
// have quite different ones.
//
// Over real links of their own, even ones that carry the same, the delays of two paths that
// are given the same pictures were apart by 40 to 80 % of the higher one; over one link,
// SRT and SRT or SRT and RTMP, by less than 8 %.
//
// Paths of one uplink take turns in probing, the one that decides every second time,
// so that no two try for the same bit rate at once; and together they are not given
// more than their targets come to.
type uplinks struct {
	used   [maxPaths]bool
	pairs  [maxPaths * (maxPaths - 1) / 2]pair
	member [maxPaths]int8 // the lowest slot of the uplink that a slot is of
	turns  [maxPaths]turn // of a group, at its lowest slot
	steps  uint64
	now    time.Duration
}

// pair is what two paths' delays were like lately, while one of them was high: sums over
// that time, of which the older counts less.
type pair struct {
	time   float32 // seconds
	weight float32 // by how high the delays were
	apart  float32 // the difference, as a share of the higher delay, by weight
	shared bool
}

// turn says which path of a group may probe.
type turn struct {
	holder *path // nil: all may
	until  time.Duration
	step   uint64 // when it was looked at
	last   int    // slot of the last one that does not decide
	other  bool   // the next turn is one of those
}

// trip is by how much a path's round trip is longer than the least of 30 s; the
// transports' own least ones are of different times.
type trip struct {
	base      baseDelay
	last      [8]moment // of the round trips of tripSpan
	newest    int
	changed   time.Duration // when the transport measured it last
	known     bool          // that was just now
	low, high time.Duration // the excess, in tripSpan
}

type moment struct{ at, rtt time.Duration }

const (
	// tripHigh: less may be a key picture, which all paths have at once, and links that
	// are nearly full show.
	tripHigh = 40 * time.Millisecond
	// tripSpan is by how much one transport may be later than another to tell of the same
	// queue: all smooth what they measure.
	tripSpan = 120 * time.Millisecond
	// tripStale: transports tell the same round trip again while nothing is acknowledged,
	// which may be of before the queue.
	tripStale = 90 * time.Millisecond
	// tripFull: a delay higher than that tells no more, so that what a busy box makes of one
	// transport in an outage is soon forgotten.
	tripFull = 150 * time.Millisecond
	// pairMemory is how much time with a high delay counts, pairLeast how much tells.
	pairMemory, pairLeast = 3 * time.Second, 600 * time.Millisecond
	// Apart by less than sharedFrom of the higher one, the delays are those of one uplink,
	// until they are apart by sharedEnd.
	sharedFrom, sharedEnd = .15, .35

	turnTime = time.Second
	// farUnder its estimate, a path needs no turn: there is nothing to collide with.
	farUnder = .7
)

// take gives a path a place in the table; there are no more paths than places.
func (u *uplinks) take() int {
	for i := range u.used {
		if !u.used[i] {
			u.used[i], u.member[i] = true, int8(i)
			return i
		}
	}
	return maxPaths - 1
}

func (u *uplinks) free(slot int) {
	u.used[slot] = false
	for other := range maxPaths {
		if other != slot {
			*u.between(other, slot) = pair{}
		}
	}
	for i := range u.turns {
		if h := u.turns[i].holder; h != nil && h.slot == slot {
			u.turns[i] = turn{}
		}
	}
}

func (u *uplinks) pair(a, b *path) *pair { return u.between(a.slot, b.slot) }

// between is the pair of two slots, which are not the same.
func (u *uplinks) between(a, b int) *pair {
	low, high := min(a, b), max(a, b)
	return &u.pairs[high*(high-1)/2+low]
}

// observe compares the paths' round trips; it reports whether other paths share an uplink
// than before.
func (u *uplinks) observe(paths []*path, now time.Duration) (changed bool) {
	dt := min(now-u.now, mostSeen)
	u.now = now
	for i, a := range paths {
		for _, b := range paths[i+1:] {
			if a.tells() && b.tells() && max(a.trip.high, b.trip.high) >= tripHigh {
				changed = u.pair(a, b).take(&a.trip, &b.trip, dt) || changed
			}
		}
	}
	return changed
}

// tells: the path's round trip is that of its link now.
func (p *path) tells() bool {
	return p.trip.known && p.connected && p.shedding.state != paused && p.outage == 0
}

// take takes the delays of a moment; it reports whether the pair is held for another one
// than before.
func (p *pair) take(a, b *trip, dt time.Duration) (changed bool) {
	high := max(a.high, b.high)
	apart := float32(max(a.low-b.high, b.low-a.high, 0)) / float32(high)
	since := float32(dt.Seconds())
	keep := 1 - since/float32(pairMemory.Seconds())
	weight := since * float32(min(high, tripFull).Seconds())
	p.time = p.time*keep + since
	p.weight = p.weight*keep + weight
	p.apart = p.apart*keep + weight*apart
	was := p.shared
	switch {
	case p.time < float32(pairLeast.Seconds()):
	case p.apart <= sharedFrom*p.weight:
		p.shared = true
	case p.apart >= sharedEnd*p.weight:
		p.shared = false
	}
	return p.shared != was
}

// step takes a sample of the connection.
func (t *trip) step(now time.Duration, s Sample) {
	rtt := min(s.RTT, longestRTT)
	if rtt <= 0 || s.Outstanding == 0 {
		t.known = false
		return
	}
	if rtt != t.last[t.newest].rtt {
		t.changed = now
	}
	t.known = now-t.changed <= tripStale
	t.base.learn(now, rtt)
	t.newest = (t.newest + 1) % len(t.last)
	t.last[t.newest] = moment{now, rtt}
	least, most := rtt, rtt
	for _, m := range t.last {
		if m.rtt > 0 && now-m.at <= tripSpan {
			least, most = min(least, m.rtt), max(most, m.rtt)
		}
	}
	t.low, t.high = least-t.base.least(), most-t.base.least()
}
