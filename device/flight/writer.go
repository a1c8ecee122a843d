package flight

import (
	"sort"
	"time"
)

const (
	largestBatch = 4 << 10 // bytes after which a write holds no more incidents; at most a line over
	retryFirst   = 10 * time.Second
	retryLast    = 5 * time.Minute
)

// writing is the recorder's side of its file. The file has a goroutine of its
// own: storage that hangs holds up nobody.
type writing struct {
	jobs   chan job
	done   chan job
	busy   bool
	loaded bool

	severe  bool          // something that should not wait was added
	bootDue bool          // the time of this boot is to be written
	last    time.Duration // the last write's time
	retry   time.Duration // wait after a failure; 0 after a success
}

// job is one write, and afterwards its result.
type job struct {
	lines   []byte
	entries []*entry // those written, to be written again if it fails
	boot    bool

	loaded *contents // what the file held, with the first write
	half   uint64
	err    error
}

// startWriter starts the file's goroutine and lets it read the file.
func (r *Recorder) startWriter() {
	w := &r.writing
	if r.opts.File == "" {
		w.loaded = true
		return
	}
	w.jobs, w.done = make(chan job, 1), make(chan job, 1)
	w.bootDue = r.known
	go func() {
		defer close(w.done)
		l := file{path: r.opts.File, max: r.opts.MaxBytes}
		defer l.close()
		for j := range w.jobs {
			if !l.loaded {
				j.loaded, j.err = l.load()
			}
			if j.err == nil && len(j.lines) > 0 {
				j.half, j.err = l.append(j.lines)
			}
			w.done <- j
		}
	}()
	r.send(job{})
}

func (r *Recorder) send(j job) {
	r.writing.busy = true
	r.writing.last = r.clock.uptime()
	r.writing.jobs <- j
}

// flush writes what is due, if it is time to. all writes everything, and at once.
func (r *Recorder) flush(all bool) {
	w := &r.writing
	now := r.clock.uptime()
	if w.busy || r.opts.File == "" {
		return
	}
	wait := flushWait
	if w.severe {
		wait = severeWait
	}
	if !all && now-w.last < max(wait, w.retry) {
		return
	}
	j := r.batch(now, all)
	if len(j.lines) > 0 || !w.loaded {
		r.send(j)
	}
}

// batch encodes what is due, as much as fits a write.
func (r *Recorder) batch(now time.Duration, all bool) (j job) {
	w := &r.writing
	if !w.loaded {
		return j // numbers are given when it is known which are taken
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w.severe = false
	if w.bootDue {
		j.boot, w.bootDue = true, false
		j.lines, _ = appendLine(j.lines, record{Boot: &bootTime{r.clock.boot, r.began}}) // a name and a time: never fails
	}
	for _, e := range r.entries {
		if !e.dirty || !all && e.due > now {
			continue
		}
		if len(j.lines) > largestBatch {
			w.severe = true // the rest soon
			break
		}
		i := e.Incident
		if e.Boot == r.clock.boot && !r.known {
			i.At, i.Until = time.Time{}, time.Time{} // a guess is not kept
		}
		lines, err := appendLine(j.lines, record{Incident: &i})
		e.dirty = false
		if err != nil {
			r.log.Error("an incident cannot be kept", "id", e.ID, "err", err)
			continue
		}
		j.lines, j.entries = lines, append(j.entries, e)
	}
	return j
}

// written takes in what has become of a write.
func (r *Recorder) written(j job) {
	w := &r.writing
	w.busy = false
	if j.loaded != nil {
		r.merge(j.loaded)
		w.loaded, w.severe = true, true
	}
	r.mu.Lock()
	for _, e := range j.entries {
		if j.err != nil {
			e.touch(r.clock.uptime())
		} else {
			e.half = j.half
		}
	}
	if j.err == nil && j.half > 1 {
		r.prune(j.half - 1)
	}
	r.mu.Unlock()
	if j.err == nil {
		w.retry = 0
	} else {
		w.retry = min(max(2*w.retry, retryFirst), retryLast)
		w.bootDue = w.bootDue || j.boot
	}
	r.note(j)
}

// note counts a write and tells of a file that fails, or works again.
func (r *Recorder) note(j job) {
	s := &r.state
	s.mu.Lock()
	changed := (s.file == nil) != (j.err == nil)
	s.file = j.err
	if j.err == nil && len(j.lines) > 0 {
		s.writes++
		s.bytes += uint64(len(j.lines))
	}
	if j.loaded != nil {
		s.lines = j.loaded.damaged
	}
	s.mu.Unlock()
	if !changed {
		return
	}
	if j.err != nil {
		r.log.Warn("incidents are kept in memory alone", "err", j.err)
	} else {
		r.log.Info("incidents are kept in their file again", "file", r.opts.File)
	}
	if r.opts.Fault != nil {
		r.opts.Fault(j.err)
	}
}

// prune forgets what only a half had that is gone; what still counts on is
// written again. r.mu is held.
func (r *Recorder) prune(oldest uint64) {
	kept := r.entries[:0]
	for _, e := range r.entries {
		if !e.dirty && e.half < oldest && r.open[e.key] == e {
			e.touch(r.clock.uptime())
		}
		if e.dirty || e.half >= oldest {
			kept = append(kept, e)
		}
	}
	clear(r.entries[len(kept):])
	r.entries = kept
	r.version++
}

// merge puts what the file held before what happened since.
func (r *Recorder) merge(c *contents) {
	r.mu.Lock()
	old := make([]*entry, 0, len(c.incidents))
	for _, s := range c.incidents {
		e := &entry{Incident: s.Incident, half: s.half}
		e.Ongoing = false // it ended with its run, at the latest
		if e.Boot == r.clock.boot {
			e.place(r.began)
		}
		old = append(old, e)
	}
	sort.Slice(old, func(a, b int) bool { return old[a].ID < old[b].ID })
	if n := len(old); n > 0 {
		for _, e := range r.entries {
			e.ID += old[n-1].ID
		}
		r.next += old[n-1].ID
	}
	r.entries = append(old, r.entries...)
	if over := len(r.entries) - incidentsKept; over > 0 {
		r.entries = append(r.entries[:0], r.entries[over:]...)
	}
	r.version++
	r.mu.Unlock()
	if c.lines > 0 {
		r.add(note{at: r.clock.uptime(), incident: startIncident(c.clean, r.clock.boot)})
	}
}

// stopWriter writes what is left, and waits until the file's goroutine has ended.
func (r *Recorder) stopWriter() {
	w := &r.writing
	if r.opts.File == "" {
		return
	}
	for {
		if !w.busy && w.retry == 0 {
			r.flush(true)
		}
		if !w.busy {
			break
		}
		r.written(<-w.done)
	}
	line, err := appendLine(nil, record{Stopped: &stopped{r.clock.boot, seconds(r.clock.uptime())}})
	if w.retry == 0 && err == nil {
		r.send(job{lines: line})
		r.written(<-w.done)
	}
	close(w.jobs)
	<-w.done
}
