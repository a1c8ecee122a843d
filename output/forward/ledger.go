package forward

import (
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// ledger knows how much waits to be sent.
type ledger struct {
	seen     uint64 // numbers before it are in the sums
	waiting  uint64
	duration time.Duration
	bytes    int64
	run      string // of the newest that was seen
	// gap may have had segments that waited when the process before ended: they
	// cannot be read yet, and numbers of another run follow, so that nobody knows
	// how many there were.
	gap     span
	unknown bool
}

// counts are the counters of Status.
type counts struct {
	segments, files, bytes, retries, verified, skipped, deleted, undeleted uint64
	recent                                                                 []delivered
}

// delivered is a point of the sum of bytes.
type delivered struct {
	at    time.Time
	bytes uint64
}

// accountStep bounds what one call of account looks up.
const accountStep = 500

// account takes in the segments that have come. l.mu is held.
func (l *life) account() {
	for range accountStep {
		s, ok := from(l.src, l.ledger.seen)
		if !ok {
			return
		}
		l.pass(s)
		l.offered(s)
		if !l.cur.done.contains(s.Sequence) {
			l.ledger.waiting++
			l.ledger.duration += s.Duration
			l.ledger.bytes += s.Bytes()
		}
	}
}

// pass moves on to a segment. A run begins with any number, so before another
// run's there need not have been any. l.mu is held.
func (l *life) pass(s *segment.Segment) {
	g, run := &l.ledger, runOf(s)
	if gap := (span{g.seen, s.Sequence - 1}); s.Sequence > g.seen && run != g.run {
		if l.owed {
			g.gap, g.unknown = gap, true
		} else {
			l.cur.ack(gap)
			l.advance()
		}
	}
	l.owed = false
	g.seen, g.run = s.Sequence+1, run
}

// deliver takes a segment out that waited.
func (g *ledger) deliver(s *segment.Segment) {
	if s.Sequence >= g.seen || g.waiting == 0 {
		return
	}
	g.waiting--
	g.duration, g.bytes = max(g.duration-s.Duration, 0), max(g.bytes-s.Bytes(), 0)
	g.clear()
}

// forget takes out what waited and cannot be looked up any more: at the mean
// duration and size.
func (g *ledger) forget(s span) (lost time.Duration) {
	if g.waiting == 0 || s.first >= g.seen {
		return 0
	}
	n := min(s.count(), g.waiting)
	lost = g.duration / time.Duration(g.waiting) * time.Duration(n)
	g.bytes -= g.bytes / int64(g.waiting) * int64(n)
	g.duration -= lost
	g.waiting -= n
	g.clear()
	return lost
}

// clear ends the errors of rounding.
func (g *ledger) clear() {
	if g.waiting == 0 {
		g.duration, g.bytes = 0, 0
	}
}

// acked notes that a segment is on the origin.
func (l *life) acked(seg *segment.Segment, w *segment.Window, live bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cur.done.contains(seg.Sequence) {
		l.cur.ack(span{seg.Sequence, seg.Sequence})
		l.ledger.deliver(seg)
		l.counts.segments++
	}
	var given []span
	if l.cur.done, given = l.cur.done.shrink(); len(given) > 0 {
		for _, s := range given {
			l.skip(s)
		}
	}
	for _, m := range medias(seg) {
		if b := l.books[m.Name]; b != nil && b.busy == nil {
			delete(l.books, m.Name)
		}
	}
	l.unreadable = 0
	if live {
		l.offer.settled += uint64(seg.Bytes())
		l.offer.current, l.offer.sending = nil, nil
		l.cur.next = seg.Sequence + 1
		l.cur.run = runOf(seg)
		l.list(seg, w)
	}
	if l.set.Mode == LiveFirst && l.set.DVR > 0 {
		l.dvr.hold(seg)
		l.advance()
	} else if !live {
		l.drop(seg) // no playlist names it
	}
	l.nudge()
}

func (l *life) count(f func(*counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.counts)
}

// rateSamples at one a second: the bitrate is over the last 4 seconds.
const rateSamples = 5

// bitrate notes the bytes delivered by now and returns the recent bits per second.
func (c *counts) bitrate(now time.Time) int {
	if n := len(c.recent); n == 0 || now.Sub(c.recent[n-1].at) >= time.Second {
		c.recent = append(c.recent, delivered{now, c.bytes})
		c.recent = c.recent[max(0, len(c.recent)-rateSamples):]
	}
	first := c.recent[0]
	if d := now.Sub(first.at); d > 0 {
		return int(float64(c.bytes-first.bytes) * 8 / d.Seconds())
	}
	return 0
}
