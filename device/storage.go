package device

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/record"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// stored says that a stream has a place on storage.
func stored(cfg *config.Config) bool { return cfg.Storage.Path != "" }

func storageID(st *stream) string { return "stream " + st.name + "/storage" }

// storageSpec is what a stream's journal and recordings are made of.
type storageSpec struct {
	Dir       string
	State     string // folder of what survives a reboot; "" where there is none
	Storage   config.Storage
	TimeShift config.TimeShift
	Recording config.Recording
}

// unwanted is how long what nobody asks for any more stays, where time shift does
// not keep it: destinations that fall behind again soon find it there.
const unwanted = time.Minute

func (s storageSpec) journal() journal.Config {
	c := journal.Config{
		Dir: s.Dir, MaxBytes: int64(s.Storage.MaxBytes), Reserve: int64(s.Storage.Reserve),
		MaxAge: max(s.TimeShift.Depth.Std(), unwanted),
		Loop:   s.Recording.Loop, RequireMount: s.Storage.RequireMount,
	}
	if c.Reserve == 0 {
		c.Reserve = -1 // none: zero is the journal's default
	}
	return c
}

func (s storageSpec) recorder(stream string) (record.Config, error) {
	schedule, template, _, err := recording(s.Recording)
	if err != nil {
		return record.Config{}, err
	}
	host, _ := os.Hostname() // "" is left out of names
	state := ""
	if s.State != "" {
		state = filepath.Join(s.State, "recording-"+stream)
	}
	return record.Config{
		Stream: stream, Host: host, Dir: s.Dir, StateFile: state,
		Mode: record.Mode(s.Recording.Mode), Schedule: schedule, Template: template,
		Length: s.Recording.FileDuration.Std(), Loop: s.Recording.Loop, MaxAge: s.Storage.MaxAge.Std(),
		MaxBytes: int64(s.Storage.MaxBytes), Reserve: int64(s.Storage.Reserve),
	}, nil
}

// recording reads the texts of a recording's configuration. key is the one that is
// wrong.
func recording(r config.Recording) (s record.Schedule, t record.Template, key string, err error) {
	if r.Schedule != "" {
		if s, err = record.ParseSchedule(r.Schedule); err != nil {
			return s, t, "schedule", err
		}
	}
	if t, err = record.ParseTemplate(r.Name); err != nil {
		return s, t, "name", err
	}
	return s, t, "", nil
}

func (d *box) storageComponent(cfg *config.Config, st *stream, sc config.Stream) reconcile.Component {
	spec := storageSpec{
		Dir:     filepath.Join(cfg.Path(cfg.Storage.Path), st.name),
		Storage: cfg.Storage, TimeShift: sc.TimeShift, Recording: sc.Recording,
	}
	spec.State, _ = cfg.StatePath() // the flight recorder has told why there is none
	failures := failureLog{log: st.log, message: "storage failed"}
	return reconcile.Component{
		ID: storageID(st), Spec: spec,
		Make:  func() (reconcile.Runner, error) { return d.newKeeper(st, spec) },
		Ready: failures.over,
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			st.report.Raise(status.Condition{Code: conditionStorage, Severity: status.Error, Message: err.Error()})
		},
		Removed: func() {
			st.report.SetStorage(nil)
			st.report.SetRecording(nil)
			st.report.Clear(conditionStorage)
		},
	}
}

// readable is how long everything else waits for storage that is slow to tell what it
// has.
const readable = 3 * time.Second

// keeper stores a stream and records it.
type keeper struct {
	box      *box
	stream   *stream
	spec     storageSpec // Update's alone
	shifts   bool        // there is time shift
	journal  *journal.Journal
	recorder *record.Recorder
}

var _ reconcile.Updater = (*keeper)(nil)

func (d *box) newKeeper(st *stream, spec storageSpec) (*keeper, error) {
	report := keptReporter{st, &sync.Map{}}
	rc, err := spec.recorder(st.name)
	if err != nil {
		return nil, err
	}
	k := &keeper{box: d, stream: st, spec: spec, shifts: spec.TimeShift.Depth > 0}
	if k.journal, err = journal.Open(spec.journal(), storageReporter{report, spec.Dir, d.flight.For(st.name, "storage")}); err != nil {
		return nil, err
	}
	k.recorder, err = record.New(rc, k.journal, recordReporter{report}, record.Options{Incidents: d.flight.For(st.name, "recording")})
	return k, err
}

