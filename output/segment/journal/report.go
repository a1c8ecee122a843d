package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Condition codes a Journal reports.
const (
	// ConditionMissing: the storage is not there.
	ConditionMissing = "storage.missing"
	// ConditionFull: there is no room, and nothing that may be deleted for it; or
	// what somebody still wanted had to go.
	ConditionFull = "storage.full"
	// ConditionReadOnly: the storage can be read but not written.
	ConditionReadOnly = "storage.read_only"
	// ConditionSlow: it takes what comes later than it comes, or nothing at all.
	ConditionSlow = "storage.slow"
	// ConditionFailed: it reports errors.
	ConditionFailed = "storage.failed"
)

// Reporter takes what a Journal has to tell. Its methods must return quickly.
// One that is output.Incidents too is told of every loss.
type Reporter interface {
	// Raise says that a condition holds. Called again, it replaces the message.
	Raise(code, message string)
	// Clear says that it does not hold any more; also of one that did not hold.
	Clear(code string)
	// Stats is called about once a second while something changes.
	Stats(Stats)
}

// Stats are the state of a Journal and the counters of its life.
type Stats struct {
	Reels, Kept      int
	Bytes, KeptBytes int64
	Free             uint64 // bytes on the file system, when it was last asked
	Writing          string // reel being written

	Segments uint64        // stored
	Payload  uint64        // bytes of their chunks
	Written  uint64        // bytes written for them, all in all
	Stored   time.Duration // stream time of them: Written/Stored is what flash takes
	Syncs    uint64
	Lost     uint64 // segments that were wanted and could not be stored, whole or in part
	Behind   int    // complete segments of the live window that wait to be stored

	Repaired   uint64 // reels cut at their last good chunk, and closed
	Unrepaired uint64 // that could not be
	Expired    uint64 // reels deleted for the bounds
	Faults     uint64 // times that storage failed
}

// errFull says that there is no room within the bounds.
var errFull = errors.New("no room within the bounds")

// conditionOf puts an error into words that say what to do.
func (j *Journal) conditionOf(err error) (code, message string) {
	dir := j.cfg.Load().Dir
	const runs = "; the stream goes on, and storing by itself when it can"
	switch {
	case errors.Is(err, errFull) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return ConditionFull, fmt.Sprintf("no room in %s (%v): delete recordings, raise its limit, allow loop mode, or use a larger medium%s", dir, err, runs)
	case errors.Is(err, errMissing), errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO),
		errors.Is(err, unix.ESTALE), errors.Is(err, unix.ENOTCONN), errors.Is(err, errChanged):
		return ConditionMissing, fmt.Sprintf("the storage for %s is missing (%v): insert or mount it%s", dir, err, runs)
	case errors.Is(err, unix.EROFS):
		return ConditionReadOnly, fmt.Sprintf("%s is read-only: remount it for writing; if it became so by itself, check or replace the medium%s", dir, runs)
	case errors.Is(err, fs.ErrPermission):
		return ConditionFailed, fmt.Sprintf("%s may not be written: %v; give the daemon the right to%s", dir, err, runs)
	}
	return ConditionFailed, fmt.Sprintf("storage in %s fails: %v; check the medium, replace it if this stays%s", dir, err, runs)
}

// raise reports one condition of storage and ends the others; none for "".
func (j *Journal) raise(code, message string) {
	j.mu.Lock()
	j.fault = code
	j.mu.Unlock()
	for _, c := range []string{ConditionMissing, ConditionFull, ConditionReadOnly, ConditionFailed} {
		if c != code {
			j.reporter.Clear(c)
		}
	}
	if code != "" {
		j.reporter.Raise(code, message)
	}
}

// faulty is the condition that holds.
func (j *Journal) faulty() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fault
}

// works ends what was wrong with storage: it took something.
func (j *Journal) works() {
	j.mu.Lock()
	well := j.fault == "" || time.Since(j.pressed) < time.Minute && !j.pressed.IsZero()
	j.mu.Unlock()
	if !well {
		j.raise("", "")
	}
}

// publish reports the state of the reels.
func (j *Journal) publish() {
	j.mu.Lock()
	s := &j.stats
	s.Reels, s.Kept, s.Bytes, s.KeptBytes, s.Writing = len(j.reels), 0, 0, 0, ""
	for _, r := range j.reels {
		s.Bytes += r.bytes
		if r.Kept {
			s.Kept++
			s.KeptBytes += r.bytes
		}
		if r.writing {
			s.Writing = r.name
		}
	}
	out := *s
	j.mu.Unlock()
	j.reporter.Stats(out)
}

// timed is a filesystem that knows since when it is being waited for.
type timed struct {
	filesystem
	since atomic.Int64 // nanoseconds of epoch; 0: it is not
	epoch time.Time
}

// pending is for how long the storage has not answered the spill.
func (t *timed) pending(now time.Time) time.Duration {
	if since := t.since.Load(); since != 0 {
		return now.Sub(t.epoch) - time.Duration(since)
	}
	return 0
}

// begin starts the time; what it returns ends it.
func (t *timed) begin() func() {
	if t.epoch.IsZero() {
		return func() {}
	}
	t.since.Store(max(1, int64(time.Since(t.epoch))))
	return func() { t.since.Store(0) }
}
