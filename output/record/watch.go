package record

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// stalled is how long nothing may reach storage before it is an alarm: a few
// segments and a card that pauses.
const stalled = 30 * time.Second

// watch is what was last seen of storage.
type watch struct {
	since    time.Time // of the newest growth, or the recording's start
	file     string
	files    int
	bytes    int64
	duration time.Duration
	rate     float64 // bytes a second
	storage  Storage
	last     uint64 // newest sequence number that was looked at for losses
	seen     string // and its run
}

// survey looks at storage: what is written, what is lost, what room there is,
// what is too old.
func (r *Recorder) survey() {
	reels := r.journal.Reels()
	r.mu.Lock()
	cfg := r.cfg
	r.mu.Unlock()
	free, err := r.opts.Free(cfg.Dir)
	if cfg.Loop && cfg.MaxAge > 0 {
		r.expire(reels, cfg)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return
	}
	now := time.Now()
	r.losses(reels)
	r.progress(now, reels)
	r.room(reels, free, err)
	r.publish(now, r.session != nil)
}

// progress takes up what the session has written.
func (r *Recorder) progress(now time.Time, reels []journal.Reel) {
	w := &r.watch
	for _, x := range reels {
		if seconds := x.Duration.Seconds(); seconds >= 2 { // the newest counts
			w.rate = float64(x.Bytes) / seconds
		}
	}
	if r.session == nil {
		w.file, w.files, w.bytes, w.duration = "", 0, 0, 0
		return
	}
	var bytes int64
	w.file, w.files, w.duration = "", 0, 0
	for _, x := range r.session.mine(reels) {
		bytes += x.Bytes
		w.duration += x.Duration
		w.files++
		if x.Writing {
			w.file = x.Name
		}
	}
	if bytes != w.bytes {
		w.bytes, w.since = bytes, now
	}
	if now.Sub(w.since) >= stalled {
		r.reporter.Raise(ConditionStorage, fmt.Sprintf(
			"recording is on, but nothing has reached %s for %d s: storage fails or is too slow (see storage.*), or the input stands still",
			r.cfg.Dir, int(now.Sub(w.since).Seconds())))
	} else {
		r.reporter.Clear(ConditionStorage)
	}
}

// room raises and clears the alarms on space.
func (r *Recorder) room(reels []journal.Reel, free int64, err error) {
	w := &r.watch
	if err != nil { // not there: the journal says so
		w.storage = Storage{Rate: int64(w.rate)}
		r.reporter.Clear(ConditionSpace)
		r.reporter.Clear(ConditionFull)
		return
	}
	free = max(0, free-max(0, r.cfg.Reserve))
	var kept, others int64
	for _, x := range reels {
		if x.Kept {
			kept += x.Bytes
		} else {
			others += x.Bytes // go first, for recordings
		}
	}
	free += others
	if r.cfg.MaxBytes > 0 {
		free = max(0, min(free, r.cfg.MaxBytes-kept))
	}
	w.storage = Storage{Free: free, Rate: int64(w.rate)}
	if w.rate > 0 {
		seconds := float64(free) / w.rate
		w.storage.Seconds = &seconds
		w.storage.Remaining = time.Duration(min(seconds, 1e9) * float64(time.Second))
	}
	wanted := r.session != nil || r.cfg.Mode == Scheduled || r.cfg.Mode == Always
	full := free < int64(2*tick.Seconds()*w.rate) || free == 0
	low := w.rate > 0 && w.storage.Remaining < r.cfg.Warn
	if r.cfg.Loop || !wanted { // the oldest make room
		full, low = false, false
	}
	switch {
	case full:
		r.reporter.Raise(ConditionFull, fmt.Sprintf("no room to record in %s: fetch and delete recordings, or set recording.loop", r.cfg.Dir))
		r.reporter.Clear(ConditionSpace)
	case low:
		r.reporter.Raise(ConditionSpace, fmt.Sprintf("room for %s of recording is left in %s: fetch and delete recordings, or set recording.loop",
			w.storage.Remaining.Round(time.Second), r.cfg.Dir))
		r.reporter.Clear(ConditionFull)
	default:
		r.reporter.Clear(ConditionSpace)
		r.reporter.Clear(ConditionFull)
	}
}

// losses tells of segments that are missing between the files of a recording.
func (r *Recorder) losses(reels []journal.Reel) {
	w := &r.watch
	for _, x := range reels {
		if r.session == nil || !x.Kept || x.First <= r.session.from || x.Last <= w.last {
			continue
		}
		if w.seen == x.Run && w.last >= r.session.from && w.last > 0 && x.First > w.last+1 && r.session.parts > 0 {
			lost := x.First - w.last - 1
			r.opts.Incidents.Report(output.Incident{
				Stream: r.cfg.Stream, Subject: "recording", Kind: output.Gap, Symptom: output.SymptomLostSegment, Segments: lost,
				Detail: fmt.Sprintf("%d segments before %s are in no file of the recording", lost, x.Name),
			})
		}
		w.last, w.seen = x.Last, x.Run
		r.session.parts++
	}
}

// expire deletes what is older than MaxAge.
func (r *Recorder) expire(reels []journal.Reel, cfg Config) {
	wall, known := r.opts.Clock.Now()
	if !known {
		return
	}
	limit := wall.Add(-cfg.MaxAge)
	for _, x := range reels {
		if !x.Kept || x.Writing || x.End.IsZero() || !x.End.Before(limit) || r.jobs.uses(x.Name) {
			continue
		}
		if err := r.journal.Delete(x.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.opts.Incidents.Report(output.Incident{
				Stream: cfg.Stream, Subject: "recording", Kind: output.Late, Symptom: output.SymptomStorage, Err: err,
				Detail: "an expired recording could not be deleted",
			})
		}
	}
	for _, f := range finishedFiles(cfg.Dir) {
		if f.modified.Before(limit) {
			_ = removeFinished(cfg.Dir, f.name) // tried again with the next survey
		}
	}
}
