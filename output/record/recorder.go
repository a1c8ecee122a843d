package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// Recorder turns recording on and off: by mode, schedule and command. It is
// made once and run once; its methods may be called from any goroutine.
type Recorder struct {
	journal  Journal
	reporter Reporter
	opts     Options
	jobs     *jobs
	kicked   chan struct{} // capacity 1: something was commanded
	looks    chan struct{} // of requests at storage that are under way

	mu      sync.Mutex // guards the fields below; the journal's methods called under it ask no storage
	cfg     Config
	running bool // Run is at work
	left    bool // it was, and nothing is reported any more
	manual  command
	stopped stop
	session *session // nil while idle
	plan    planned
	written commands // in StateFile
	shown   State
	watch   watch
}

// command is a Start that holds.
type command struct {
	active bool
	label  string
	until  time.Time // with its monotonic reading; zero: until Stop
}

// planned is what the schedule said: it holds from a time to its next edge.
type planned struct {
	on         bool
	from, edge time.Time
}

// stop is a Stop that holds against the mode.
type stop struct {
	active bool
	until  time.Time // wall-clock; zero: until Start
}

// session is one recording.
type session struct {
	release func()
	label   string
	reason  Reason
	since   time.Time
	from    uint64 // the newest sequence number at its start
	parts   int
}

// Reason says who wanted a recording.
type Reason string

// The reasons.
const (
	ByCommand  Reason = "command"
	BySchedule Reason = "schedule"
	ByMode     Reason = "always"
)

// What commands refuse.
var (
	ErrOff  = errors.New("recording is off: set recording.mode to manual, always or schedule")
	ErrIdle = errors.New("nothing is being recorded")
)

// New returns a recorder of what the journal keeps.
func New(cfg Config, j Journal, r Reporter, opts Options) (*Recorder, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if opts.Clock == nil {
		opts.Clock = SystemClock{}
	}
	if opts.Incidents == nil {
		opts.Incidents = output.IncidentFunc(nil)
	}
	if opts.Free == nil {
		opts.Free = freeBytes
	}
	rec := &Recorder{cfg: cfg, journal: j, reporter: r, opts: opts, kicked: make(chan struct{}, 1), looks: make(chan struct{}, 4)}
	rec.jobs = newJobs(rec)
	rec.shown = State{Mode: cfg.Mode, State: Idle}
	return rec, nil
}

// freeBytes asks the folder's file system; where the folder is yet to be made, its parent's.
func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	if errors.Is(err, fs.ErrNotExist) {
		err = unix.Statfs(filepath.Dir(dir), &s)
	}
	if err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // other types on other machines
}

// Every so often time of day and storage are looked at: a clock that is set
// wakes nobody.
const tick = 5 * time.Second

// stopTime is how long Run waits for storage that does not answer.
const stopTime = 3 * time.Second

// ErrHangs says that storage did not answer until Run had to return.
var ErrHangs = errors.New("record: storage does not answer; what was being finished is abandoned")

// Run records until ctx ends, and finishes what is asked for. Recordings that
// are running then are ended; they go on with the next Run,
// those of commands if there is a StateFile. It does not wait longer than some
// seconds for storage that hangs: then the error is ErrHangs.
func (r *Recorder) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(ctx)
	}()
	<-ctx.Done()
	select {
	case <-done:
		return nil
	case <-time.After(stopTime):
		r.shutDown()
		return ErrHangs
	}
}

func (r *Recorder) run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { r.jobs.run(ctx) })
	defer wait.Wait()
	defer r.shutDown()
	r.recall()
	r.mu.Lock()
	if r.running = !r.left; r.running {
		r.publish(time.Now(), true) // that it is idle is news, too
	}
	r.mu.Unlock()
	for {
		next := r.step()
		r.remember()
		r.survey()
		t := time.NewTimer(next)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-r.kicked:
			t.Stop()
		case <-t.C:
		}
	}
}

// shutDown ends what is recorded. It does so once: another Recorder may report by
// the time that storage answers at last.
func (r *Recorder) shutDown() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return
	}
	r.running = false
	r.end()
	for _, code := range []string{ConditionSpace, ConditionFull, ConditionStorage, ConditionClock} {
		r.reporter.Clear(code)
	}
	r.publish(time.Now(), false)
	r.left = true
}

// Update changes the configuration, but for the folder and the stream's name.
// A change of mode forgets commands; another name or length holds from the
// next recording on.
func (r *Recorder) Update(cfg Config) error {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if cfg.Dir != r.cfg.Dir || cfg.Stream != r.cfg.Stream || cfg.StateFile != r.cfg.StateFile {
		return ErrRestart
	}
	if cfg.Mode != r.cfg.Mode {
		r.manual, r.stopped = command{}, stop{}
	}
	r.cfg, r.plan = cfg, planned{}
	r.kick()
	return nil
}

// ErrRestart says that a change needs a new Recorder.
var ErrRestart = errors.New("record: change needs a restart")

