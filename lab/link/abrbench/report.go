package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/realtime"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/measure"
)

// report is the outcome of a run, as it is kept under build/bench.
type report struct {
	Name    string          `json:"name"` // of who ran it: "sim"
	Time    time.Time       `json:"time"`
	Machine measure.Machine `json:"machine"`
	Seeds   int             `json:"seeds"`
	Rows    []*row          `json:"cases"`
	Goals   []measure.Goal  `json:"goals"`
	// Simulated is the same of the simulator, beside real transports.
	Simulated []*row `json:"simulated,omitempty"`
}

// row is a scenario under a law over a transport.
type row struct {
	Scenario  string         `json:"scenario"`
	Law       string         `json:"law"`
	Transport string         `json:"transport"`
	Seeds     []score.Result `json:"seeds"`
	series    *trial.Series  // of the first seed
}

func newReport(name string, o options, outcomes []trial.Outcome) *report {
	r := &report{Name: name, Time: time.Now().UTC(), Machine: measure.ThisMachine(), Seeds: o.seeds}
	for _, out := range outcomes {
		w := r.row(out.Scenario, out.Law, out.Transport)
		if w == nil {
			w = &row{Scenario: out.Scenario, Law: out.Law, Transport: out.Transport}
			r.Rows = append(r.Rows, w)
		}
		w.Seeds = append(w.Seeds, out.Result)
		if out.Series != nil {
			w.series = out.Series
		}
	}
	r.Goals = goals(r)
	return r
}

func (r *report) file(o options) string { return filepath.Join(o.out, "abr-"+r.Name+".json") }

func (r *report) row(scenario, law, transport string) *row {
	for _, w := range r.Rows {
		if w.Scenario == scenario && w.Law == law && w.Transport == transport {
			return w
		}
	}
	return nil
}

// pick is one figure of every seed.
func (w *row) pick(f func(score.Result) float64) []float64 { return measure.Pick(w.Seeds, f) }

// The figures of the table and the goals.
func onTime(r score.Result) float64    { return r.OnTime }
func delay50(r score.Result) float64   { return r.DelayP50 }
func delay95(r score.Result) float64   { return r.DelayP95 }
func delayMax(r score.Result) float64  { return r.DelayMax }
func queue95(r score.Result) float64   { return r.QueueP95 }
func missed(r score.Result) float64    { return float64(r.Late + r.Lost) }
func skipped(r score.Result) float64   { return float64(r.Skipped) }
func bad(r score.Result) float64       { return r.Bad }
func outageBad(r score.Result) float64 { return r.OutageBad }
func down(r score.Result) float64      { return r.Down }
func back(r score.Result) float64      { return r.Back }
func movement(r score.Result) float64  { return r.Movement }
func psnr(r score.Result) float64      { return r.PSNR }
func goodput(r score.Result) float64   { return r.Goodput }

// table is what was measured over one transport: medians of the seeds.
func (r *report) table(transport string) measure.Table {
	t := measure.Table{Columns: []string{
		"scenario", "law", "on-time share", "lowest – highest", "delay p50", "p95", "max, ms", "queue p95, ms",
		"late or lost", "skipped", "bad s", "down s", "back s", "Mb/min",
	}}
	if r.Name == realtime.Name {
		t.Columns = append(t.Columns, "PSNR, dB")
	}
	for _, w := range r.Rows {
		if w.Transport == transport {
			cells := w.cells()
			if r.Name == realtime.Name {
				cells = append(cells, fmt.Sprintf("%.1f", measure.Median(w.pick(psnr))))
			}
			t.Rows = append(t.Rows, cells)
		}
	}
	return t
}

func (w *row) cells() []string {
	share := measure.SpreadOf(w.pick(onTime))
	number := func(f func(score.Result) float64, format string) string {
		return fmt.Sprintf(format, measure.Median(w.pick(f)))
	}
	known := func(f func(score.Result) float64) string {
		if measure.Median(w.pick(f)) < 0 {
			return "–"
		}
		return number(f, "%.1f")
	}
	return []string{
		w.Scenario, w.Law, fmt.Sprintf("%.2f", share.Median), fmt.Sprintf("%.2f – %.2f", share.Low, share.High),
		number(delay50, "%.0f"), number(delay95, "%.0f"), number(delayMax, "%.0f"), number(queue95, "%.0f"),
		number(missed, "%.0f"), number(skipped, "%.0f"), number(bad, "%.1f"), known(down), known(back), number(movement, "%.0f"),
	}
}

// transports are those that something was run over.
func (r *report) transports() (some []string) {
	for _, t := range []string{law.SRT, law.RTMP, law.HTTP} {
		if len(r.table(t).Rows) > 0 {
			some = append(some, t)
		}
	}
	return some
}

func (r *report) print(w io.Writer) {
	for _, t := range r.transports() {
		fmt.Fprintf(w, "\n%s over %s\n", r.Name, t)
		r.table(t).Print(w)
	}
	if r.Simulated != nil {
		fmt.Fprintf(w, "\n%s and sim\n", r.Name)
		r.comparison().Print(w)
	}
	fmt.Fprintln(w)
}
