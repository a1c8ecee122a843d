package main

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// report is the outcome of a run, as it is kept under build/bench.
type report struct {
	Time     time.Time      `json:"time"`
	Machine  machine        `json:"machine"`
	Repeats  int            `json:"repeats"`
	Pictures int            `json:"pictures"` // in each trial
	Rows     []row          `json:"cases"`
	Goals    []measure.Goal `json:"goals"`
}

// machine is the one that is emulated, and what is in it.
type machine struct {
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	QEMU   string `json:"qemu"`
	Go     string `json:"go"`
	FFmpeg string `json:"ffmpeg"`
}

// row is one case.
type row struct {
	Program string  `json:"program"`
	Job     string  `json:"job"`
	Size    string  `json:"size"`
	Rate    int     `json:"rate"`
	Bitrate int     `json:"bitrate"`
	Trials  []trial `json:"trials"`

	MS     measure.Spread `json:"ms"`
	System float64        `json:"system"` // median
	Wakes  float64        `json:"wakes"`  // median
}

func newReport(o options) *report {
	return &report{Time: time.Now().UTC(), Repeats: o.repeats, Pictures: o.pictures}
}

func (r *report) row(program, job, size string) *row {
	for i := range r.Rows {
		if w := &r.Rows[i]; w.Program == program && w.Job == job && w.Size == size {
			return w
		}
	}
	return nil
}

func (r *report) add(c benchCase, t trial) {
	if r.row(c.program, c.job, c.size()) == nil {
		r.Rows = append(r.Rows, row{Program: c.program, Job: c.job, Size: c.size(), Rate: c.rate, Bitrate: c.bitrate})
	}
	w := r.row(c.program, c.job, c.size())
	w.Trials = append(w.Trials, t)
}

// finish computes what follows from the trials.
func (r *report) finish() {
	for i := range r.Rows {
		w := &r.Rows[i]
		w.MS = measure.SpreadOf(w.pick(func(t trial) float64 { return t.MS }))
		w.System = measure.Median(w.pick(func(t trial) float64 { return t.System }))
		w.Wakes = measure.Median(w.pick(func(t trial) float64 { return t.Wakes }))
	}
	r.Goals = goals(r)
}

// pick is one figure of every trial.
func (w *row) pick(f func(trial) float64) []float64 { return measure.Pick(w.Trials, f) }
