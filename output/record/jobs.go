package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output/record/finish"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// JobState is where a job is.
type JobState string

// The states.
const (
	Queued    JobState = "queued"
	Running   JobState = "running"
	Done      JobState = "done"
	Failed    JobState = "failed"
	Cancelled JobState = "cancelled"
)

// Request asks for a finished file: of files by their names, oldest first, or of
// what was recorded between two times.
type Request struct {
	Files    []string
	From, To time.Time
	Format   finish.Format
	// Name of the result without extension; "" is made of the first file's.
	Name string
}

// Job is a finished file being made.
type Job struct {
	ID     int           `json:"id"`
	State  JobState      `json:"state"`
	Format finish.Format `json:"format"`
	Files  []string      `json:"files"` // that go into it
	Result string        `json:"result"`
	// Progress from 0 to 1, by bytes.
	Progress float64    `json:"progress"`
	Bytes    int64      `json:"bytes"`
	Total    int64      `json:"total_bytes"`
	ETA      *float64   `json:"eta_seconds"` // null while not known
	Error    string     `json:"error,omitempty"`
	Breaks   []Break    `json:"breaks,omitempty"`
	Created  time.Time  `json:"created"`
	Started  *time.Time `json:"started"`
	Ended    *time.Time `json:"ended"`
}

// Break is a place in a finished file where time is missing and was closed up.
type Break struct {
	At      float64 `json:"at_seconds"`
	After   string  `json:"after"` // the file that begins there
	Missing float64 `json:"missing_seconds"`
}

// Bounds of the queue, and of the ended jobs that are remembered.
const (
	maxQueued = 16
	maxEnded  = 32
)

// What Finish and Cancel refuse.
var (
	ErrQueueFull = fmt.Errorf("%d files wait to be finished, and there can be no more: cancel one or come back later", maxQueued)
	ErrNoJob     = errors.New("there is no such job")
	ErrExists    = errors.New("it is there already")
	ErrInUse     = errors.New("a job needs it")
)

// jobs finishes files one by one.
type jobs struct {
	r *Recorder

	mu     sync.Mutex // guards the fields below
	list   []*job     // oldest first
	nextID int
	more   chan struct{} // capacity 1
}

type job struct {
	Job
	cut    finish.Cut
	reels  []journal.Reel
	cancel context.CancelFunc // set while it runs
	began  time.Time
}

func newJobs(r *Recorder) *jobs { return &jobs{r: r, nextID: 1, more: make(chan struct{}, 1)} }

// Finish queues a finished file and returns its job.
func (r *Recorder) Finish(q Request) (Job, error) {
	reels, err := choose(r.journal.Reels(), q)
	if err != nil {
		return Job{}, err
	}
	stem := strings.TrimSuffix(reels[0].Name, filepath.Ext(reels[0].Name))
	switch {
	case q.Name != "":
		stem = clean(q.Name)
	case len(q.Files) == 0:
		stem = clean(fmt.Sprintf("%s_%s_to_%s", stem, edge(q.From, r.location()), edge(q.To, r.location())))
	case len(reels) > 1:
		stem = clean(fmt.Sprintf("%s_and_%d_more", stem, len(reels)-1))
	}
	j := &job{
		Job:   Job{State: Queued, Format: q.Format, Result: stem + finishedMark + q.Format.Extension(), Created: time.Now().UTC()},
		cut:   finish.Cut{From: q.From, To: q.To},
		reels: reels,
	}
	for _, x := range reels {
		j.Files = append(j.Files, x.Name)
		j.Total += x.Bytes
	}
	for _, f := range finishedFiles(r.dir()) {
		if f.name == j.Result {
			return Job{}, fmt.Errorf("%s: %w: fetch it, or delete it first", j.Result, ErrExists)
		}
	}
	return r.jobs.add(j)
}

// edge is a bound of a range in a name.
func edge(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "end"
	}
	return t.In(zone).Format("15-04-05")
}

func (r *Recorder) dir() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.Dir
}

func (r *Recorder) location() *time.Location {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.Location
}

// choose are the reels of a request.
func choose(reels []journal.Reel, q Request) (out []journal.Reel, err error) {
	switch {
	case len(q.Files) > 0 && (!q.From.IsZero() || !q.To.IsZero()):
		return nil, errors.New("give files or from and to, not both")
	case len(q.Files) == 0 && q.From.IsZero():
		return nil, errors.New("say what to finish: files, or from and to")
	case !q.To.IsZero() && !q.From.Before(q.To):
		return nil, errors.New("from is not before to")
	}
	for _, x := range reels {
		switch {
		case len(q.Files) > 0:
			if slices.Contains(q.Files, x.Name) {
				out = append(out, x)
			}
		case !x.Begin.IsZero() && x.End.After(q.From) && (q.To.IsZero() || x.Begin.Before(q.To)):
			out = append(out, x)
		}
	}
	for _, name := range q.Files {
		if !slices.ContainsFunc(out, func(x journal.Reel) bool { return x.Name == name }) {
			return nil, fmt.Errorf("there is no recording %q: %w", name, fs.ErrNotExist)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %w", finish.ErrEmpty, fs.ErrNotExist)
	}
	return out, nil
}

func (q *jobs) add(j *job) (Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := 0
	for _, o := range q.list {
		if o.State != Queued && o.State != Running {
			continue
		}
		waiting++
		if o.Result == j.Result {
			return Job{}, fmt.Errorf("%s: %w, as job %d", j.Result, ErrExists, o.ID)
		}
	}
	if waiting >= maxQueued {
		return Job{}, ErrQueueFull
	}
	j.ID = q.nextID
	q.nextID++
	q.list = append(q.list, j)
	q.forget()
	select {
	case q.more <- struct{}{}:
	default:
	}
	return j.Job, nil
}

// forget drops the oldest ended jobs that are too many.
func (q *jobs) forget() {
	ended := 0
	for i := len(q.list) - 1; i >= 0; i-- {
		if s := q.list[i].State; s == Queued || s == Running {
			continue
		}
		if ended++; ended > maxEnded {
			q.list = slices.Delete(q.list, i, i+1)
		}
	}
}

// Jobs are all that wait, run, or ended not long ago; newest first.
func (r *Recorder) Jobs() []Job {
	q := r.jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Job, 0, len(q.list))
	for _, j := range slices.Backward(q.list) {
		out = append(out, j.snapshot())
	}
	return out
}

