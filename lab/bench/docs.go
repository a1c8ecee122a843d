package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// The tables of a run stand between these lines of the document.
const (
	docsBegin = "<!-- figures: written by go run ./lab/bench -docs, do not edit -->"
	docsEnd   = "<!-- end of figures -->"
)

// writeDocs replaces what is between the markers.
func (r *report) writeDocs(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	next, err := splice(string(text), r.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(next), 0o644)
}

func splice(doc, figures string) (string, error) {
	before, rest, ok := strings.Cut(doc, docsBegin+"\n")
	_, after, ok2 := strings.Cut(rest, docsEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("no lines %q and %q to write the figures between", docsBegin, docsEnd)
	}
	return before + docsBegin + "\n" + figures + docsEnd + after, nil
}

func (r *report) markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "\nMeasured on %s: %d repeats of %.0f s, %.2f Mb/s; %d × %s, Linux %s, %s, ffmpeg %s, libsrt %s. "+
		"Other programs kept %.2f CPUs busy meanwhile, and the hypervisor withheld %.2f (medians).\n\n",
		r.Time.Format("2 January 2006"), r.Repeats, r.Window, r.Bitrate/1e6,
		m.CPUs, m.CPU, m.Kernel, strings.Replace(m.Go, "go", "Go ", 1), m.FFmpeg, m.SRT, m.Others, m.Steal)
	b.WriteString("| goal | measured | at most | |\n|---|---|---|---|\n")
	for _, g := range r.Goals {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.Title, g.measured(), figure(g.Limit), g.margin())
	}
	fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, c := range r.ordered() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(c.cells(), " | "))
	}
	b.WriteString("\n")
	return b.String()
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

// version is the first version number that a program prints.
func version(program string, args ...string) string {
	out, _ := exec.Command(program, args...).CombinedOutput() // some exit with an error after it
	for _, word := range strings.Fields(string(out)) {
		if word = strings.TrimLeft(word, "v"); len(word) > 2 && word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
			return word
		}
	}
	return "?"
}
