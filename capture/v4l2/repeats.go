package v4l2capture

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// repeatsAtOnce are how often the log tells of the same within repeatEvery.
	repeatsAtOnce = 3
	repeatEvery   = time.Hour
	// repeatsKept bounds what is remembered as told.
	repeatsKept = 32
)

// repeats keeps what happens again and again, on a device that fails and is
// opened again, from filling the log: of the same message a few are told, and
// the next one when an hour is over, with how many it stands for. Those between
// are for debugging.
type repeats struct {
	mu   sync.Mutex // guards the fields below
	told map[string]*repeat
}

type repeat struct {
	begin  time.Time // of the hour
	told   int       // in it
	untold int
}

// tell is the level to tell of something at, and for how many it stands; a zero
// attribute for one.
func (r *repeats) tell(level slog.Level, what string) (slog.Level, slog.Attr) {
	switch n, tell := r.count(what); {
	case !tell:
		return slog.LevelDebug, slog.Attr{}
	case n > 1:
		return level, slog.Int("times", n)
	}
	return level, slog.Attr{}
}

// count says whether to tell, and of how many.
func (r *repeats) count(what string) (n int, tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.told[what]
	if e == nil {
		if r.told == nil || len(r.told) == repeatsKept {
			r.told = make(map[string]*repeat)
		}
		e = &repeat{begin: time.Now()}
		r.told[what] = e
	}
	if time.Since(e.begin) >= repeatEvery {
		e.begin, e.told = time.Now(), 0
	}
	e.untold++
	if e.told == repeatsAtOnce {
		return 0, false
	}
	e.told++
	n, e.untold = e.untold, 0
	return n, true
}
