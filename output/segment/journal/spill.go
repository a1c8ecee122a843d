package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// Times of the spill.
const (
	// linger is how long a chunk waits for its companion of the other track.
	linger = 300 * time.Millisecond
	// chores is how often bounds and the mount are looked after.
	chores = 5 * time.Second
	// firstRetry doubles up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 15 * time.Second
	// stopTime is how long Run waits for storage that does not answer.
	stopTime = 10 * time.Second
	// unanswered is when storage that does not answer is a condition.
	unanswered = 5 * time.Second
	// maxBatch bounds the memory of a write; only one that has fallen behind
	// gets so far.
	maxBatch = 4 << 20
)

// cursor is segment.Cursor.
type cursor interface {
	Next(ctx context.Context) (segment.Step, error)
}

func newCursor(src Source, after uint64) cursor { return segment.NewCursor(src, after) }

// ErrHangs says that storage did not answer until Run had to return.
var ErrHangs = errors.New("journal: storage does not answer; what was being written is abandoned")

// Run stores what is wanted until ctx ends. Storage that fails does not end
// it. It closes the reel being written, except that it does not wait longer
// than some seconds for storage that hangs: then the error is ErrHangs.
func (j *Journal) Run(ctx context.Context, src Source) error {
	j.mu.Lock()
	j.src = src
	j.mu.Unlock()
	j.fs.epoch = time.Now()
	done := make(chan struct{})
	s := &spill{j: j, src: src}
	go func() {
		defer close(done)
		s.run(ctx)
	}()
	w := watch{j: j, src: src}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer j.reporter.Clear(ConditionSlow)
	defer j.raise("", "")
	for {
		select {
		case <-tick.C:
			w.tick()
		case <-done:
			j.publish()
			return nil
		case <-ctx.Done():
			return j.stop(done)
		}
	}
}

func (j *Journal) stop(done <-chan struct{}) error {
	select {
	case <-done:
		j.publish()
		return nil
	case <-time.After(stopTime):
		return ErrHangs
	}
}

// spill is the goroutine that writes.
type spill struct {
	j   *Journal
	src Source
	cur cursor

	done      uint64   // the newest segment that is dealt with
	durable   uint64   // the same, on storage
	unflushed []uint64 // those that are to be stored, between the two
	w         *writer
	now       *current
	due       time.Time // of what waits to be written; zero: nothing does
	chores    time.Time // next
	replan    bool

	// Where what is stored ended, and why it does not go on from there.
	lastEnd, durableEnd time.Time
	lastRun             string
	cause               string
}

// current is the segment at hand.
type current struct {
	seg    *segment.Segment // as last seen
	store  bool
	keep   *keeper
	n      *entry         // what is in the reel of it
	held   []segment.Step // until its tracks are known
	broken bool           // something of it is lost
	ended  bool           // its end is in the reel
}

// run stores until ctx ends, and takes up again whatever fails.
func (s *spill) run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		begin := time.Now()
		err := s.session(ctx)
		if err == nil || ctx.Err() != nil && s.w == nil {
			break
		}
		s.fail(err)
		if time.Since(begin) > lastRetry {
			retry = firstRetry
		}
		s.pause(ctx, retry)
		retry = min(2*retry, lastRetry)
	}
}

// fail lets go of what is being written: reading storage again finds how far it
// got.
func (s *spill) fail(err error) {
	j := s.j
	code, message := j.conditionOf(err)
	j.raise(code, message)
	if s.w != nil {
		s.w.abandon()
		s.w = nil
	}
	s.now, s.cur, s.due = nil, nil, time.Time{}
	s.lastEnd, s.cause = s.durableEnd, CauseDisk
	j.mu.Lock()
	j.unsettled = append(j.unsettled, s.unflushed...)
	s.unflushed = nil
	s.done, j.done = s.durable, s.durable
	j.stats.Faults++
	if r := j.writing; r != nil {
		r.writing = false
		j.writing = nil
	}
	j.markReady()
	j.mu.Unlock()
}

