package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/hwbench/wire"
)

// meter waits until the encoder has coded some pictures, and then measures the
// process over some more. All contenders are measured by this one counter, the
// encoder driver's own.
func meter(ctx context.Context, args []string, w io.Writer) error {
	f := flag.NewFlagSet("meter", flag.ContinueOnError)
	pid := f.Int("pid", 0, "process")
	settle := f.Int("settle", 0, "pictures before")
	pictures := f.Int("pictures", 0, "pictures measured")
	if err := f.Parse(args); err != nil {
		return err
	}
	coded, err := counter("pictures")
	if err != nil {
		return err
	}
	if err := await(ctx, coded+*settle); err != nil {
		return err
	}
	before, err := sample(*pid)
	if err != nil {
		return err
	}
	if err := await(ctx, before.pictures+*pictures); err != nil {
		return err
	}
	after, err := sample(*pid)
	if err != nil {
		return err
	}
	bits := after.bits - before.bits
	return json.NewEncoder(w).Encode(wire.Cost{
		Pictures: after.pictures - before.pictures,
		CPU:      after.cpu - before.cpu,
		User:     after.user - before.user,
		System:   after.system - before.system,
		Wall:     after.at.Sub(before.at),
		Switches: after.switches - before.switches,
		Bits:     bits,
		Threads:  after.threads,
	})
}

type measured struct {
	at                time.Time
	pictures, bits    int
	cpu, user, system time.Duration
	switches, threads int
}

func sample(pid int) (m measured, err error) {
	m.at = time.Now()
	if m.cpu, err = cpuTime(pid); err != nil {
		return m, err
	}
	if m.pictures, err = counter("pictures"); err != nil {
		return m, err
	}
	if m.bits, err = counter("bits"); err != nil {
		return m, err
	}
	if m.user, m.system, err = split(pid); err != nil {
		return m, err
	}
	m.switches, m.threads, err = switches(pid)
	return m, err
}

// await waits until the encoder has coded that many pictures in all.
func await(ctx context.Context, until int) error {
	const patience = 30 * time.Second // without any picture
	last, at := -1, time.Now()
	for {
		n, err := counter("pictures")
		switch {
		case err != nil:
			return err
		case n >= until:
			return nil
		case n != last:
			last, at = n, time.Now()
		case time.Since(at) > patience:
			return fmt.Errorf("no picture was coded for %v", patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// counter is one of the encoder driver's.
func counter(name string) (int, error) {
	const file = "/sys/kernel/debug/vh264/stats"
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 2 && strings.TrimSuffix(f[0], ":") == name {
			return strconv.Atoi(f[1])
		}
	}
	return 0, fmt.Errorf("%s has no counter %s", file, name)
}

// cpuTime is the user and system time of a process, all its threads and those
// that have ended included, to the nanosecond: its CPU-time clock, whose id
// clock_getcpuclockid(3) makes of the process id.
func cpuTime(pid int) (time.Duration, error) {
	const sched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|sched, &ts); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// split is user and system time as proc(5) has them, in ticks.
func split(pid int) (user, system time.Duration, err error) {
	const tick = time.Second / 100
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(f) < 13 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	u, err := strconv.Atoi(string(f[11]))
	s, err2 := strconv.Atoi(string(f[12]))
	return time.Duration(u) * tick, time.Duration(s) * tick, errors.Join(err, err2)
}

// switches are the context switches of all threads that are alive.
func switches(pid int) (n, threads int, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.HasSuffix(name, "voluntary_ctxt_switches") {
				k, err := strconv.Atoi(strings.TrimSpace(value))
				if err != nil {
					return 0, 0, fmt.Errorf("%s: %w", file, err)
				}
				n += k
			}
		}
	}
	return n, len(files), nil
}
