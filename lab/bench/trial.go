package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	o              options
	dir            string // on tmpfs
	mp4, mkv, ts   string
	encoderd, bare string  // binaries
	srtSink        string  // too
	rate           float64 // of the clip, bytes a second
	log            io.Writer
}

func prepare(ctx context.Context, o options, w io.Writer) (*bench, error) {
	dir, err := measure.MemoryFolder()
	if err != nil {
		return nil, err
	}
	b := &bench{o: o, dir: dir, log: w}
	if err := b.fill(ctx); err != nil {
		b.remove()
		return nil, err
	}
	return b, nil
}

func (b *bench) fill(ctx context.Context) (err error) {
	fmt.Fprintln(b.log, "making the clip, building the programs")
	if b.mp4, b.mkv, err = footage.Bench(ctx); err != nil {
		return err
	}
	fi, err := os.Stat(b.mp4)
	if err != nil {
		return err
	}
	for _, clip := range []*string{&b.mp4, &b.mkv} {
		if *clip, err = measure.CopyInto(b.dir, *clip); err != nil {
			return err
		}
	}
	b.rate = float64(fi.Size()) / footage.BenchDuration.Seconds()
	if b.ts, err = makeTS(ctx, b.mkv, b.dir); err != nil {
		return err
	}
	b.bare, b.srtSink = filepath.Join(b.dir, "baresrt"), filepath.Join(b.dir, "srtsink")
	if err := goBuild(ctx, b.bare, "./lab/bench/baresrt"); err != nil {
		return err
	}
	if err := goBuild(ctx, b.srtSink, "./lab/bench/srtsink"); err != nil {
		return err
	}
	if b.encoderd = b.o.binary; b.encoderd == "" {
		b.encoderd, err = encoderd.Build(b.dir)
	}
	return err
}

func (b *bench) remove() { _ = os.RemoveAll(b.dir) }

func goBuild(ctx context.Context, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// trial is what one run of a case has cost.
type trial struct {
	CPU     float64            `json:"cpu"`              // seconds a stream-second
	LibSRT  float64            `json:"libsrt"`           // the part of it in libsrt's own threads
	Peak    float64            `json:"peak_mb"`          // MB of 2^20 bytes, since the start of the process
	Startup float64            `json:"startup_cpu"`      // seconds until every sink received
	P99     map[string]float64 `json:"p99_ms,omitempty"` // by destination
	Others  float64            `json:"others"`           // CPUs busy with what is no part of the trial
	Steal   float64            `json:"steal"`            // CPUs the hypervisor withheld
}

func (t trial) String() string {
	s := fmt.Sprintf("%.4f CPU-s/s (libsrt %.4f)  %5.1f MB", t.CPU, t.LibSRT, t.Peak)
	if len(t.P99) > 0 {
		s += fmt.Sprintf("  p99 %.2f ms at worst", t.worst())
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

func (b *bench) attempt(ctx context.Context, c benchCase) (t trial, err error) {
	dir, err := os.MkdirTemp(b.dir, "trial-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	var failed error
	err = peer.Do(dir, b.log, func(tb peer.TB) {
		if c.job.copies > 0 {
			f := b.startFan(tb, c.job)
			p, d := b.startFanned(tb, c, f)
			t, failed = b.observe(ctx, tb, c.job, f, p, d)
			return
		}
		s := startSinks(tb, c.job)
		p, d := b.start(tb, c, s)
		if s.job.hls {
			s.watchHLS(tb)
		}
		t, failed = b.observe(ctx, tb, c.job, s, p, d)
	})
	return t, errors.Join(failed, err)
}

// observe measures a running contender.
func (b *bench) observe(ctx context.Context, tb peer.TB, j job, s receivers, p *peer.Process, d *encoderd.Daemon) (t trial, err error) {
	if err := await(ctx, s, p); err != nil {
		return t, err
	}
	began := time.Now()
	t.Startup = measure.CPUTime(p.PID()).Seconds()
	if j.player {
		viewer.HLS(tb, d.HLS(""))
	}
	if err := sleep(ctx, b.o.settle); err != nil {
		return t, err
	}
	before, err := b.sample(ctx, s, p)
	if err != nil {
		return t, err
	}
	if err := sleep(ctx, b.o.window); err != nil {
		return t, err
	}
	after, err := b.sample(ctx, s, p)
	if err != nil {
		return t, err
	}
	if late := after.at.Sub(before.at) - b.o.window; late > time.Second/2 {
		return t, fmt.Errorf("%w: this program stood still for %v", errVoid, late.Round(time.Millisecond))
	}
	if err := s.check(before.received, after.received, b.rate); err != nil {
		return t, err
	}
	u, err := p.Usage()
	if err != nil {
		return t, err
	}
	t.Peak = float64(u.PeakRSS) / (1 << 20)
	t.costs(before, after)
	if d != nil {
		if err := sleep(ctx, time.Until(began.Add(steady(j)))); err != nil {
			return t, err
		}
		t.P99 = latencies(d)
	}
	return t, s.checkTracks(ctx)
}

// latencies of the destinations; they cover the last 10 to 20 seconds.
func latencies(d *encoderd.Daemon) map[string]float64 {
	all := map[string]float64{}
	for _, dest := range encoderd.Stream(d.Status(), "main").Destinations {
		all[dest.Name] = dest.LatencyP99
	}
	return all
}

// sample is the state of a trial at one moment.
type sample struct {
	received received
	at       time.Time
	cpu      time.Duration // of the contender
	libsrt   time.Duration // of its threads that are libsrt's
	sinks    time.Duration
	own      time.Duration // of this program
	machine  measure.MachineTime
}

func (b *bench) sample(ctx context.Context, s receivers, p *peer.Process) (x sample, err error) {
	if x.received, err = s.received(ctx); err != nil {
		return x, err
	}
	select {
	case <-p.Done():
		return x, fmt.Errorf("it has ended:\n%s", p.Log())
	default:
	}
	x.at, x.cpu, x.sinks, x.own = time.Now(), measure.CPUTime(p.PID()), s.cpu(), measure.CPUTime(os.Getpid())
	x.libsrt = libsrtTime(p.PID())
	x.machine, err = measure.ReadMachineTime()
	return x, err
}

func (t *trial) costs(a, b sample) {
	elapsed := b.at.Sub(a.at).Seconds()
	mine := (b.cpu - a.cpu).Seconds()
	t.CPU = mine / elapsed
	t.LibSRT = (b.libsrt - a.libsrt).Seconds() / elapsed
	known := mine + (b.sinks - a.sinks).Seconds() + (b.own - a.own).Seconds()
	t.Others = max(0, (b.machine.Busy-a.machine.Busy)-known) / elapsed
	t.Steal = (b.machine.Steal - a.machine.Steal) / elapsed
}

// libsrtTime is the time of the threads that libsrt runs in a process, which
// it names SRT:SndQ and the like. They last as long as the connection.
func libsrtTime(pid int) (sum time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		name, err := os.ReadFile(filepath.Join(thread, "comm"))
		if err != nil || !strings.HasPrefix(string(name), "SRT:") {
			continue
		}
		stat, _ := os.ReadFile(filepath.Join(thread, "schedstat")) // nanoseconds on a CPU first
		first, _, _ := strings.Cut(string(stat), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(ns)
	}
	return sum
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
