package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/viewer"
)

// bench is what all trials share.
type bench struct {
	o        options
	dir      string // on tmpfs
	disk     *measure.Disk
	mp4, mkv string
	encoderd string  // binary
	rate     float64 // of the clip, bytes a second
	log      io.Writer
}

func prepare(ctx context.Context, o options, w io.Writer) (*bench, error) {
	b := &bench{o: o, log: w}
	if err := b.fill(ctx); err != nil {
		b.remove()
		return nil, err
	}
	return b, nil
}

func (b *bench) fill(ctx context.Context) (err error) {
	if b.dir, err = measure.MemoryFolder(); err != nil {
		return err
	}
	if b.disk, err = measure.NewDisk(b.o.disk); err != nil {
		return err
	}
	if b.disk.Own != nil {
		fmt.Fprintf(b.log, "what the file system itself writes is not measured: it is shared (%v)\n", b.disk.Own)
	}
	fmt.Fprintln(b.log, "making the clip, building the programs")
	if b.mp4, b.mkv, err = footage.Bench(ctx); err != nil {
		return err
	}
	fi, err := os.Stat(b.mp4)
	if err != nil {
		return err
	}
	b.rate = float64(fi.Size()) / footage.BenchDuration.Seconds()
	for _, clip := range []*string{&b.mp4, &b.mkv} {
		if *clip, err = measure.CopyInto(b.dir, *clip); err != nil {
			return err
		}
	}
	if b.encoderd = b.o.binary; b.encoderd == "" {
		b.encoderd, err = encoderd.Build(b.dir)
	}
	return err
}

func (b *bench) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
	if b.disk != nil {
		b.disk.Remove()
	}
}

// trial is what one run of a case has cost.
type trial struct {
	CPU     float64 `json:"cpu"`         // seconds a stream-second
	Peak    float64 `json:"peak_mb"`     // MB of 2^20 bytes, since the start of the process
	Startup float64 `json:"startup_cpu"` // seconds until every sink received
	Others  float64 `json:"others"`      // CPUs busy with what is no part of the trial
	Steal   float64 `json:"steal"`       // CPUs the hypervisor withheld

	Seconds float64 `json:"seconds"`      // measured
	Flash   int64   `json:"flash_bytes"`  // that the process wrote to the disk in that time, in whole pages
	Begun   int64   `json:"flash_before"` // and before
	Disk    int64   `json:"disk_bytes"`   // that lie in the recordings' folder at the end
	Device  int64   `json:"device_bytes"` // that the device was given in that time; 0 where that is not known
	// By each byte of the stream in the recording: what its file has; all that the
	// process has written to the disk; and what the device was given, the file
	// system's own included.
	Written float64 `json:"written_a_byte,omitempty"`
	Pages   float64 `json:"pages_a_byte,omitempty"`
	Blocks  float64 `json:"blocks_a_byte,omitempty"`
}

func (t trial) String() string {
	s := fmt.Sprintf("%.4f CPU-s/s  %5.1f MB  %.3f MB/s to disk", t.CPU, t.Peak, float64(t.Flash)/t.Seconds/1e6)
	if t.Pages > 0 {
		s += fmt.Sprintf(", %.3f of the stream's, %.3f with the file system's own", t.Pages, t.Blocks)
	}
	return s + fmt.Sprintf("  (others %.2f CPUs, steal %.2f)", t.Others, t.Steal)
}

// errVoid marks a trial whose figures do not count, though nothing is broken.
var errVoid = errors.New("the figures do not count")

// trial runs a case once, and again where that was void: a virtual machine may
// be stopped for seconds, and then nothing arrives.
func (b *bench) trial(ctx context.Context, c benchCase) (t trial, err error) {
	const attempts = 3
	for range attempts {
		t, err = b.attempt(ctx, c)
		if !errors.Is(err, errVoid) {
			return t, err
		}
		fmt.Fprintf(b.log, "void: %s: %v\n", c.name(), err)
	}
	return t, fmt.Errorf("void %d times in a row: %w", attempts, err)
}