func (s *spill) pause(ctx context.Context, d time.Duration) {
	s.j.fs.since.Store(0)
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// session reads storage and stores until it fails, or ctx ends.
func (s *spill) session(ctx context.Context) error {
	end := s.j.fs.begin()
	err := s.j.load()
	end()
	if err != nil {
		return err
	}
	if s.j.faulty() == ConditionMissing {
		s.j.raise("", "")
	}
	s.replan = true
	for ctx.Err() == nil {
		if err := s.turn(ctx); err != nil {
			return err
		}
	}
	return s.finish()
}

// turn does the next thing there is to do.
func (s *spill) turn(ctx context.Context) error {
	if err := s.look(); err != nil {
		return err
	}
	if s.w != nil && s.due.IsZero() && s.j.marked() {
		s.due = time.Now()
	}
	step, err := s.next(ctx)
	switch {
	case err == nil:
		return s.take(step)
	case errors.Is(err, io.EOF): // the stream has ended
		if err := s.finish(); err != nil {
			return err
		}
		return s.wait(ctx)
	}
	if !s.due.IsZero() && !time.Now().Before(s.due) {
		return s.flush()
	}
	return nil
}

// look follows changed wants, and does the chores.
func (s *spill) look() error {
	select {
	case <-s.j.kicked:
		s.replan = true
	default:
	}
	if s.replan && s.now == nil {
		s.replan = false
		if err := s.plan(); err != nil {
			return err
		}
	}
	if now := time.Now(); !now.Before(s.chores) {
		s.chores = now.Add(chores)
		defer s.j.fs.begin()()
		return s.j.chores(s.w)
	}
	return nil
}

// plan ends a reel that nobody wants to go on, and begins where somebody wants
// to begin.
func (s *spill) plan() error {
	start, any := s.j.start()
	if s.w != nil {
		if _, keep := s.j.decide(s.done + 1); !any || keep != s.w.keep {
			if err := s.finish(); err != nil {
				return err
			}
		}
	}
	if !any {
		s.cur = nil
		s.off()
		if s.j.faulty() != "" {
			s.j.raise("", "") // nothing is missed
		}
		return nil
	}
	for w := range s.src.Window().All {
		// What was passed over while nobody wanted it.
		if w.Sequence >= start && w.Sequence <= s.done && !s.j.stored(w.Sequence) {
			if _, keep := s.j.decide(w.Sequence); keep != nil || s.j.wanted(w.Sequence) {
				if err := s.finish(); err != nil {
					return err
				}
				s.done, s.cur = max(w.Sequence, 1)-1, nil
				break
			}
		}
	}
	if s.cur == nil {
		s.done = max(s.done, max(start, 1)-1)
		s.cur = s.j.cursor(s.src, s.done)
	}
	return nil
}

// off notes that what comes now is not wanted.
func (s *spill) off() {
	if s.cause == "" {
		s.cause = CauseOff
	}
}

// next waits for the next chunk, but not past what is due, nor past a change of
// wants.
func (s *spill) next(ctx context.Context) (segment.Step, error) {
	until := s.chores
	if !s.due.IsZero() && s.due.Before(until) {
		until = s.due
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	s.j.setInterrupt(cancel)
	defer s.j.setInterrupt(nil)
	if len(s.j.kicked) > 0 && s.now == nil {
		return segment.Step{}, context.Canceled
	}
	if s.cur == nil {
		<-ctx.Done()
		return segment.Step{}, ctx.Err()
	}
	return s.cur.Next(ctx)
}

// wait does so for anything but a chunk.
func (s *spill) wait(ctx context.Context) error {
	cur := s.cur
	s.cur = nil
	_, _ = s.next(ctx)
	s.cur = cur
	return nil
}

func (j *Journal) setInterrupt(cancel context.CancelFunc) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.interrupt = cancel
}

// take does with a step what is wanted.
func (s *spill) take(step segment.Step) error {
	if s.now != nil && s.now.seg.Sequence != step.Segment.Sequence {
		s.now.broken = true // it expired before its end was read
		if err := s.close(); err != nil {
			return err
		}
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
	if c.store && j.stored(seg.Sequence) {
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
		return s.finish()
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
	// Without the other kind, it may come yet; after the first segment it would have.
	return seg.Video != nil && seg.Audio != nil || len(w.Segments) > 0
}

// settle is done with the segment at hand.
func (s *spill) settle() {
	s.done = max(s.done, s.now.seg.Sequence)
	if s.w == nil || !s.w.pending() {
		s.durable = s.done
	} else if s.now.store {
		s.unflushed = append(s.unflushed, s.now.seg.Sequence)
	}
	s.now = nil
	s.j.settled(s.done)
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
	s.cause = ""
	s.w = w
	return nil
}

// chunk copies one into the batch. A chunk that is gone breaks its segment, not
// the spill.
func (s *spill) chunk(step segment.Step) {
	c := s.now
	if step.Media == nil || c.broken {
		return
	}
	if err := s.w.append(c.n, step); err != nil {
		c.broken = true
		return
	}
	if s.due.IsZero() {
		s.due = time.Now().Add(linger)
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
	if end := wallOf(c.seg); !end.IsZero() {
		s.lastEnd, s.lastRun = end.Add(c.seg.Duration), c.seg.Run
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
	behind := s.behind()
	if len(w.batch) >= maxBatch || !behind && (w.paired() || s.now == nil) {
		return s.flush()
	}
	return nil
}

// behind says that there is more to come right now.
func (s *spill) behind() bool {
	w := s.src.Window()
	at := s.done
	if s.now != nil {
		at = s.now.seg.Sequence
	}
	return len(w.Segments) > 0 && w.Segments[len(w.Segments)-1].Sequence > at
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
	err := s.w.finish()
	s.w = nil
	return err
}
