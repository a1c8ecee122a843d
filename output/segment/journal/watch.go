package journal

import (
	"fmt"
	"slices"
	"time"
)

// watch sees from beside what the spill does not: that it does not get on.
type watch struct {
	j    *Journal
	src  Source
	seen []uint64 // complete, wanted and not stored, when last looked
	slow bool
}

func (w *watch) tick() {
	j := w.j
	done := j.settledTo()
	win := w.src.Window()
	var there []uint64
	for s := range win.All {
		if s.Sequence > done && (j.wanted(s.Sequence) || j.keptBy(s.Sequence) != nil) {
			there = append(there, s.Sequence)
		}
	}
	for _, q := range append(w.seen, j.takeUnsettled()...) {
		if q > done && !slices.Contains(there, q) && !j.inFlight(q) {
			j.lose(q)
		}
	}
	w.seen = there
	j.note(func(s *Stats) { s.Behind = len(there) })
	w.report(j.fs.pending(time.Now()), len(there), len(win.Segments))
	j.publish()
}

// report raises the condition of storage that is too slow.
func (w *watch) report(pending time.Duration, behind, window int) {
	j := w.j
	late := behind >= 3 && 2*behind >= window
	switch {
	case pending >= unanswered:
		w.slow = true
		j.reporter.Raise(ConditionSlow, fmt.Sprintf("storage in %s has not answered for %.0f s: use a faster medium, or check it; the stream goes on, %d segments wait",
			j.cfg.Load().Dir, pending.Seconds(), behind))
	case late && j.faulty() == "":
		w.slow = true
		j.reporter.Raise(ConditionSlow, fmt.Sprintf("storage in %s is too slow for the stream: use a faster medium or a lower bit rate; %d segments wait, what does not fit is lost",
			j.cfg.Load().Dir, behind))
	case w.slow && behind <= 1:
		w.slow = false
		j.reporter.Clear(ConditionSlow)
	}
}

// lose counts a segment as lost, once.
func (j *Journal) lose(sequence uint64) {
	const remembered = 4096
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lost[sequence] {
		return
	}
	if j.lost == nil || len(j.lost) > remembered {
		j.lost = map[uint64]bool{}
	}
	j.lost[sequence] = true
	j.stats.Lost++
}
