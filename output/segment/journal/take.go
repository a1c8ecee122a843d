package journal

import (
	"cmp"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// take does with a step what is wanted.
func (s *spill) take(step segment.Step) error {
	if s.now != nil && s.now.seg.Sequence != step.Segment.Sequence {
		s.now.broken = true // it expired before its end was read
		if err := s.close(); err != nil {
			return err
		}
	}
	if step.Lost > 0 && s.cause == "" {
		s.cause = CauseDisk // nobody else keeps the spill from reading in time
	}
	if s.now == nil {
		if err := s.begin(step.Segment); err != nil {
			return err
		}
	}
	c := s.now
	c.seg = step.Segment
	if !c.store {
		if step.Closed {
			s.settle()
		}
		return nil
	}
	if s.w == nil {
		c.held = append(c.held, step)
		if !step.Closed && !s.tracksKnown(step.Segment) {
			return nil
		}
		if err := s.roll(step.Segment); err != nil {
			return err
		}
		for _, h := range c.held {
			s.chunk(h)
		}
		c.held = nil
	} else {
		s.chunk(step)
	}
	if step.Closed {
		return s.close()
	}
	return s.flushIfDue()
}

// begin decides about the next segment.
func (s *spill) begin(seg *segment.Segment) error {
	j := s.j
	c := &current{seg: seg, n: &entry{}}
	c.store, c.keep = j.decide(seg.Sequence)
	if c.store && j.stored(seg) {
		c.store = false
		s.now = c
		return nil
	}
	s.now = c
	if !c.store {
		s.off()
		return nil
	}
	j.mu.Lock()
	j.at = max(j.at, seg.Sequence)
	j.mu.Unlock()
	if s.w != nil && !s.w.goesOn(seg, c.keep, j.cfg.Load()) {
		if err := s.finish(); err != nil {
			return err
		}
	}
	if s.w == nil {
		return s.resume()
	}
	return nil
}

// tracksKnown says whether the header of a reel that begins with a segment is
// known before all of it is there.
func (s *spill) tracksKnown(seg *segment.Segment) bool {
	w := s.src.Window()
	for _, k := range kinds() {
		if seg.Media(k) == nil && w.Init(k) != nil {
			return false
		}
	}
	// Without the other kind, it may come yet; after the run's first segment it would have.
	return seg.Video != nil && seg.Audio != nil || len(w.Segments) > 0 && w.Segments[len(w.Segments)-1].Run == seg.Run
}

// settle is done with the segment at hand.
func (s *spill) settle() {
	s.done = max(s.done, s.now.seg.Sequence)
	if s.w == nil || !s.w.pending() {
		s.durable = s.done
	} else if s.now.store {
		s.unflushed = append(s.unflushed, s.now.seg.Sequence)
	}
	s.j.settled(s.now.seg.Sequence, s.done)
	s.now = nil
}

// roll begins a reel with a segment.
func (s *spill) roll(seg *segment.Segment) error {
	w, err := s.j.newWriter(seg, s.src.Window(), s.now.keep)
	if err != nil {
		return fmt.Errorf("journal: begin a reel: %w", err)
	}
	begin := wallOf(seg)
	if s.cause != "" && !s.lastEnd.IsZero() && begin.After(s.lastEnd) && (s.cause == CauseDisk || s.lastRun == seg.Run) {
		w.r.Gaps = append(w.r.Gaps, Gap{From: s.lastEnd, To: begin, Cause: s.cause})
	}
	w.cause, s.cause = s.cause, ""
	s.w = w
	return nil
}

// chunk copies one into the batch. A chunk that is gone breaks its segment, not
// the spill.
func (s *spill) chunk(step segment.Step) {
	c := s.now
	if step.Media == nil || c.broken || c.n.has(step) {
		return
	}
	if err := s.w.append(c.n, step); err != nil {
		c.broken = true
		return
	}
	if due := time.Now().Add(linger); s.due.IsZero() || s.due.After(due) {
		s.due = due
	}
}

// close ends the segment at hand.
func (s *spill) close() error {
	c := s.now
	if !c.store {
		s.settle()
		return nil
	}
	if s.w == nil { // it was gone before its tracks were known
		s.lose()
		return nil
	}
	c.ended = true
	whole := s.w.close(c.seg, c.n, c.broken)
	if n := c.n.seg; n != nil { // what the reel has of it
		if begin := wallOf(n); !begin.IsZero() {
			s.lastEnd, s.lastRun = begin.Add(n.Duration), n.Run
		}
	}
	if !whole {
		err := s.finish() // before the loss is told: what is there is durable
		s.lose()
		return err
	}
	s.settle()
	if s.w.full(s.j.cfg.Load()) || s.replanNow() {
		s.replan = true
		return s.finish()
	}
	return s.flushIfDue()
}

// replanNow says whether the reel is no longer wanted: what was kept ends at
// this segment's end.
func (s *spill) replanNow() bool {
	store, keep := s.j.decide(s.done + 1)
	return !store || keep != s.w.keep
}

// lose counts the segment at hand as lost.
func (s *spill) lose() {
	s.cause = CauseDisk
	s.j.lose(s.now.seg.Sequence)
	s.settle()
}

// flushIfDue writes when there is what belongs together, or too much.
func (s *spill) flushIfDue() error {
	w := s.w
	if w == nil || !w.pending() {
		return nil
	}
	if w.payload == 0 { // the end of a segment goes with the next chunk
		if s.due.IsZero() {
			s.due = time.Now().Add(lingerEnd)
		}
		return nil
	}
	behind := s.behind()
	if len(w.batch) >= maxBatch || !behind && (w.paired() || s.now == nil) {
		return s.flush()
	}
	return nil
}

// behind says that there is more to come right now.
func (s *spill) behind() bool {
	w := s.src.Window()
	if len(w.Segments) == 0 {
		return false
	}
	newest := w.Segments[len(w.Segments)-1].Sequence
	if s.now != nil {
		return newest >= s.now.seg.Sequence // its end, at least
	}
	return newest > s.done
}

func (s *spill) flush() error {
	if s.w == nil {
		s.due = time.Time{}
		return nil
	}
	defer s.j.fs.begin()()
	if err := s.j.room(int64(len(s.w.batch)+len(s.w.head)), s.w); err != nil {
		_ = s.w.finish() // what is durable becomes a reel like any other
		return err
	}
	if err := s.w.flush(); err != nil {
		return err
	}
	s.due = time.Time{}
	s.durable, s.durableEnd, s.unflushed = s.done, s.lastEnd, s.unflushed[:0]
	s.j.works()
	return nil
}

// finish closes the reel, with what it has of the segment at hand.
func (s *spill) finish() error {
	if s.w == nil {
		return nil
	}
	if c := s.now; c != nil && !c.ended && c.n.seg != nil {
		c.ended = true
		s.w.close(c.seg, c.n, true)
	}
	if err := s.flush(); err != nil {
		return err
	}
	defer s.j.fs.begin()()
	if s.w.f == nil { // nothing of it was to be had: what it was to tell is for the next
		s.w.abandon()
		s.cause = cmp.Or(s.cause, s.w.cause)
		s.w = nil
		return nil
	}
	err := s.w.finish()
	s.w = nil
	return err
}
