package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is the outcome of a run, as it is kept under build/bench.
type report struct {
	Time    time.Time `json:"time"`
	Machine machine   `json:"machine"`
	Repeats int       `json:"repeats"`
	Window  float64   `json:"window_seconds"`
	Bitrate float64   `json:"bitrate"` // of the clip, container included, bits a second
	Rows    []row     `json:"cases"`
	Goals   []goal    `json:"goals"`
}

type machine struct {
	CPU    string  `json:"cpu"`
	CPUs   int     `json:"cpus"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	FFmpeg string  `json:"ffmpeg"`
	SRT    string  `json:"libsrt"`
	Others float64 `json:"others"` // CPUs busy with other things, median of all trials
	Steal  float64 `json:"steal"`
}

// row is one case.
type row struct {
	Program string  `json:"program"`
	Job     string  `json:"job"`
	Trials  []trial `json:"trials"`

	CPU     spread             `json:"cpu"`
	LibSRT  float64            `json:"libsrt"` // median
	Peak    spread             `json:"peak_mb"`
	Startup float64            `json:"startup_cpu"`      // median
	P99     map[string]float64 `json:"p99_ms,omitempty"` // medians
}

func newReport(o options, rate float64) *report {
	return &report{
		Time: time.Now().UTC(), Repeats: o.repeats,
		Window: o.window.Seconds(), Bitrate: rate * 8,
	}
}

func (r *report) row(program string, j job) *row {
	for i := range r.Rows {
		if r.Rows[i].Program == program && r.Rows[i].Job == j.String() {
			return &r.Rows[i]
		}
	}
	return nil
}

func (r *report) add(c benchCase, t trial) {
	if r.row(c.program, c.job) == nil {
		r.Rows = append(r.Rows, row{Program: c.program, Job: c.job.String()})
	}
	w := r.row(c.program, c.job)
	w.Trials = append(w.Trials, t)
}

// finish computes what follows from the trials.
func (r *report) finish() {
	var others, steal []float64
	for i := range r.Rows {
		w := &r.Rows[i]
		w.CPU = spreadOf(w.pick(func(t trial) float64 { return t.CPU }))
		w.Peak = spreadOf(w.pick(func(t trial) float64 { return t.Peak }))
		w.LibSRT = median(w.pick(func(t trial) float64 { return t.LibSRT }))
		w.Startup = median(w.pick(func(t trial) float64 { return t.Startup }))
		w.P99 = map[string]float64{}
		for name := range w.Trials[0].P99 {
			w.P99[name] = median(w.pick(func(t trial) float64 { return t.P99[name] }))
		}
		others = append(others, w.pick(func(t trial) float64 { return t.Others })...)
		steal = append(steal, w.pick(func(t trial) float64 { return t.Steal })...)
	}
	r.Machine.Others, r.Machine.Steal = median(others), median(steal)
	r.Goals = goals(r)
}

// pick is one figure of every trial.
func (w *row) pick(f func(trial) float64) []float64 {
	var all []float64
	for _, t := range w.Trials {
		all = append(all, f(t))
	}
	return all
}

func (r *report) save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func load(file string) (*report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("no run to show: %w", err)
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return r, nil
}

// print writes the table for people.
func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t"))
	for _, c := range r.ordered() {
		fmt.Fprintln(t, strings.Join(c.cells(), "\t"))
	}
	_ = t.Flush()
}

// columns of the table; a row's cells.
var columns = []string{"job", "program", "CPU-s a stream-s", "lowest – highest", "of it libsrt's threads", "start-up CPU-s", "peak MB", "p99 RTMP", "p99 SRT"}

func (w row) cells() []string {
	libsrt := "–"
	if w.LibSRT > 0 {
		libsrt = fmt.Sprintf("%.4f", w.LibSRT)
	}
	return []string{
		w.Job, w.Program, fmt.Sprintf("%.4f", w.CPU.Median), fmt.Sprintf("%.4f – %.4f", w.CPU.Low, w.CPU.High),
		libsrt, fmt.Sprintf("%.2f", w.Startup), fmt.Sprintf("%.1f", w.Peak.High), delay(w.P99, "rtmp"), delay(w.P99, "srt"),
	}
}

func delay(p99 map[string]float64, name string) string {
	if ms, ok := p99[name]; ok {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return "–"
}

// ordered are the rows as cases has them: those measured, that is.
func (r *report) ordered() []row {
	var all []row
	for _, c := range cases {
		if w := r.row(c.program, c.job); w != nil {
			all = append(all, *w)
		}
	}
	return all
}

func (r *report) printGoals(w io.Writer) {
	for _, g := range r.Goals {
		fmt.Fprintln(w, g)
	}
}

// thisMachine is what the figures depend on.
func thisMachine() machine {
	return machine{
		CPU: cpuModel(), CPUs: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version(),
		FFmpeg: version("ffmpeg", "-version"), SRT: version("srt-live-transmit", "-version"),
	}
}

// spread of repeated measurements.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func spreadOf(all []float64) spread {
	if len(all) == 0 {
		return spread{}
	}
	return spread{median(all), slices.Min(all), slices.Max(all)}
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}