// Job is one of them.
func (r *Recorder) Job(id int) (Job, error) {
	for _, j := range r.Jobs() {
		if j.ID == id {
			return j, nil
		}
	}
	return Job{}, fmt.Errorf("job %d: %w", id, ErrNoJob)
}

// Cancel ends a job; what it wrote is deleted. One that has ended is forgotten.
func (r *Recorder) Cancel(id int) error {
	q := r.jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, j := range q.list {
		if j.ID != id {
			continue
		}
		switch j.State {
		case Queued:
			j.end(context.Canceled)
		case Running:
			j.cancel()
		default:
			q.list = slices.Delete(q.list, i, i+1)
		}
		return nil
	}
	return fmt.Errorf("job %d: %w", id, ErrNoJob)
}

func (j *job) snapshot() Job {
	out := j.Job
	if j.State == Running && j.Bytes > 0 && j.Total > 0 {
		spent := time.Since(j.began).Seconds()
		eta := spent * float64(j.Total-j.Bytes) / float64(j.Bytes)
		out.ETA = &eta
	}
	return out
}

// end needs the queue's lock.
func (j *job) end(err error) {
	now := time.Now().UTC()
	j.Ended, j.cancel = &now, nil
	switch {
	case err == nil:
		j.State, j.Progress = Done, 1
	case errors.Is(err, context.Canceled):
		j.State = Cancelled
	default:
		j.State, j.Error = Failed, err.Error()
	}
}

// uses says whether a job that has not ended needs a file.
func (q *jobs) uses(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.list, func(j *job) bool {
		return (j.State == Queued || j.State == Running) && slices.Contains(j.Files, name)
	})
}

// run works through the queue until ctx ends.
func (q *jobs) run(ctx context.Context) {
	cleanFinished(q.r.dir())
	for {
		j, jobCtx := q.next(ctx)
		if j == nil {
			select {
			case <-ctx.Done():
				return
			case <-q.more:
			}
			continue
		}
		err := quietly(func() error { return q.make(jobCtx, j) })
		q.mu.Lock()
		j.cancel()
		if ctx.Err() != nil && err != nil {
			err = errors.New("the box was stopped meanwhile: ask for it again")
		}
		j.end(err)
		q.mu.Unlock()
	}
}

func (q *jobs) next(ctx context.Context) (*job, context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.list {
		if j.State == Queued && ctx.Err() == nil {
			jobCtx, cancel := context.WithCancel(ctx)
			now := time.Now()
			started := now.UTC()
			j.State, j.cancel, j.began, j.Started = Running, cancel, now, &started
			return j, jobCtx
		}
	}
	return nil, nil //nolint:nilnil // nothing waits
}

// make writes the finished file beside the reels.
func (q *jobs) make(ctx context.Context, j *job) error {
	parts := make([]finish.Part, len(j.reels))
	for i, x := range j.reels {
		parts[i] = finish.Part{Name: x.Name, Run: x.Run, Begin: x.Begin, Open: func() (io.ReadSeekCloser, error) {
			f, _, err := q.r.journal.Open(x.Name)
			return f, err
		}}
	}
	plan, err := finish.New(ctx, j.Format, parts, j.cut)
	if err != nil {
		return err
	}
	q.mu.Lock()
	j.Total = plan.Payload()
	for _, b := range plan.Breaks {
		j.Breaks = append(j.Breaks, Break{At: b.At.Seconds(), After: b.After, Missing: b.Missing.Seconds()})
	}
	q.mu.Unlock()
	if err := q.r.roomFor(plan.Size()); err != nil {
		return err
	}
	return writeFinished(q.r.dir(), j.Result, func(w io.Writer) error {
		return plan.Write(ctx, w, func(n int64) {
			q.mu.Lock()
			defer q.mu.Unlock()
			j.Bytes = n
			j.Progress = float64(n) / float64(max(1, j.Total))
		})
	})
}

// roomFor says whether a file fits beside the reserve.
func (r *Recorder) roomFor(size int64) error {
	r.mu.Lock()
	cfg := r.cfg
	r.mu.Unlock()
	free, err := r.opts.Free(cfg.Dir)
	if err != nil {
		return err
	}
	if room := free - max(0, cfg.Reserve); size > room {
		return fmt.Errorf("the finished file needs %d MB and there is room for %d MB in %s: fetch and delete recordings first", size>>20+1, max(0, room)>>20, cfg.Dir)
	}
	return nil
}
