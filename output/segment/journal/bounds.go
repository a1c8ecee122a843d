package journal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/encoderbox/encoderbox/output/segment"
)

// errChanged says that another file system is where the reels were.
var errChanged = errors.New("another file system is there now")

func lastRune(s string) (rune, int) { return utf8.DecodeLastRuneInString(s) }

func sortReels(reels []*reel) {
	slices.SortStableFunc(reels, func(a, b *reel) int { return cmp.Compare(a.First, b.First) })
}

// usable says that storage is the one that was read.
func (j *Journal) usable() error {
	device, err := j.fs.device()
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if device != j.device {
		return errChanged
	}
	return nil
}

// chores are done every some seconds: is storage still there, and is anything
// in it too old?
func (j *Journal) chores(w *writer) error {
	if err := j.usable(); err != nil {
		return err
	}
	if w != nil && w.f != nil && len(w.head) == 0 {
		if _, err := j.fs.size(w.r.name); err != nil {
			return fmt.Errorf("journal: %s, which is being written, is gone: %w", w.r.name, err)
		}
	}
	cfg := j.cfg.Load()
	for cfg.MaxAge > 0 {
		r := j.aged(time.Now().Add(-cfg.MaxAge))
		if r == nil {
			break
		}
		if err := j.expire(r); err != nil {
			return err
		}
	}
	return nil
}

// aged is a reel that ends before a time, and that nobody kept or wants.
func (j *Journal) aged(before time.Time) *reel {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.reels {
		if !r.Kept && !r.writing && !r.End.IsZero() && r.End.Before(before) && !j.held(r) {
			return r
		}
	}
	return nil
}

// held says whether somebody wants the reel. It needs mu.
func (j *Journal) held(r *reel) bool {
	for _, w := range j.wants {
		if w.from <= r.Last {
			return true
		}
	}
	return false
}

// room makes room for n bytes, deleting in this order: what nobody kept or
// wants; with Loop, what was kept; what somebody still wants, which is told.
func (j *Journal) room(n int64, w *writer) error {
	if w.f == nil {
		// The folder may not be there yet: that is seen when it is made.
		if err := j.usable(); err != nil {
			return err
		}
		if err := j.fs.prepare(); err != nil {
			return err
		}
	}
	for {
		over, free, err := j.over(n)
		if err != nil || !over {
			return err
		}
		r, wanted := j.victim()
		if r == nil {
			return errFull
		}
		if wanted {
			j.note(func(*Stats) { j.pressed = time.Now() })
			j.raise(ConditionFull, fmt.Sprintf("no room in %s: %s was deleted although a destination still had to get it; use a larger medium or delete recordings",
				j.cfg.Load().Dir, r.name))
		}
		if err := j.expire(r); err != nil {
			return err
		}
		j.relief = relief{j.relief.of(free) + uint64(r.bytes), time.Now().Add(reliefTime)}
	}
}

// relief is the free space that there is to be when what was deleted is gone.
type relief struct {
	free  uint64
	until time.Time
}

// reliefTime is how long space may take to come back: some file systems free it
// later, and all of them only when nobody reads the file any more. Meanwhile
// nothing else is deleted for it.
const reliefTime = 10 * time.Second

// of is the free space to count with.
func (r relief) of(free uint64) uint64 {
	if time.Now().Before(r.until) {
		return max(free, r.free)
	}
	return free
}

// over says whether n bytes more break the bounds, and what is free.
func (j *Journal) over(n int64) (over bool, free uint64, err error) {
	cfg := j.cfg.Load()
	if free, err = j.fs.free(); err != nil {
		return false, 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Free = free
	var total int64
	for _, r := range j.reels {
		total += r.bytes
	}
	return cfg.MaxBytes > 0 && total+n > cfg.MaxBytes || cfg.Reserve > 0 && j.relief.of(free) < uint64(cfg.Reserve+n), free, nil
}

// victim is the reel to delete first, nil for none.
func (j *Journal) victim() (r *reel, wanted bool) {
	loop := j.cfg.Load().Loop
	j.mu.Lock()
	defer j.mu.Unlock()
	oldest := func(kept, held bool) *reel {
		for _, r := range j.reels {
			if !r.writing && r.Kept == kept && j.held(r) == held {
				return r
			}
		}
		return nil
	}
	if r := oldest(false, false); r != nil {
		return r, false
	}
	if loop {
		if r := oldest(true, false); r != nil {
			return r, false
		}
	}
	if r := oldest(false, true); r != nil {
		return r, true
	}
	if loop {
		return oldest(true, true), true
	}
	return nil, false
}

func (j *Journal) expire(r *reel) error {
	if err := j.remove(r.name); err != nil {
		return fmt.Errorf("journal: delete %s: %w", r.name, err)
	}
	j.note(func(s *Stats) { s.Expired++ })
	return nil
}

// start is where the oldest want begins; false when nothing is wanted.
func (j *Journal) start() (from uint64, some bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from = NoHold
	for _, w := range j.wants {
		at := w.from
		if at == NoHold {
			at = 0
		}
		from, some = min(from, at), true
	}
	for _, k := range j.keeps {
		from, some = min(from, k.after+1), true
	}
	return from, some
}

// decide says whether a segment is stored, and in whose recording.
func (j *Journal) decide(sequence uint64) (store bool, keep *keeper) {
	keep = j.keptBy(sequence)
	return keep != nil || j.wanted(sequence), keep
}

// keptBy is the newest recording that a segment is part of.
func (j *Journal) keptBy(sequence uint64) *keeper {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.keeperOf(sequence)
}

// keeperOf needs mu.
func (j *Journal) keeperOf(sequence uint64) *keeper {
	for _, k := range slices.Backward(j.keeps) {
		if k.after < sequence || k.after == 0 {
			return k
		}
	}
	return nil
}

func (j *Journal) wanted(sequence uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wantsAt(sequence)
}

// wantsAt needs mu.
func (j *Journal) wantsAt(sequence uint64) bool {
	for _, w := range j.wants {
		if w.from <= sequence || w.from == NoHold {
			return true
		}
	}
	return false
}

// stored says whether a segment is on storage, whole. One of another run is
// another one: a box without a battery clock may count from 0 again, before the
// medium comes on which its numbers are.
func (j *Journal) stored(s *segment.Segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.reels, func(r *reel) bool { return r.Run == s.Run && r.stored(s.Sequence) })
}

func (j *Journal) marked() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.marks) > 0
}
