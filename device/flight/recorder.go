package flight

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

const (
	defaultMaxBytes = 1 << 20
	leastMaxBytes   = 16 << 10
	queued          = 256 // notes that wait for the recorder; more are dropped and counted
	incidentsKept   = 5000

	together   = 30 * time.Second // repeats within this of each other are one incident
	flushWait  = 5 * time.Second  // least time between two writes
	severeWait = time.Second      // the same, for what is severe

	// rewriteFirst and rewriteLast bound how often an incident that only counts on is
	// written again: twice as long every time.
	rewriteFirst = 10 * time.Second
	rewriteLast  = 10 * time.Minute

	// burst and refill bound how many different incidents can begin. More of
	// them are counted in one incident a kind and symptom.
	burst  = 60
	refill = 10 * time.Second
)

// Options of a Recorder. All may be left out.
type Options struct {
	// File is where incidents are kept; beside it lies one of the same name and
	// ".old". "" keeps them in memory alone.
	File string
	// MaxBytes bounds both files together; 0 is 1 MiB.
	MaxBytes int64
	Log      *slog.Logger
	// Fault is called with every change of whether the file can be used, nil
	// when it can again. It must not block.
	Fault func(error)

	clock clock // tests bring their own
}

// Recorder is the flight recorder. Report and the queries may be called from
// anywhere, before, while and after Run works.
type Recorder struct {
	opts  Options
	log   *slog.Logger
	clock clock
	notes chan note

	dropped atomic.Uint64 // notes for which there was no room
	state   stats

	// The fields below belong to the goroutine of Run.
	evidence evidence
	open     map[coalesceKey]*entry // that repeats join
	unsure   []*entry               // whose blame may still change
	tokens   float64
	refilled time.Duration
	looked   time.Time // when the boot began, by the last look at the wall clock
	writing  writing

	mu      sync.RWMutex // guards the fields below and what entries hold
	entries []*entry     // by rising ID
	next    uint64       // the newest ID given
	version uint64       // rises with every change
	began   time.Time    // the time of day at which this boot began, as known now
	known   bool         // that is the time of day, not a guess
}

var _ output.Incidents = (*Recorder)(nil)

// stats are counters that Stats shows.
type stats struct {
	mu     sync.Mutex // guards the fields below
	file   error
	writes uint64
	bytes  uint64
	lines  int // damaged, found at the start
}

// Stats is how the recorder itself fares.
type Stats struct {
	Incidents int    // kept
	Dropped   uint64 // reports lost because too many came at once
	Writes    uint64 // to the file, each made durable
	Bytes     uint64 // written
	Damaged   int    // lines of the file that could not be read at the start
	File      error  // why incidents are in memory alone; nil when they are not
}

// New returns a recorder.
func New(o Options) *Recorder {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	o.MaxBytes = max(o.MaxBytes, leastMaxBytes)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.clock.wall == nil {
		o.clock = systemClock()
	}
	r := &Recorder{
		opts: o, log: o.Log, clock: o.clock, notes: make(chan note, queued),
		evidence: evidence{spans: map[factKey]span{}}, open: map[coalesceKey]*entry{}, tokens: burst,
	}
	r.began, r.known = r.clock.bootWall(), r.clock.known()
	r.looked = r.began
	return r
}

// Report implements output.Incidents.
func (r *Recorder) Report(i output.Incident) { r.take(note{incident: i}) }

// Begin reports what goes on until End with the same stream, subject, kind and
// symptom; its duration is measured.
func (r *Recorder) Begin(i output.Incident) { r.take(note{phase: begins, incident: i}) }

// End ends what Begin began. Without a Begin it does nothing.
func (r *Recorder) End(i output.Incident) { r.take(note{phase: ends, incident: i}) }

// For takes the reports of a stream's component, which may leave out the stream
// and, as far as subject is given, the subject.
func (r *Recorder) For(stream, subject string) output.Incidents {
	return output.IncidentFunc(func(i output.Incident) {
		if i.Stream == "" {
			i.Stream = stream
		}
		if i.Subject == "" {
			i.Subject = subject
		}
		r.Report(i)
	})
}

// take never blocks.
func (r *Recorder) take(n note) {
	n.at = r.clock.uptimeOf(n.incident.Time)
	select {
	case r.notes <- n:
	default:
		r.dropped.Add(1)
	}
}

// Stats is how the recorder fares now.
func (r *Recorder) Stats() Stats {
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return Stats{
		Incidents: len(r.entries), Dropped: r.dropped.Load(), File: r.state.file,
		Writes: r.state.writes, Bytes: r.state.bytes, Damaged: r.state.lines,
	}
}

// Run records until ctx ends. What was reported by then is on storage when it
// returns, if storage lets it. A file that fails is tried again, never an error.
func (r *Recorder) Run(ctx context.Context) error {
	r.boot()
	r.startWriter()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case n := <-r.notes:
			r.add(n)
			r.flush(false)
		case done := <-r.writing.done:
			r.written(done)
		case <-tick.C:
			r.tick()
			r.flush(false)
		case <-ctx.Done():
			r.stop()
			return nil
		}
	}
}

// boot notes that the daemon has come up. Whether it is an incident shows when
// the file has been read: a box that never ran before has lost nothing.
func (r *Recorder) boot() {
	now := r.clock.uptime()
	r.evidence.happened(keyOf(boxStarted, "", ""), now)
	if !r.known {
		r.evidence.begin(keyOf(clockUnknown, "", ""), now)
	}
}

// stop takes in what waits, ends what is open, and writes it all.
func (r *Recorder) stop() {
	for {
		select {
		case n := <-r.notes:
			r.add(n)
			continue
		default:
		}
		break
	}
	r.mu.Lock()
	now := r.clock.uptime()
	for _, e := range r.open {
		e.finish(now, r.began)
		e.touch(now)
	}
	r.version++
	r.mu.Unlock()
	r.stopWriter()
}

// tick does what time alone brings.
func (r *Recorder) tick() {
	now := r.clock.uptime()
	r.watchClock(now)
	r.review(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, e := range r.open {
		switch {
		case e.Ongoing:
			e.lasts(now, r.began)
			e.counted(now) // for the file: those who ask are told of it as it is
		case now-e.last > together:
			delete(r.open, key)
			e.touch(now)
		}
	}
}

// watchClock follows the wall clock. A step is an incident; so is not that the
// time becomes known, before which none was told. Both move all times of this
// boot, and so does slewing when it has added up.
func (r *Recorder) watchClock(now time.Duration) {
	began, known := r.clock.bootWall(), r.clock.known()
	step, moved, first := began.Sub(r.looked), began.Sub(r.began), known && !r.known
	r.looked = began
	if moved.Abs() < stepLeast && !first {
		return
	}
	r.mu.Lock()
	r.began, r.known = began, known
	for _, e := range r.entries {
		if e.Boot == r.clock.boot {
			e.place(began)
		}
	}
	r.version++
	r.mu.Unlock()
	r.writing.bootDue = known
	switch {
	case first:
		r.learn(ends, []factKey{keyOf(clockUnknown, "", "")}, now)
		r.learn(moment, []factKey{keyOf(clockStepped, "", "")}, now)
	case step.Abs() >= stepLeast:
		r.add(note{at: now, incident: output.Incident{
			Subject: "clock", Symptom: output.SymptomClock, Duration: step.Abs(),
			Detail: "the time of day was set by " + step.Round(time.Millisecond).String(),
		}})
	}
}
