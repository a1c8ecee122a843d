package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/segment"
)

// segmentsSpec is what a stream's segments are made of and who serves them.
type segmentsSpec struct {
	Segment   config.Segment
	Live      string // storage.live, "" for the default
	HLS, DASH bool
	Stored    bool // there is an archive
}

func (s segmentsSpec) segmenter(dir string, live *segment.Live) segment.Config {
	return segment.Config{
		Dir:         dir,
		Duration:    s.Segment.Duration.Std(),
		Segments:    s.Segment.Window.Segments,
		Window:      s.Segment.Window.Duration.Std(),
		Grace:       s.Segment.Grace.Std(),
		EpochLocked: s.Segment.EpochLocked,
		Live:        live,
	}
}

// segmented says that something takes a stream's segments.
func segmented(cfg *config.Config, sc config.Stream) bool {
	if sc.HLS.Enabled || sc.DASH.Enabled || stored(cfg) {
		return true
	}
	for _, name := range sc.DestinationNames() {
		if takesSegments(sc.Destinations[name]) {
			return true
		}
	}
	return false
}

func (d *box) segmentsComponent(cfg *config.Config, st *stream, sc config.Stream) reconcile.Component {
	spec := segmentsSpec{
		Segment: sc.Segment, Live: cfg.Storage.Live,
		HLS: sc.HLS.Enabled, DASH: sc.DASH.Enabled, Stored: stored(cfg),
	}
	failures := failureLog{log: st.log, message: "segments failed"}
	dir := "" // of the newest run
	return reconcile.Component{
		ID: "stream " + st.name + "/segments", Spec: spec,
		Needs: []string{storageID(st)}, // numbers go on where storage ends
		Make: func() (reconcile.Runner, error) {
			s, err := d.newSegmentServer(cfg, spec, st)
			if err == nil {
				dir = s.dir
			}
			return s, err
		},
		Ready: failures.over,
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			st.report.Raise(status.Condition{Code: conditionHLS, Severity: status.Error, Message: err.Error()})
		},
		Removed: func() {
			st.live.Retract()
			if dir != "" {
				if err := segment.Clear(dir); err != nil {
					st.log.Warn("segments are left behind", "err", err)
				}
			}
			st.report.SetHLS(nil)
			st.report.Clear(conditionHLS)
		},
	}
}

// segmentServer segments a stream and serves the segments while it runs.
type segmentServer struct {
	box       *box
	spec      segmentsSpec // its Segment is Update's alone
	stream    *stream
	dir       string
	segmenter *segment.Segmenter
}

func (d *box) newSegmentServer(cfg *config.Config, spec segmentsSpec, st *stream) (*segmentServer, error) {
	live, err := cfg.LivePath()
	if err != nil {
		return nil, err
	}
	s := &segmentServer{box: d, spec: spec, stream: st, dir: filepath.Join(live, st.name)}
	sc := spec.segmenter(s.dir, st.live)
	sc.After = st.archive.newest()
	s.segmenter, err = segment.New(sc, st.hub, segmentReporter{st, d.flight.For(st.name, "segments"), spec})
	return s, err
}

// Run implements reconcile.Runner.
func (s *segmentServer) Run(ctx context.Context, ready func()) error {
	unlock, err := lockFolder(s.dir)
	if err != nil {
		return err
	}
	defer unlock()
	st := s.stream
	st.report.Clear(conditionHLS)
	if s.spec.HLS {
		h := hls.NewHandler(st.live)
		if s.spec.Stored {
			h.Archive = st.archive
		}
		defer s.box.hls.Mount(st.name, h)()
	}
	if s.spec.DASH {
		var archive dash.Archive
		if s.spec.Stored {
			archive = st.archive
		}
		defer s.box.dash.Mount(st.name, dash.NewHandler(st.live, st.hub.Clock(), archive))()
	}
	return s.segmenter.Run(ctx, ready)
}

// Update implements reconcile.Updater: the window changes live.
func (s *segmentServer) Update(spec any) error {
	next, ok := spec.(segmentsSpec)
	if !ok || next.Live != s.spec.Live || next.HLS != s.spec.HLS || next.DASH != s.spec.DASH || next.Stored != s.spec.Stored {
		return reconcile.ErrRestart
	}
	if err := s.segmenter.Update(next.segmenter(s.dir, s.stream.live)); err != nil {
		if errors.Is(err, segment.ErrRestart) {
			return reconcile.ErrRestart
		}
		return err
	}
	s.spec.Segment = next.Segment
	return nil
}

// lockFolder keeps two daemons from deleting each other's segments. The lock
// lies beside the folder, which comes and goes.
func lockFolder(dir string) (unlock func(), err error) {
	name := dir + ".lock"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("live window: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("live window: another encoderd uses %s: stop it, or set storage.live to another folder", dir)
		}
		return nil, fmt.Errorf("live window: lock %s: %w", name, err)
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}

// segmentReporter passes a segmenter's reports on to status and to the flight
// recorder.
type segmentReporter struct {
	stream *stream
	output.Incidents
	spec segmentsSpec
}

// Raise implements segment.Reporter.
func (r segmentReporter) Raise(code, message string) {
	severity := status.Error
	if code == segment.ConditionForcedCut || code == segment.ConditionGrid || code == segment.ConditionStill {
		severity = status.Warning
	}
	r.stream.report.Raise(status.Condition{Code: code, Severity: severity, Message: message})
}

// Clear implements segment.Reporter.
func (r segmentReporter) Clear(code string) { r.stream.report.Clear(code) }

// Stats implements segment.Reporter.
func (r segmentReporter) Stats(s segment.Stats) {
	h := &status.HLS{
		Segments: s.Segments, FirstSequence: s.FirstSequence, LastSequence: s.LastSequence,
		LastDuration: s.LastDuration.Seconds(), TargetDuration: s.TargetDuration.Seconds(),
		WindowBytes: uint64(s.WindowBytes), WindowDuration: s.WindowDuration.Seconds(),
		Dropped: s.Dropped, Discontinuities: s.Discontinuities,
	}
	if r.spec.HLS {
		h.URL = "/hls/" + r.stream.name + "/index.m3u8"
	}
	if r.spec.DASH {
		h.DASH = "/dash/" + r.stream.name + "/manifest.mpd"
	}
	r.stream.report.SetHLS(h)
}
