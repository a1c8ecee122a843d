package peer

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Usage is what a process has cost so far.
type Usage struct {
	CPU     time.Duration // user and system time
	PeakRSS int64         // bytes; 0 when it ended before it was ever sampled
}

// userHz is the unit of times in /proc, the same on every Linux platform.
const userHz = 100

// Usage reads what the process has cost. After the end, CPU is the kernel's
// exact account; PeakRSS is that of the last sample: Stop takes one, so does a
// call while the process runs. (The kernel's own peak of an ended child is no
// use: it starts at the size of the program that forked it.)
func (p *Process) Usage() (Usage, error) {
	if p.ended() {
		s := p.cmd.ProcessState
		p.mu.Lock()
		defer p.mu.Unlock()
		return Usage{CPU: s.UserTime() + s.SystemTime(), PeakRSS: p.peakRSS}, nil
	}
	cpu, err := cpuTime(p.PID())
	if err != nil {
		return Usage{}, fmt.Errorf("peer: usage of %s: %w", p.name, err)
	}
	return Usage{CPU: cpu, PeakRSS: p.sampleRSS()}, nil
}

// sampleRSS keeps the process's peak resident size and returns it.
func (p *Process) sampleRSS() int64 {
	rss, err := peakRSS(p.PID())
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.peakRSS = max(p.peakRSS, rss)
	}
	return p.peakRSS
}

func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is a name in brackets, in which anything may stand.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	var ticks int64
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.ParseInt(string(f[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHz, nil
}

func peakRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kb, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status: no VmHWM", pid)
}
