package rate

import "time"

// uplinks notices which paths share an uplink: their queues rise together, within
// 200 ms and by about as much, time and again.
//
// Paths of one uplink take turns in probing, the one that decides every second time,
// so that no two try for the same bit rate at once; and together they are not given
// more than their targets come to.
type uplinks struct {
	used [maxPaths]bool
	// score of a pair, the lower slot first; the higher slot first, 1 where the two
	// are held to share.
	score  [maxPaths][maxPaths]int8
	member [maxPaths]int8 // the lowest slot of the uplink that a slot is of
	turns  [maxPaths]turn // of a group, at its lowest slot
	steps  uint64
}

// turn says which path of a group may probe.
type turn struct {
	holder *path // nil: all may
	until  time.Duration
	step   uint64 // when it was looked at
	last   int    // slot of the last one that does not decide
	other  bool   // the next turn is one of those
}

// rise finds the queue of a path rising.
type rise struct {
	low    time.Duration // the queue before
	began  time.Duration // when it rose last
	peak   time.Duration // by how much, since
	queue  time.Duration
	high   bool // it has not gone down again since
	due    bool // it is to be compared with the others'
	active bool // there is a queue to speak of
	at     time.Duration
}

const (
	riseFrom, riseEnd = 25 * time.Millisecond, 10 * time.Millisecond
	// riseCounts is the least rise that is compared: less may be a key picture, which
	// all paths have at once, and links that are nearly full show.
	riseCounts = 50 * time.Millisecond
	// riseSame: so much, and twice as much, is the same.
	riseSame = 40 * time.Millisecond
	// riseTogether is how far apart two rises of one queue are, at most.
	riseTogether = 200 * time.Millisecond
	// riseCompare is how long after a rise the others are looked at.
	riseCompare = 500 * time.Millisecond
	// riseLow is how fast what counts as no queue grows: a queue that stays is not rising.
	riseLow = 20 // ms per second

	// sharedFrom rises in common, more than those apart, make one uplink of two paths;
	// it is given up at sharedEnd. scoreMost and scoreLeast bound what is remembered.
	sharedFrom, sharedEnd, scoreMost, scoreLeast = 3, 0, 5, -2

	turnTime = time.Second
	// farUnder its estimate, a path needs no turn: there is nothing to collide with.
	farUnder = .7
)

// take gives a path a place in the table; there are no more paths than places.
func (u *uplinks) take() int {
	for i := range u.used {
		if !u.used[i] {
			u.used[i] = true
			return i
		}
	}
	return maxPaths - 1
}

func (u *uplinks) free(slot int) {
	u.used[slot] = false
	for i := range u.score {
		u.score[i][slot], u.score[slot][i] = 0, 0
	}
	for i := range u.turns {
		if h := u.turns[i].holder; h != nil && h.slot == slot {
			u.turns[i] = turn{}
		}
	}
}

func (u *uplinks) pair(a, b *path) *int8 { return &u.score[min(a.slot, b.slot)][max(a.slot, b.slot)] }

// shared reports whether the pair is held to share an uplink.
func (u *uplinks) shared(a, b *path) bool {
	return u.score[max(a.slot, b.slot)][min(a.slot, b.slot)] != 0
}

func (u *uplinks) setShared(a, b *path, on int8) {
	u.score[max(a.slot, b.slot)][min(a.slot, b.slot)] = on
}

// observe takes the paths' queues; it reports whether other paths share an uplink
// than before.
func (u *uplinks) observe(paths []*path, now time.Duration) (changed bool) {
	for _, p := range paths {
		p.rise.step(p.connected && p.shedding.state != paused && p.outage == 0, p.advice.Queue, now)
	}
	for _, p := range paths {
		if !p.rise.due || now-p.rise.began < riseCompare {
			continue
		}
		p.rise.due = false
		for _, other := range paths {
			if other != p && other.rise.active && u.compare(p, other) {
				changed = true
			}
		}
	}
	return changed
}

// compare takes a rise of p's queue as a sign for or against one uplink with other.
func (u *uplinks) compare(p, other *path) (changed bool) {
	score := u.pair(p, other)
	a, b := &p.rise, &other.rise
	apart := max(a.began-b.began, b.began-a.began)
	switch {
	case b.began > 0 && apart <= riseTogether && alike(a, b):
		if a.began > b.began || (a.began == b.began && p.slot < other.slot) {
			*score = min(*score+1, scoreMost) // once for both
		}
	case a.peak >= riseCounts && !b.high && b.queue-b.low < a.peak/4 && apart > riseTogether:
		*score = max(*score-1, scoreLeast)
	}
	switch on := u.shared(p, other); {
	case !on && *score >= sharedFrom:
		u.setShared(p, other, 1)
		return true
	case on && *score <= sharedEnd:
		u.setShared(p, other, 0)
		return true
	}
	return false
}

// alike: two paths with one queue see it as high at the same time.
func alike(a, b *rise) bool {
	same := func(x, y time.Duration) bool { return max(x, y) <= 2*min(x, y)+riseSame }
	return min(a.peak, b.peak) >= riseCounts && same(a.peak, b.peak) && same(a.queue-a.low, b.queue-b.low)
}

func (r *rise) step(active bool, queue, now time.Duration) {
	if !active || !r.active {
		*r = rise{active: active, low: queue, queue: queue, at: now}
		return
	}
	dt := now - r.at
	r.at, r.queue = now, queue
	if queue < r.low {
		r.low = queue
	} else {
		r.low = min(queue, r.low+dt*riseLow/1000)
	}
	above := queue - r.low
	switch {
	case !r.high && above >= riseFrom:
		r.high, r.due, r.began, r.peak = true, true, now, above
	case r.high:
		r.peak = max(r.peak, above)
		r.high = above > riseEnd
	}
}
