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
	"github.com/encoderbox/encoderbox/device/httpd"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/segment"
)

// hlsSpec is what a stream's segments and playlists are made of.
type hlsSpec struct {
	Segment config.Segment
	Live    string // storage.live, "" for the default
}

func (s hlsSpec) segmenter(dir string) segment.Config {
	return segment.Config{
		Dir:      dir,
		Duration: s.Segment.Duration.Std(),
		Segments: s.Segment.Window.Segments,
		Window:   s.Segment.Window.Duration.Std(),
		Grace:    s.Segment.Grace.Std(),
	}
}

func (d *box) hlsComponent(cfg *config.Config, st *stream, sc config.Stream) reconcile.Component {
	spec := hlsSpec{Segment: sc.Segment, Live: cfg.Storage.Live}
	failures := failureLog{log: st.log, message: "hls failed"}
	return reconcile.Component{
		ID: "stream " + st.name + "/hls", Spec: spec,
		Make:  func() (reconcile.Runner, error) { return newHLSServer(cfg, spec, st, d.hls) },
		Ready: failures.over,
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			st.report.Raise(status.Condition{Code: conditionHLS, Severity: status.Error, Message: err.Error()})
		},
		Removed: func() {
			st.report.SetHLS(nil)
			st.report.Clear(conditionHLS)
		},
	}
}

// hlsServer segments a stream and serves the segments while it runs.
type hlsServer struct {
	spec      hlsSpec
	stream    *stream
	mounts    *httpd.Mounts
	dir       string
	segmenter *segment.Segmenter
}

func newHLSServer(cfg *config.Config, spec hlsSpec, st *stream, mounts *httpd.Mounts) (*hlsServer, error) {
	live, err := cfg.LivePath()
	if err != nil {
		return nil, err
	}
	s := &hlsServer{spec: spec, stream: st, mounts: mounts, dir: filepath.Join(live, st.name)}
	s.segmenter, err = segment.New(spec.segmenter(s.dir), st.hub, hlsReporter{st})
	return s, err
}

// Run implements reconcile.Runner.
func (s *hlsServer) Run(ctx context.Context, ready func()) error {
	unlock, err := lockFolder(s.dir)
	if err != nil {
		return err
	}
	defer unlock()
	s.stream.report.Clear(conditionHLS)
	defer s.mounts.Mount(s.stream.name, hls.NewHandler(s.segmenter))()
	return s.segmenter.Run(ctx, ready)
}

// Update implements reconcile.Updater: the window changes live.
func (s *hlsServer) Update(spec any) error {
	next, ok := spec.(hlsSpec)
	if !ok || next.Live != s.spec.Live {
		return reconcile.ErrRestart
	}
	if err := s.segmenter.Update(next.segmenter(s.dir)); err != nil {
		if errors.Is(err, segment.ErrRestart) {
			return reconcile.ErrRestart
		}
		return err
	}
	s.spec = next
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

// hlsReporter passes a segmenter's reports on to status.
type hlsReporter struct{ stream *stream }

// Raise implements segment.Reporter.
func (r hlsReporter) Raise(code, message string) {
	severity := status.Error
	if code == segment.ConditionForcedCut {
		severity = status.Warning
	}
	r.stream.report.Raise(status.Condition{Code: code, Severity: severity, Message: message})
}

// Clear implements segment.Reporter.
func (r hlsReporter) Clear(code string) { r.stream.report.Clear(code) }

// Stats implements segment.Reporter.
func (r hlsReporter) Stats(s segment.Stats) {
	r.stream.report.SetHLS(&status.HLS{
		URL:      "/hls/" + r.stream.name + "/index.m3u8",
		Segments: s.Segments, FirstSequence: s.FirstSequence, LastSequence: s.LastSequence,
		LastDuration: s.LastDuration.Seconds(), TargetDuration: s.TargetDuration.Seconds(),
		WindowBytes: uint64(s.WindowBytes), WindowDuration: s.WindowDuration.Seconds(),
		Dropped: s.Dropped, Discontinuities: s.Discontinuities,
	})
}
