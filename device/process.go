package device

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/status"
)

// processEvery is how often the daemon looks at what it uses itself.
const processEvery = 2 * time.Second

// watchProcess reports what the daemon uses until ctx ends.
func watchProcess(ctx context.Context, report func(status.Process)) {
	tick := time.NewTicker(processEvery)
	defer tick.Stop()
	cpu, at := cpuTime(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			used := cpuTime()
			p := status.Process{Goroutines: runtime.NumGoroutine()}
			p.CPUPercent = 100 * float64(used-cpu) / float64(now.Sub(at))
			p.RSS, _ = residentBytes() // 0 where /proc is not mounted
			report(p)
			cpu, at = used, now
		}
	}
}

// cpuTime is the user and system time of all threads.
func cpuTime() time.Duration {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// residentBytes is the process's resident set, from proc(5) statm.
func residentBytes() (uint64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, fmt.Errorf("read /proc/self/statm: unexpected content %q", statm)
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read /proc/self/statm: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
