package main

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// report is the outcome of a run, as it is kept under build/bench.
type report struct {
	suite   suite
	Time    time.Time       `json:"time"`
	Machine measure.Machine `json:"machine"`
	SRT     string          `json:"libsrt"`
	Repeats int             `json:"repeats"`
	Window  float64         `json:"window_seconds"`
	Bitrate float64         `json:"bitrate"` // of the clip, container included, bits a second
	Rows    []row           `json:"cases"`
	Goals   []measure.Goal  `json:"goals"`
}

// row is one case.
type row struct {
	Program string  `json:"program"`
	Job     string  `json:"job"`
	Trials  []trial `json:"trials"`

	CPU     measure.Spread     `json:"cpu"`
	LibSRT  float64            `json:"libsrt"` // median
	Peak    measure.Spread     `json:"peak_mb"`
	Startup float64            `json:"startup_cpu"`      // median
	P99     map[string]float64 `json:"p99_ms,omitempty"` // medians
}

func newReport(s suite, repeats int, window time.Duration, rate float64) *report {
	return &report{suite: s, Time: time.Now().UTC(), Repeats: repeats, Window: window.Seconds(), Bitrate: rate * 8}
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
		w.CPU = measure.SpreadOf(w.pick(func(t trial) float64 { return t.CPU }))
		w.Peak = measure.SpreadOf(w.pick(func(t trial) float64 { return t.Peak }))
		w.LibSRT = measure.Median(w.pick(func(t trial) float64 { return t.LibSRT }))
		w.Startup = measure.Median(w.pick(func(t trial) float64 { return t.Startup }))
		w.P99 = map[string]float64{}
		for name := range w.Trials[0].P99 {
			w.P99[name] = measure.Median(w.pick(func(t trial) float64 { return t.P99[name] }))
		}
		others = append(others, w.pick(func(t trial) float64 { return t.Others })...)
		steal = append(steal, w.pick(func(t trial) float64 { return t.Steal })...)
	}
	r.Machine.Others, r.Machine.Steal = measure.Median(others), measure.Median(steal)
	r.Goals = r.suite.goals(r)
}

// pick is one figure of every trial.
func (w *row) pick(f func(trial) float64) []float64 { return measure.Pick(w.Trials, f) }

func (r *report) table() measure.Table {
	t := measure.Table{Columns: columns}
	for _, c := range r.ordered() {
		t.Rows = append(t.Rows, c.cells())
	}
	return t
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
