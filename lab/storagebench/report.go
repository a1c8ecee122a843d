package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// report is the outcome of a run, as it is kept under build/bench.
type report struct {
	Time     time.Time       `json:"time"`
	Machine  measure.Machine `json:"machine"`
	Repeats  int             `json:"repeats"`
	Window   float64         `json:"window_seconds"`
	Bitrate  float64         `json:"bitrate"`     // of the clip, container included, bits a second
	Shared   bool            `json:"shared_disk"` // what the device was given is not known
	Rows     []row           `json:"cases"`
	Restarts []restart       `json:"restarts"`
	Goals    []measure.Goal  `json:"goals"`
}

// row is one case.
type row struct {
	Program string  `json:"program"`
	Job     string  `json:"job"`
	Trials  []trial `json:"trials"`

	CPU     measure.Spread `json:"cpu"`
	Peak    measure.Spread `json:"peak_mb"`
	Startup float64        `json:"startup_cpu"`   // median
	Pages   float64        `json:"pages_a_byte"`  // median
	Blocks  float64        `json:"blocks_a_byte"` // median
	// MB of 10^6 bytes a stream-hour: the process's, and with the file system's own.
	Flash  float64 `json:"flash_mb_hour"`
	Device float64 `json:"device_mb_hour"`
}

func newReport(o options, rate float64) *report {
	return &report{
		Time: time.Now().UTC(), Machine: measure.ThisMachine(), Repeats: o.repeats,
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
		w.CPU = measure.SpreadOf(w.pick(func(t trial) float64 { return t.CPU }))
		w.Peak = measure.SpreadOf(w.pick(func(t trial) float64 { return t.Peak }))
		w.Startup = measure.Median(w.pick(func(t trial) float64 { return t.Startup }))
		w.Pages = measure.Median(w.pick(func(t trial) float64 { return t.Pages }))
		w.Blocks = measure.Median(w.pick(func(t trial) float64 { return t.Blocks }))
		w.Flash = r.hour(w, w.Pages, func(t trial) int64 { return t.Flash })
		w.Device = r.hour(w, w.Blocks, func(t trial) int64 { return t.Device })
		others = append(others, w.pick(func(t trial) float64 { return t.Others })...)
		steal = append(steal, w.pick(func(t trial) float64 { return t.Steal })...)
	}
	r.Machine.Others, r.Machine.Steal = measure.Median(others), measure.Median(steal)
	r.Goals = goals(r)
}

// hour is what a case writes in an hour of the stream, in MB. A recording's is
// reckoned by what a byte of the stream costs, since a window begins and ends
// between two writes; without one it is that of all windows.
func (r *report) hour(w *row, share float64, of func(trial) int64) float64 {
	if w.Pages > 0 {
		return share * r.Bitrate / 8 * 3600 / 1e6
	}
	var bytes, seconds float64
	for _, t := range w.Trials {
		bytes, seconds = bytes+float64(of(t)), seconds+t.Seconds
	}
	return bytes / seconds * 3600 / 1e6
}

// pick is one figure of every trial.
func (w *row) pick(f func(trial) float64) []float64 { return measure.Pick(w.Trials, f) }

// table for people.
func (r *report) table() measure.Table {
	t := measure.Table{Columns: []string{
		"job", "program", "CPU-s a stream-s", "lowest – highest", "start-up CPU-s", "peak MB", "to flash, MB a stream-hour", "of the stream's bytes",
		"with the file system's own, MB a stream-hour", "of the stream's bytes",
	}}
	for _, c := range cases {
		w := r.row(c.program, c.job)
		if w == nil {
			continue
		}
		t.Rows = append(t.Rows, []string{
			w.Job, w.Program, fmt.Sprintf("%.4f", w.CPU.Median), fmt.Sprintf("%.4f – %.4f", w.CPU.Low, w.CPU.High),
			fmt.Sprintf("%.2f", w.Startup), fmt.Sprintf("%.1f", w.Peak.High), measure.Figure(w.Flash), share(w.Pages),
			r.own(w.Device), share(w.Blocks),
		})
	}
	return t
}

func share(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f", v)
}

// own is a figure of the device, which may not be known.
func (r *report) own(v float64) string {
	if r.Shared {
		return "–"
	}
	return measure.Figure(v)
}

func (r *report) restartTable() measure.Table {
	t := measure.Table{Columns: []string{"after kill -9, until", "median", "shortest – longest"}}
	if len(r.Restarts) == 0 {
		return t
	}
	for _, line := range []struct {
		what string
		of   func(restart) float64
	}{
		{"all playlists are served again, with segments", servedMS},
		{"they have the new run's first segment", newMS},
	} {
		s := measure.SpreadOf(measure.Pick(r.Restarts, line.of))
		t.Rows = append(t.Rows, []string{line.what, fmt.Sprintf("%.0f ms", s.Median), fmt.Sprintf("%.0f – %.0f ms", s.Low, s.High)})
	}
	return t
}

func servedMS(r restart) float64 { return r.Served }
func newMS(r restart) float64    { return r.New }

// section is where the tables of a run stand in the document.
func section() measure.Section { return measure.SectionOf("storage figures", "./lab/storagebench") }

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured on %s: %d repeats of %.0f s, %.2f Mb/s, %d restarts; %v. %s\n\n",
		r.Time.Format("2 January 2006"), r.Repeats, r.Window, r.Bitrate/1e6, len(r.Restarts), r.Machine, r.Machine.Noise())
	b.WriteString(measure.GoalTable(r.Goals).Markdown() + "\n" + r.table().Markdown() + "\n")
	if len(r.Restarts) > 0 {
		b.WriteString(r.restartTable().Markdown() + "\n")
	}
	return b.String()
}
