package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/plot"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/measure"
)

// plotted are the scenarios that the document shows as lines, each with a peer of its
// transport.
var plotted = [...]struct{ scenario, transport, peer string }{
	{"steps", law.SRT, belacoder}, {"outage-3s", law.SRT, belacoder}, {"lte", law.SRT, belacoder}, {"lte", law.RTMP, obs},
}

// document writes the report's section, and its plots.
func (r *report) document(o options) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %d seeds, %s.\n\n", r.Time.Format("2 January 2006"), r.Seeds, r.Machine.Go)
	b.WriteString(measure.GoalTable(r.Goals).Markdown() + "\n")
	if err := r.plots(o, &b); err != nil {
		return err
	}
	if r.Simulated != nil {
		fmt.Fprintf(&b, "#### Beside the simulator\n\n%s\n", r.comparison().Markdown())
	}
	for _, t := range r.transports() {
		fmt.Fprintf(&b, "#### %s\n\n%s\n", strings.ToUpper(t), r.table(t).Markdown())
	}
	return measure.SectionOf(r.Name+" figures", "./lab/link/abrbench").Write(o.docs, b.String())
}

// plots draws what was run of the plotted scenarios, and names the files.
func (r *report) plots(o options, b *strings.Builder) error {
	if err := os.MkdirAll(o.plots, 0o755); err != nil {
		return err
	}
	for _, p := range plotted {
		us, them := r.row(p.scenario, law.Ours, p.transport), r.row(p.scenario, p.peer, p.transport)
		if us == nil || them == nil || us.series == nil || them.series == nil {
			continue
		}
		name := fmt.Sprintf("%s-%s-%s.svg", r.Name, p.scenario, p.transport)
		title := fmt.Sprintf("%s over %s", titleOf(p.scenario), strings.ToUpper(p.transport))
		if err := draw(filepath.Join(o.plots, name), title, us, them); err != nil {
			return err
		}
		fmt.Fprintf(b, "![%s: this controller and the %s-style law](%s/%s)\n\n", title, p.peer, filepath.Base(o.plots), name)
	}
	return nil
}

func titleOf(name string) string {
	if s, ok := scenario.ByName(name); ok {
		return s.Title
	}
	return name
}

// draw draws two runs of a scenario below each other.
func draw(file, title string, us, them *row) (err error) {
	f := plot.Figure{Title: title, Step: us.series.Step}
	most := 0.0
	for _, w := range []*row{us, them} {
		for i := range w.series.Target {
			most = max(most, w.series.Target[i], w.series.Usable[i])
		}
	}
	for _, w := range []*row{us, them} {
		spec, _ := law.ByName(w.Law)
		f.Panels = append(f.Panels, rates(spec.Title, w.series, most/1e6*1.1))
	}
	f.Panels = append(f.Panels, plot.Panel{Title: "delay of pictures", Unit: "ms", Lines: []plot.Line{
		{Name: "ours", Colour: "#1668c7", Values: delays(us.series)}, {Name: them.Law, Colour: "#c2410c", Values: delays(them.series)},
	}})
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = f.WriteTo(out)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

func rates(title string, s *trial.Series, most float64) plot.Panel {
	mega := func(v []float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i] / 1e6
		}
		return out
	}
	return plot.Panel{Title: title, Unit: "Mb/s", Most: most, Lines: []plot.Line{
		{Name: "usable", Colour: "#777777", Area: true, Values: mega(s.Usable)},
		{Name: "arrived", Colour: "#2e8b57", Values: mega(smooth(s.Acked))},
		{Name: "target", Colour: "#1668c7", Values: mega(s.Target)},
	}}
}

// smooth is the mean over a second: key pictures are not what the lines are about.
func smooth(v []float64) []float64 {
	const steps = 4
	out := make([]float64, len(v))
	for i := range v {
		from := max(0, i-steps+1)
		sum := 0.0
		for _, x := range v[from : i+1] {
			sum += x
		}
		out[i] = sum / float64(i+1-from)
	}
	return out
}

// delays has gaps where nothing arrived.
func delays(s *trial.Series) []float64 {
	out := make([]float64, len(s.Delay))
	for i, d := range s.Delay {
		if out[i] = d; !s.Arriving[i] {
			out[i] = math.NaN()
		}
	}
	return out
}
