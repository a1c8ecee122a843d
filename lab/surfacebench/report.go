package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// Limits of the goals.
const (
	pressLimit  = 50 // ms
	answerLimit = 20 // ms
	idleLimit   = 1  // percent of a core
)

// report is the outcome of a run, as it is kept under build/bench.
type report struct {
	Time    time.Time       `json:"time"`
	Machine measure.Machine `json:"machine"` // noise while the encoder was at full load
	Load    float64         `json:"load_cpus"`
	Press   []float64       `json:"press_ms"`
	Enter   []float64       `json:"enter_ms"`
	Show    []float64       `json:"show_status_ms"`

	Window float64     `json:"idle_window_seconds"`
	Idle   []idleRound `json:"idle"`

	Commands   int        `json:"commands"`
	Throughput float64    `json:"commands_per_second"`
	Crowd      []crowdRow `json:"crowd"`

	Goals []measure.Goal `json:"goals"`
}

// crowdRow is what one of the surfaces had of the crowd, in ms a command.
type crowdRow struct {
	Surface string         `json:"surface"`
	Spread  measure.Spread `json:"ms"`
	P99     float64        `json:"p99_ms"`
	Rate    float64        `json:"per_second"`
}

// percentile is the smallest value that p percent of all do not exceed; not a number of none.
func percentile(all []float64, p int) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(all))
	return s[(len(s)*p+99)/100-1]
}

func sum(all []float64) (s float64) {
	for _, v := range all {
		s += v
	}
	return s
}

// finish computes the goals.
func (r *report) finish() {
	r.Goals = nil
	for _, g := range []struct {
		name, title string
		all         []float64
		limit       float64
	}{
		{"press-p99-ms", "A key of the serial front panel goes down until the picture changes, p99 in ms", r.Press, pressLimit},
		{"console-enter-p99-ms", "Enter at the console until the next prompt, p99 in ms", r.Enter, answerLimit},
		{"console-show-p99-ms", "`show status` at the console until the next prompt, p99 in ms", r.Show, answerLimit},
	} {
		if len(g.all) > 0 {
			r.Goals = append(r.Goals, measure.AtMost(g.name, g.title, g.limit, percentile(g.all, 99), g.all))
		}
	}
	if len(r.Idle) > 0 {
		costs := measure.Pick(r.Idle, idleRound.cost)
		r.Goals = append(r.Goals, measure.AtMost("surfaces-idle-percent", "All surfaces on and nobody doing anything, percent of a core, median",
			idleLimit, measure.Median(costs), costs))
	}
}

func (r *report) answers() measure.Table {
	t := measure.Table{Columns: []string{"with the encoder at full load", "times", "median", "p99", "shortest – longest"}}
	for _, line := range []struct {
		what string
		all  []float64
	}{
		{"key down → the picture changes", r.Press}, {"Enter → prompt", r.Enter}, {"`show status` → prompt", r.Show},
	} {
		if len(line.all) > 0 {
			s := measure.SpreadOf(line.all)
			t.Rows = append(t.Rows, []string{
				line.what, fmt.Sprint(len(line.all)), fmt.Sprintf("%.2f ms", s.Median), fmt.Sprintf("%.2f ms", percentile(line.all, 99)),
				fmt.Sprintf("%.2f – %.2f ms", s.Low, s.High),
			})
		}
	}
	return t
}

func (r *report) idle() measure.Table {
	t := measure.Table{Columns: []string{"beside a small stream", "percent of a core", "lowest – highest"}}
	if len(r.Idle) == 0 {
		return t
	}
	for _, line := range []struct {
		what string
		of   func(idleRound) float64
	}{
		{"all surfaces off", func(i idleRound) float64 { return i.Off }},
		{"all surfaces on", func(i idleRound) float64 { return i.On }},
		{"the difference, round by round", idleRound.cost},
	} {
		s := measure.SpreadOf(measure.Pick(r.Idle, line.of))
		t.Rows = append(t.Rows, []string{line.what, fmt.Sprintf("%.2f", s.Median), fmt.Sprintf("%.2f – %.2f", s.Low, s.High)})
	}
	return t
}

func (r *report) crowd() measure.Table {
	t := measure.Table{Columns: []string{"four surfaces at once", "commands a second", "median", "p99", "longest"}}
	for _, c := range r.Crowd {
		t.Rows = append(t.Rows, []string{
			c.Surface, fmt.Sprintf("%.0f", c.Rate), fmt.Sprintf("%.2f ms", c.Spread.Median), fmt.Sprintf("%.2f ms", c.P99), fmt.Sprintf("%.1f ms", c.Spread.High),
		})
	}
	if len(r.Crowd) > 0 {
		t.Rows = append(t.Rows, []string{fmt.Sprintf("all, %d commands", r.Commands), fmt.Sprintf("%.0f", r.Throughput), "", "", ""})
	}
	return t
}

func (r *report) tables() []measure.Table {
	return slices.DeleteFunc([]measure.Table{r.answers(), r.idle(), r.crowd()}, func(t measure.Table) bool { return len(t.Rows) == 0 })
}

// section is where the tables of a run stand in the document.
func section() measure.Section {
	return measure.SectionOf("figures of the surfaces", "./lab/surfacebench")
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured on %s: the encoder used %.2f CPUs at full load, %d rounds of 2 × %.0f s without load; %v. %s\n\n",
		r.Time.Format("2 January 2006"), r.Load, len(r.Idle), r.Window, r.Machine, r.Machine.Noise())
	b.WriteString(measure.GoalTable(r.Goals).Markdown() + "\n")
	for _, t := range r.tables() {
		b.WriteString(t.Markdown() + "\n")
	}
	return b.String()
}
