package journal

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// Times of the spill.
const (
	// linger is how long a chunk waits for its companion of the other track.
	linger = 300 * time.Millisecond
	// lingerEnd is how long a segment's end waits for the next chunk.
	lingerEnd = 3 * time.Second
	// chores is how often bounds and the mount are looked after.
	chores = 5 * time.Second
	// firstRetry doubles up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 5 * time.Second
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
		j.given.Store(true)
		return ErrHangs
	}
}

// abandoned fails once Run has given storage up: another Journal may be at work
// there when it answers at last.
func (j *Journal) abandoned() error {
	if j.given.Load() {
		return ErrHangs
	}
	return nil
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
	for _, q := range s.unflushed {
		j.awaited[q] = true
	}
	s.unflushed = nil
	s.done, j.done = s.durable, s.durable
	j.stats.Faults++
	j.err = err
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
	return errors.Join(s.drain(ctx), s.finish())
}

// drain stores what is there when ctx has ended.
func (s *spill) drain(ctx context.Context) error {
	const most = 64 // steps
	for i := 0; i < most && s.cur != nil; i++ {
		step, done := s.cur.Next(ctx)
		if done != nil {
			return nil //nolint:nilerr // that was all
		}
		if err := s.take(step); err != nil {
			return err
		}
	}
	return nil
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
	start, some := s.j.start()
	if s.w != nil {
		if _, keep := s.j.decide(s.done + 1); !some || keep != s.w.keep {
			if err := s.finish(); err != nil {
				return err
			}
		}
	}
	if !some {
		s.cur = nil
		s.off()
		if s.j.faulty() != "" {
			s.j.raise("", "") // nothing is missed
		}
		return nil
	}
	for w := range s.src.Window().All {
		// What was passed over while nobody wanted it.
		if w.Sequence >= start && w.Sequence <= s.done && !s.j.stored(w) {
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