// within gives f a test with folders on tmpfs and a folder on the disk.
func (b *bench) within(f func(tb peer.TB, disk string) error) error {
	dir, err := os.MkdirTemp(b.dir, "trial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	disk, err := os.MkdirTemp(b.disk.Dir, "trial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(disk)
	var failed error
	err = peer.Do(dir, b.log, func(tb peer.TB) { failed = f(tb, disk) })
	return errors.Join(failed, err)
}

func (b *bench) attempt(ctx context.Context, c benchCase) (t trial, err error) {
	err = b.within(func(tb peer.TB, disk string) error {
		p := b.start(tb, c, disk)
		s := watch(tb, c.job, p)
		t, err = b.observe(ctx, tb, p, s)
		return err
	})
	return t, err
}

// observe measures a running contender, ends it, and looks at what it recorded.
func (b *bench) observe(ctx context.Context, tb peer.TB, p contender, s *sinks) (t trial, err error) {
	if err := s.await(ctx, p.Process); err != nil {
		return t, err
	}
	t.Startup = measure.CPUTime(p.PID()).Seconds()
	if s.job.watched {
		s.viewers = []*viewer.Viewer{viewer.HLS(tb, p.daemon.HLS("")), viewer.DASH(tb, p.daemon.URL+"/dash/main/manifest.mpd")}
		if err := s.await(ctx, p.Process); err != nil {
			return t, err
		}
	}
	if err := sleep(ctx, b.o.settle); err != nil {
		return t, err
	}
	before, err := b.sample(s, p)
	if err != nil {
		return t, err
	}
	if err := sleep(ctx, b.o.window); err != nil {
		return t, err
	}
	after, err := b.sample(s, p)
	if err != nil {
		return t, err
	}
	if late := after.at.Sub(before.at) - b.o.window; late > time.Second/2 {
		return t, fmt.Errorf("%w: this program stood still for %v", errVoid, late.Round(time.Millisecond))
	}
	if err := s.check(before, after, b.rate); err != nil {
		return t, err
	}
	u, err := p.Usage()
	if err != nil {
		return t, err
	}
	t.Peak = float64(u.PeakRSS) / (1 << 20)
	t.costs(before, after)
	return t, b.recorded(ctx, &t, p, s, before, after)
}

// recorded ends the contender and judges what it has recorded.
func (b *bench) recorded(ctx context.Context, t *trial, p contender, s *sinks, begin, at sample) error {
	for _, v := range s.viewers {
		v.Stop()
	}
	p.Stop()
	var err error
	if t.Disk, err = folderSize(p.disk); err != nil || !s.job.recorded {
		return err
	}
	files, err := filepath.Glob(filepath.Join(p.disk, "main", "*.mp4"))
	if p.daemon == nil {
		files, err = filepath.Glob(filepath.Join(p.disk, "*.mp4"))
	}
	if err != nil || len(files) != 1 {
		return fmt.Errorf("it recorded %q, not one file: %w", files, errors.Join(err, fmt.Errorf("it wrote:\n%s", p.Log())))
	}
	if err := checkTracks(ctx, files[0]); err != nil {
		return err
	}
	stream := at.recorded // of ffmpeg, whose tables come last
	if p.daemon != nil {
		if stream, err = streamBytes(files[0], at.recorded); err != nil {
			return err
		}
	}
	t.Written = float64(at.recorded) / float64(stream)
	t.Pages = float64(at.flash) / float64(stream)
	t.Blocks = float64(t.Device) / float64(at.recorded-begin.recorded) * t.Written
	return nil
}

// checkTracks says whether a recording lacks the picture or the sound.
func checkTracks(ctx context.Context, file string) error {
	p, err := peer.Probe(ctx, file, peer.ProbeOptions{})
	if err != nil {
		return err
	}
	v, a := p.First("video"), p.First("audio")
	if v == nil || a == nil || v.Codec != "h264" || a.Codec != "aac" {
		return fmt.Errorf("the recording has not H.264 and AAC but %+v", p.Streams)
	}
	return nil
}

func (t *trial) costs(a, b sample) {
	elapsed := b.at.Sub(a.at).Seconds()
	mine := (b.cpu - a.cpu).Seconds()
	t.Seconds, t.CPU = elapsed, mine/elapsed
	t.Flash, t.Begun, t.Device = b.flash-a.flash, a.flash, b.device-a.device
	known := mine + (b.own - a.own).Seconds()
	t.Others = max(0, (b.machine.Busy-a.machine.Busy)-known) / elapsed
	t.Steal = (b.machine.Steal - a.machine.Steal) / elapsed
}

func folderSize(dir string) (sum int64, err error) {
	err = filepath.Walk(dir, func(_ string, fi os.FileInfo, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil // never made
		case err == nil && !fi.IsDir():
			sum += fi.Size()
		}
		return err
	})
	return sum, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isSegment says whether a file of the live window has media.
func isSegment(name string) bool { return strings.Contains(name, ".m4s") }

// isRecording does so of the disk.
func isRecording(name string) bool {
	return strings.Contains(name, ".mp4") && !strings.HasSuffix(name, ".sha256")
}