// Start records by command: for a time, or MaxDuration, or until Stop. While
// one runs it is extended; another label begins a new file.
func (r *Recorder) Start(label string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("duration %v is negative", d)
	}
	if len(label) > maxName {
		return fmt.Errorf("label of %d bytes: at most %d", len(label), maxName)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cfg.Mode == Off {
		return ErrOff
	}
	if d == 0 {
		d = r.cfg.MaxDuration
	}
	now := time.Now()
	var until time.Time
	if d > 0 {
		until = now.Add(d)
	}
	if m := r.manual; m.active && (m.until.IsZero() || !until.IsZero() && m.until.After(until)) {
		until = m.until
	}
	if label == "" && r.manual.active {
		label = r.manual.label
	}
	r.manual, r.stopped = command{active: true, label: label, until: until}, stop{}
	r.stepLocked()
	r.kick()
	return nil
}

// Stop ends what is being recorded.
func (r *Recorder) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session == nil && !r.manual.active {
		return ErrIdle
	}
	r.manual = command{}
	switch r.cfg.Mode {
	case Always:
		r.stopped = stop{active: true}
	case Scheduled:
		if on, edge, known := r.scheduled(); known && on {
			r.stopped = stop{active: true, until: edge}
		}
	}
	r.stepLocked()
	r.kick()
	return nil
}

// Mark puts a mark into what is being recorded.
func (r *Recorder) Mark(text string) error {
	r.mu.Lock()
	idle := r.session == nil
	r.mu.Unlock()
	if idle {
		return ErrIdle
	}
	err := r.journal.Mark(text)
	if errors.Is(err, journal.ErrNotWriting) {
		return fmt.Errorf("%w yet: the file begins with the next segment; see the state's condition if it does not", ErrIdle)
	}
	return err
}

func (r *Recorder) kick() {
	select {
	case r.kicked <- struct{}{}:
	default:
	}
}

func (r *Recorder) step() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stepLocked()
}

// stepLocked makes what is recorded what is wanted, and says when to look again.
func (r *Recorder) stepLocked() time.Duration {
	now := time.Now()
	if r.manual.active && !r.manual.until.IsZero() && !now.Before(r.manual.until) {
		r.manual = command{}
	}
	wanted, label, edge := r.desired()
	switch {
	case !r.running || wanted == "":
		r.end()
	case r.session == nil:
		r.begin(now, wanted, label)
	case r.session.label != label && wanted == ByCommand:
		old := r.session
		r.begin(now, wanted, label) // the newest names the files: nothing is lost between
		old.release()
	default:
		r.session.reason = wanted
	}
	r.publish(now, false)
	next := tick
	if r.manual.active && !r.manual.until.IsZero() {
		next = min(next, r.manual.until.Sub(now))
	}
	if wall, known := r.opts.Clock.Now(); known && !edge.IsZero() {
		next = min(next, edge.Sub(wall))
	}
	return max(next, 0)
}

// desired is who wants a recording now, "" for nobody, and the schedule's next edge.
func (r *Recorder) desired() (by Reason, label string, edge time.Time) {
	var on, known bool
	if r.cfg.Mode == Scheduled {
		on, edge, known = r.scheduled()
		if known {
			r.reporter.Clear(ConditionClock)
		} else {
			r.reporter.Raise(ConditionClock, "the recording schedule waits for the time of day: connect the box to a network with a time server (NTP), or record by command")
		}
		if wall, ok := r.opts.Clock.Now(); ok && r.stopped.active && !r.stopped.until.IsZero() && !wall.Before(r.stopped.until) {
			r.stopped = stop{}
		}
	} else {
		r.reporter.Clear(ConditionClock)
	}
	switch {
	case r.cfg.Mode == Off:
		return "", "", time.Time{}
	case r.manual.active:
		return ByCommand, r.manual.label, edge
	case r.stopped.active:
		return "", "", edge
	case r.cfg.Mode == Always:
		return ByMode, "", edge
	case on:
		return BySchedule, "", edge
	}
	return "", "", edge
}

// scheduled asks the schedule.
func (r *Recorder) scheduled() (on bool, edge time.Time, known bool) {
	wall, known := r.opts.Clock.Now()
	if !known {
		return false, time.Time{}, false
	}
	wall = wall.Round(0)
	if p := r.plan; p.from.IsZero() || wall.Before(p.from) || !wall.Before(p.edge) {
		on, edge = r.cfg.Schedule.At(wall.In(r.cfg.Location))
		r.plan = planned{on, wall, edge}
	}
	return r.plan.on, r.plan.edge, true
}

func (r *Recorder) begin(now time.Time, by Reason, label string) {
	s := &session{label: label, reason: by, since: now, from: newest(r.journal.Reels())}
	cfg := r.cfg
	s.release = r.journal.Keep(journal.Keep{
		Length: cfg.Length,
		Name: func(begin time.Time, part int) string {
			if !begin.IsZero() {
				begin = begin.In(cfg.Location)
			}
			return cfg.Template.Name(Values{Stream: cfg.Stream, Host: cfg.Host, Label: label, Begin: begin, Part: part})
		},
	})
	r.session = s
	r.watch = watch{since: now, rate: r.watch.rate, last: r.watch.last, seen: r.watch.seen}
}

func (r *Recorder) end() {
	if r.session == nil {
		return
	}
	r.session.release()
	r.session = nil
	r.reporter.Clear(ConditionStorage)
}

// newest is the highest sequence number of the reels.
func newest(reels []journal.Reel) (n uint64) {
	for _, x := range reels {
		n = max(n, x.Last)
	}
	return n
}
