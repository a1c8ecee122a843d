package measure

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what the figures depend on.
type Machine struct {
	CPU    string  `json:"cpu"`
	CPUs   int     `json:"cpus"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	FFmpeg string  `json:"ffmpeg"`
	Others float64 `json:"others"` // CPUs busy with other things, median of all trials
	Steal  float64 `json:"steal"`
}

// ThisMachine is the one that this program runs on. Others and Steal are for
// who measures them.
func ThisMachine() Machine {
	return Machine{
		CPU: cpuModel(), CPUs: runtime.NumCPU(), Kernel: kernel(),
		Go: strings.Replace(runtime.Version(), "go", "Go ", 1), FFmpeg: Version("ffmpeg", "-version"),
	}
}

// String has what stands above the tables.
func (m Machine) String() string {
	return fmt.Sprintf("%d × %s, Linux %s, %s, ffmpeg %s", m.CPUs, m.CPU, m.Kernel, m.Go, m.FFmpeg)
}

// Noise says how busy it was otherwise.
func (m Machine) Noise() string {
	return fmt.Sprintf("Other programs kept %.2f CPUs busy meanwhile, and the hypervisor withheld %.2f (medians).", m.Others, m.Steal)
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown CPU"
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "?"
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return release
}

// Version is the first version number that a program prints.
func Version(program string, args ...string) string {
	out, _ := exec.Command(program, args...).CombinedOutput() // some exit with an error after it
	for _, word := range strings.Fields(string(out)) {
		if word = strings.TrimLeft(word, "v"); len(word) > 2 && word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
			return word
		}
	}
	return "?"
}

// CPUTime is the user and system time of a process, all its threads and those
// that have ended included, to the nanosecond: its CPU-time clock, whose id
// clock_getcpuclockid(3) makes of the process id. 0 for a process that is gone.
func CPUTime(pid int) time.Duration {
	const sched = 2
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid)<<3|sched, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// MachineTime is what all CPUs together have done, in seconds.
type MachineTime struct{ Busy, Steal float64 }

// ReadMachineTime reads the machine's.
func ReadMachineTime() (MachineTime, error) { return readMachineTime("/proc/stat") }

// readMachineTime reads the first line of proc(5)'s stat.
func readMachineTime(file string) (l MachineTime, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return l, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return l, fmt.Errorf("read %s: unexpected first line %q", file, line)
	}
	for i, field := range f[1:9] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return l, fmt.Errorf("read %s: %w", file, err)
		}
		switch n /= 100; i { // in hundredths of a second on every platform
		case 3, 4: // idle, iowait
		case 7:
			l.Steal = n
		default:
			l.Busy += n
		}
	}
	return l, nil
}

// BytesWritten is what a process has had the kernel write to block devices, in
// whole pages, each time one became dirty: proc(5)'s write_bytes. What it writes
// to memory file systems is none of it.
func BytesWritten(pid int) (int64, error) { return writeBytes(fmt.Sprintf("/proc/%d/io", pid)) }

func writeBytes(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			return strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		}
	}
	return 0, fmt.Errorf("read %s: no write_bytes", file)
}
