package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
)

// The tables of a run stand between these lines of the document.
const (
	docsBegin = "<!-- hardware figures: written by go run ./lab/hwbench -docs, do not edit -->"
	docsEnd   = "<!-- end of hardware figures -->"
)

var columns = []string{"picture", "job", "program", "CPU-ms a picture", "lowest – highest", "of it in the kernel", "context switches a picture"}

func (w row) cells() []string {
	return []string{
		fmt.Sprintf("%s, %d fps, %.1f Mb/s", w.Size, w.Rate, float64(w.Bitrate)/1e6), w.Job, w.Program,
		fmt.Sprintf("%.2f", w.MS.Median), fmt.Sprintf("%.2f – %.2f", w.MS.Low, w.MS.High),
		fmt.Sprintf("%.0f %%", 100*w.System), fmt.Sprintf("%.1f", w.Wakes),
	}
}

// print writes the table for people.
func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t"))
	for _, c := range r.Rows {
		fmt.Fprintln(t, strings.Join(c.cells(), "\t"))
	}
	_ = t.Flush()
}

// writeDocs replaces what is between the markers.
func (r *report) writeDocs(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), docsBegin+"\n")
	_, after, ok2 := strings.Cut(rest, docsEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %q and %q to write the figures between", file, docsBegin, docsEnd)
	}
	return os.WriteFile(file, []byte(before+docsBegin+"\n"+r.markdown()+docsEnd+after), 0o644)
}

func (r *report) markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "\nMeasured on %s: %d repeats of %d coded pictures; %d emulated Cortex-A72 (QEMU %s, 500 million instructions a second), Linux %s, %s, ffmpeg %s.\n\n",
		r.Time.Format("2 January 2006"), r.Repeats, r.Pictures, m.CPUs, m.QEMU, m.Kernel, strings.Replace(m.Go, "go", "Go ", 1), m.FFmpeg)
	b.WriteString("| goal | measured | at most | |\n|---|---|---|---|\n")
	for _, g := range r.Goals {
		fmt.Fprintf(&b, "| %s | %.2f (rounds: %.2f – %.2f) | %.3g | %s |\n", g.Title, g.Value, g.Low, g.High, g.Limit, g.margin())
	}
	fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, c := range r.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(c.cells(), " | "))
	}
	b.WriteString("\n")
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
