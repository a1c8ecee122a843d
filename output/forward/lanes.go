package forward

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
)

// liveStep sends the next segment of live, or the playlists. Without work it
// returns what to wait for.
func (l *life) liveStep(ctx context.Context, ln *lane) (<-chan struct{}, error) {
	if free := l.gov.paused(); free != nil {
		return free, nil
	}
	w := l.src.Window()
	seg := l.nextLive(w)
	if seg == nil {
		if l.mustPublish(w, true) {
			return nil, l.publish(ctx, ln, w)
		}
		return changed(w), nil
	}
	if err := l.deliver(ctx, ln, seg); err != nil {
		return nil, l.excuse(seg, err)
	}
	l.acked(seg, w, true)
	if l.mustPublish(w, l.nextLive(l.src.Window()) == nil) {
		return nil, l.publish(ctx, ln, w)
	}
	return nil, nil
}

// changed is closed when there is a newer window.
func changed(w *segment.Window) <-chan struct{} {
	if c := w.Next(); c != nil {
		return c
	}
	return make(chan struct{}) // a window that stands alone: the poll finds the next
}

// nextLive is what live has to send next, nil for nothing yet.
func (l *life) nextLive(w *segment.Window) *segment.Segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin(w)
	if !l.cur.started {
		return nil
	}
	l.account()
	l.cur.next = l.cur.done.after(l.cur.next)
	if l.set.Mode == InOrder {
		seg, ok := from(l.src, l.cur.next)
		if !ok || !l.reach(seg) {
			return nil
		}
		l.cur.next = seg.Sequence
		return seg
	}
	if len(w.Segments) > 0 && l.stale.Swap(false) {
		l.cur.next = max(l.cur.next, edge(w).Sequence)
		l.nudge()
	}
	for i, s := range w.Segments {
		if s.Sequence < l.cur.next {
			continue
		}
		if i == 0 && s.Sequence > l.cur.next {
			s = edge(w) // what comes next has left the playlist: live goes on with the newest
			l.nudge()
		}
		l.cur.next = s.Sequence
		return s
	}
	return nil
}

// begin starts a cursor at live when there is none, or none that fits.
func (l *life) begin(w *segment.Window) {
	n := len(w.Segments)
	if n == 0 || l.cur.started && w.Segments[n-1].Sequence+1 >= l.cur.next {
		return
	}
	if l.cur.started { // numbers have fallen: the box lost its clock and its live window
		l.d.log.Warn("the stream's numbers have fallen, going on with live", "expected", l.cur.next, "newest", w.Segments[n-1].Sequence)
	}
	first := edge(w)
	*l.cur = cursor{target: l.cur.target, started: true, begin: first.Sequence, next: first.Sequence}
	l.ledger = ledger{seen: first.Sequence, run: runOf(first)}
	l.live, l.dvr = listing{}, archive{next: first.Sequence, held: map[uint64]*segment.Segment{}}
}

// reach says whether live may go on with a segment in order, giving up what
// lies before it if that has to be. l.mu is held.
func (l *life) reach(seg *segment.Segment) bool {
	if seg.Sequence == l.cur.next {
		return true
	}
	hole := span{l.cur.next, seg.Sequence - 1}
	if !l.lost(hole) {
		return false
	}
	l.skip(hole)
	return true
}

// lost says whether numbers that cannot be read shall be given up: not at once,
// since storage can come back. l.mu is held.
func (l *life) lost(hole span) bool {
	if l.unread.first != hole.first || l.unread.since.IsZero() {
		l.unread = unreadable{hole.first, time.Now()}
	}
	return time.Since(l.unread.since) >= l.patience
}

// backlogStep does what has time: the oldest segment that live left out, a
// playlist of the past, a deletion.
func (l *life) backlogStep(ctx context.Context, ln *lane) (<-chan struct{}, error) {
	if free := l.gov.paused(); free != nil {
		return free, nil
	}
	if l.liveFails() {
		return l.wake, nil // the link is down, and live finds out when it is back
	}
	if name, ok := l.nextTrash(); ok {
		return nil, l.discard(ctx, name)
	}
	if l.dvr.due(l) {
		return nil, l.publishDVR(ctx, ln)
	}
	seg, again := l.nextBacklog()
	if seg == nil {
		if again {
			return nil, nil
		}
		return l.wake, nil
	}
	if err := l.gov.wait(ctx, 0); err != nil {
		return nil, err
	}
	if err := l.deliver(ctx, ln, seg); err != nil {
		return nil, l.excuse(seg, err)
	}
	l.acked(seg, l.src.Window(), false)
	return nil, nil
}

func (l *life) liveFails() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.liveErr != nil || !l.cur.started
}

// nextBacklog is the oldest segment that live has left out. again: none, but
// something was given up.
func (l *life) nextBacklog() (_ *segment.Segment, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cur.next == 0 || l.set.Mode == InOrder {
		return nil, false
	}
	hole, ok := l.cur.pending(l.cur.next - 1)
	if !ok {
		return nil, false
	}
	if l.set.Mode == Off {
		l.skip(hole)
		return nil, true
	}
	seg, ok := from(l.src, hole.first)
	switch {
	case ok && seg.Sequence == hole.first:
		return seg, false
	case ok && seg.Sequence <= hole.last:
		if before := (span{hole.first, seg.Sequence - 1}); l.lost(before) {
			l.skip(before)
		}
		return seg, false // out of its order, for as long as storage may come back
	case l.lost(hole):
		l.skip(hole)
		return nil, true
	}
	return nil, false
}

// skip gives numbers up. l.mu is held.
func (l *life) skip(s span) {
	l.cur.ack(s)
	if l.cur.next >= s.first && l.cur.next <= s.last {
		l.cur.next = s.last + 1
	}
	l.advance()
	if l.ledger.unknown && s.first >= l.ledger.gap.first && s.last <= l.ledger.gap.last {
		l.note(output.Incident{
			Kind: output.Gap, Symptom: output.SymptomLostSegment, Blame: output.BlameDisk,
			Detail: "what waited when the box was restarted is gone",
		})
		return
	}
	lost := l.ledger.forget(s)
	l.counts.skipped += s.count()
	blame, why := output.BlameDisk, "gone from storage before they could be sent"
	if !l.stores() || l.set.Mode == Off {
		blame, why = output.BlameLink, "gone from the live window before they could be sent, and none is stored"
	}
	l.note(output.Incident{
		Kind: output.Gap, Symptom: output.SymptomLostSegment, Blame: blame, Detail: why,
		Segments: s.count(), Duration: lost,
	})
}

// excuse turns the error of a segment that cannot be read into a gap, when no
// attempt will mend that.
func (l *life) excuse(seg *segment.Segment, err error) error {
	if !errors.Is(err, errContent) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err // storage that does not answer may have it all the same
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unreadable++
	if l.unreadable < unreadableTries && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.unreadable = 0
	l.skip(span{seg.Sequence, seg.Sequence})
	return nil
}

// unreadableTries is how often a segment that cannot be read is tried.
const unreadableTries = 3
