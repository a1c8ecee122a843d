package v4l2capture

import (
	"context"
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

// log writes a message unless it was told often. which tells apart messages of
// the same words.
func (r *repeats) log(log *slog.Logger, level slog.Level, message, which string, args ...any) {
	n, tell := r.count(message + "\n" + which)
	switch {
	case !tell:
		level = slog.LevelDebug
	case n > 1:
		args = append(args, "times", n)
	}
	log.Log(context.Background(), level, message, args...)
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