// Run implements reconcile.Runner. It is ready when storage has told what it has,
// or fails to.
func (k *keeper) Run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st := k.stream
	st.report.Clear(conditionStorage)
	defer st.archive.use(k.journal)()
	if k.shifts {
		defer st.archive.Want("time shift", journal.NoHold)()
	}
	// What is being recorded is ended before storing is.
	storeCtx, stopStoring := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStoring()
	var storing, waiting sync.WaitGroup
	var storeErr error
	storing.Go(func() {
		storeErr = k.journal.Run(storeCtx, st.live)
		cancel()
	})
	waiting.Go(func() {
		select {
		case <-k.journal.Ready():
		case <-time.After(readable):
		case <-ctx.Done():
			return
		}
		ready()
	})
	err := k.record(ctx)
	cancel()
	waiting.Wait()
	stopStoring()
	storing.Wait()
	if err = errors.Join(err, storeErr); err != nil {
		st.log.Warn("storage was left as it is", "err", err)
	}
	return err
}

// record records until ctx ends. It begins when storage has told what is there, or
// fails to: that is not of the recording that begins, or goes on, now.
func (k *keeper) record(ctx context.Context) error {
	select {
	case <-k.journal.Ready():
	case <-ctx.Done():
		return nil
	}
	h := http.StripPrefix("/recordings", record.NewHandler(k.recorder))
	defer k.box.recordings.Mount(k.stream.name, h)()
	defer k.box.recorders.add(k.stream.name, k.recorder)()
	return k.recorder.Run(ctx)
}

// Update implements reconcile.Updater.
func (k *keeper) Update(spec any) error {
	next, ok := spec.(storageSpec)
	if !ok || next.Dir != k.spec.Dir || (next.TimeShift.Depth > 0) != k.shifts {
		return reconcile.ErrRestart
	}
	rc, err := next.recorder(k.stream.name)
	if err != nil {
		return err
	}
	for _, err := range []error{k.journal.Update(next.journal()), k.recorder.Update(rc)} {
		if errors.Is(err, journal.ErrRestart) || errors.Is(err, record.ErrRestart) {
			return reconcile.ErrRestart
		}
		if err != nil {
			return err
		}
	}
	k.spec = next
	return nil
}

// keptReporter passes conditions on to status, and to the log as they come and go.
type keptReporter struct {
	stream *stream
	told   *sync.Map // of the conditions that hold
}

// Raise is journal.Reporter's and record.Reporter's.
func (r keptReporter) Raise(code, message string) {
	severity := status.Error
	switch code {
	case record.ConditionSpace, record.ConditionClock, journal.ConditionSlow:
		severity = status.Warning
	}
	r.stream.report.Raise(status.Condition{Code: code, Severity: severity, Message: message})
	if _, holds := r.told.Swap(code, true); !holds {
		r.stream.log.Warn("storage", "condition", code, "message", message)
	}
}

// Clear is journal.Reporter's and record.Reporter's.
func (r keptReporter) Clear(code string) {
	r.stream.report.Clear(code)
	if _, held := r.told.LoadAndDelete(code); held {
		r.stream.log.Info("storage: it is over", "condition", code)
	}
}

// storageReporter passes a journal's reports on, and what it lost to the flight
// recorder.
type storageReporter struct {
	keptReporter
	dir string
	output.Incidents
}

var _ journal.Reporter = storageReporter{}

// Stats implements journal.Reporter.
func (r storageReporter) Stats(s journal.Stats) {
	r.stream.report.SetStorage(&status.Storage{
		Path: r.dir, Files: s.Reels, Recordings: s.Kept, Bytes: s.Bytes, RecordingBytes: s.KeptBytes, Free: s.Free,
		Writing: s.Writing, Written: s.Written, Segments: s.Segments, Lost: s.Lost, Behind: s.Behind, Faults: s.Faults,
	})
}

// recordReporter passes a recorder's reports on.
type recordReporter struct{ keptReporter }

var _ record.Reporter = recordReporter{}

// State implements record.Reporter.
func (r recordReporter) State(s record.State) {
	r.stream.report.SetRecording(&status.Recording{
		Mode: string(s.Mode), State: string(s.State), Reason: string(s.Reason), Label: s.Label,
		Since: s.Since, Until: s.Until, Next: s.Next, Stopped: s.Stopped,
		File: s.File, Files: s.Files, Bytes: s.Bytes, Seconds: s.Seconds,
		Free: s.Storage.Free, Rate: s.Storage.Rate, Remaining: s.Storage.Seconds,
	})
}
