package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// section is where the tables of a run stand in the document.
func section() measure.Section { return measure.SectionOf("hardware figures", "./lab/hwbench") }

var columns = []string{"picture", "job", "program", "CPU-ms a picture", "lowest – highest", "of it in the kernel", "context switches a picture"}

func (w row) cells() []string {
	return []string{
		fmt.Sprintf("%s, %d fps, %.1f Mb/s", w.Size, w.Rate, float64(w.Bitrate)/1e6), w.Job, w.Program,
		fmt.Sprintf("%.2f", w.MS.Median), fmt.Sprintf("%.2f – %.2f", w.MS.Low, w.MS.High),
		fmt.Sprintf("%.0f %%", 100*w.System), fmt.Sprintf("%.1f", w.Wakes),
	}
}

func (r *report) table() measure.Table {
	t := measure.Table{Columns: columns}
	for _, c := range r.Rows {
		t.Rows = append(t.Rows, c.cells())
	}
	return t
}

func (r *report) markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "\nMeasured on %s: %d repeats of %d coded pictures; %d emulated Cortex-A72 (QEMU %s, 500 million instructions a second), Linux %s, %s, ffmpeg %s.\n\n",
		r.Time.Format("2 January 2006"), r.Repeats, r.Pictures, m.CPUs, m.QEMU, m.Kernel, strings.Replace(m.Go, "go", "Go ", 1), m.FFmpeg)
	b.WriteString(measure.GoalTable(r.Goals).Markdown() + "\n" + r.table().Markdown() + "\n")
	return b.String()
}

// machine is what the figures depend on.
func (b *bench) machine() machine {
	m := machine{CPUs: strings.Count(b.box.Must("cat", "/proc/cpuinfo"), "processor"), Go: runtime.Version()}
	m.Kernel, _, _ = strings.Cut(strings.TrimSpace(b.box.Must("uname", "-r")), "-")
	m.FFmpeg = versionIn(b.box.Must("ffmpeg", "-version"))
	if out, err := exec.CommandContext(context.Background(), "qemu-system-aarch64", "--version").Output(); err == nil {
		m.QEMU = versionIn(string(out))
	}
	return m
}

// versionIn is what stands behind the first "version" of a program's greeting.
func versionIn(text string) string {
	_, rest, _ := strings.Cut(text, "version ")
	if f := strings.Fields(rest); len(f) > 0 {
		return f[0]
	}
	return "?"
}
