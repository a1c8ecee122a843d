package journal

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// watch sees from beside what the spill does not: that it does not get on.
type watch struct {
	j    *Journal
	src  Source
	slow bool
	lost uint64 // that incidents have told of
}

func (w *watch) tick() {
	j := w.j
	win := w.src.Window()
	there := map[uint64]bool{}
	for s := range win.All {
		there[s.Sequence] = true
	}
	behind := j.await(there)
	w.incident()
	w.report(j.fs.pending(time.Now()), behind, len(win.Segments))
	j.publish()
}

// incident tells a reporter that takes incidents what was lost since the last.
func (w *watch) incident() {
	j := w.j
	j.mu.Lock()
	lost, err := j.stats.Lost, j.err
	if j.fault == "" {
		err = nil
	}
	j.mu.Unlock()
	if r, ok := j.reporter.(output.Incidents); ok && lost > w.lost {
		i := output.Incident{Kind: output.Gap, Symptom: output.SymptomStorage, Blame: output.BlameDisk, Subject: "journal", Segments: lost - w.lost, Err: err}
		if err == nil {
			i.Detail = "storage in " + j.cfg.Load().Dir + " was too slow"
		}
		r.Report(i)
	}
	w.lost = lost
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

// await takes what the window has and is to be stored, and counts as lost what
// it no longer has and was not. What the spill is at is its own business.
func (j *Journal) await(there map[uint64]bool) (behind int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for q := range there {
		if q > j.done {
			j.awaited[q] = true
		}
	}
	for q := range j.awaited {
		switch {
		case !j.wantsAt(q) && j.keeperOf(q) == nil:
			delete(j.awaited, q)
		case !there[q] && (j.writing == nil || j.at != q):
			delete(j.awaited, q)
			j.loseLocked(q)
		}
	}
	j.stats.Behind = len(j.awaited)
	return j.stats.Behind
}

// settled is told of a segment that is dealt with.
func (j *Journal) settled(sequence, done uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done = done
	delete(j.awaited, sequence)
}

// lose counts a segment as lost, once.
func (j *Journal) lose(sequence uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.loseLocked(sequence)
}

func (j *Journal) loseLocked(sequence uint64) {
	const remembered = 4096
	if j.lost[sequence] {
		return
	}
	if j.lost == nil || len(j.lost) > remembered {
		j.lost = map[uint64]bool{}
	}
	j.lost[sequence] = true
	j.stats.Lost++
}
