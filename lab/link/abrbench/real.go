package main

import (
	"context"
	"fmt"
	"os"

	"github.com/encoderbox/encoderbox/lab/link/realtime"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/sim"
	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/measure"
)

// bench runs trials over real transports.
func (o options) bench(ctx context.Context) (b realtime.Bench, end func(), err error) {
	sources, err := realtime.ReadSources(ctx)
	if err != nil {
		return b, nil, err
	}
	where, err := realtime.MakeLadder(ctx, realtime.FullLadder())
	if err != nil {
		return b, nil, err
	}
	ladder, err := realtime.OpenLadder(where)
	if err != nil {
		return b, nil, err
	}
	dir, err := os.MkdirTemp("", "abrbench-")
	if err != nil {
		_ = ladder.Close()
		return b, nil, err
	}
	return realtime.NewBench(realtime.Bench{Sources: sources, Workers: o.realWorkers, Ladder: ladder, Dir: dir, Quick: o.quick, Samples: o.samples, Log: os.Stderr}),
		func() {
			_ = os.RemoveAll(dir)
			_ = ladder.Close()
		}, nil
}

// of are the options of what a runner runs.
func (o options) of(r trial.Runner) options {
	if _, ok := r.(realtime.Bench); ok {
		o.seeds = o.realSeeds
	}
	return o
}

// beside has the simulator run what was run over real transports, and returns its
// results as rows.
func beside(b realtime.Bench, r *report) (all []*row, err error) {
	for _, t := range b.Trials(r.Seeds) {
		if r.row(t.Scenario.Name, t.Law.Name, t.Transport) == nil {
			continue
		}
		records, err := sim.Run(t.Scenario, t.Law, t.Transport, t.Seed)
		if err != nil {
			return nil, err
		}
		out := trial.NewOutcome(t, "", records, false)
		n := len(all) - 1
		if n < 0 || all[n].Scenario != out.Scenario || all[n].Law != out.Law || all[n].Transport != out.Transport {
			all = append(all, &row{Scenario: out.Scenario, Law: out.Law, Transport: out.Transport})
			n++
		}
		all[n].Seeds = append(all[n].Seeds, out.Result)
	}
	return all, nil
}

// comparison shows the simulator's figures beside the real ones.
func (r *report) comparison() measure.Table {
	t := measure.Table{Columns: []string{
		"scenario", "law", "over", "on-time share", "sim", "p95, ms", "sim", "late or lost", "sim", "bad s", "sim", "back s", "sim", "Mb/min", "sim",
	}}
	for _, s := range r.Simulated {
		w := r.row(s.Scenario, s.Law, s.Transport)
		if w == nil {
			continue
		}
		cells := []string{w.Scenario, w.Law, w.Transport}
		for _, f := range []struct {
			of     func(score.Result) float64
			format string
		}{{onTime, "%.2f"}, {delay95, "%.0f"}, {missed, "%.0f"}, {bad, "%.1f"}, {back, "%.1f"}, {movement, "%.0f"}} {
			for _, from := range []*row{w, s} {
				text := fmt.Sprintf(f.format, measure.Median(from.pick(f.of)))
				if measure.Median(from.pick(f.of)) < 0 {
					text = "–"
				}
				cells = append(cells, text)
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}
