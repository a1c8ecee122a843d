// Package main measures bit rate controllers on links of many kinds, the product's
// beside others': the simulator runs every scenario under every law. docs/adaptive.md
// tells how and shows the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"github.com/encoderbox/encoderbox/lab/link/netns"
	"github.com/encoderbox/encoderbox/lab/link/realtime"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/trace"
	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/measure"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == realtime.SenderArgument { // started by another abrbench
		os.Exit(exit(func(ctx context.Context) error { return realtime.Sender(ctx, os.Stdin, os.Stdout) }))
	}
	os.Exit(netns.Main(func() int {
		return exit(func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout) })
	}))
}

// exit is the exit code of what f does until it is interrupted.
func exit(f func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f(ctx); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "abrbench:", err)
		return 1
	}
	return 0
}

// options of a run.
type options struct {
	seeds   int
	first   uint64         // seed of the simulator
	only    *regexp.Regexp // of trials' names
	sim     bool           // the simulator alone
	out     string         // folder of the results
	docs    string         // file to write the tables into
	plots   string         // folder of the plots
	fresh   bool           // results of earlier runs are not used
	workers int
	traces  []string // recorded ones
	mean    float64  // that they are scaled to, Mb/s

	realSeeds   int
	realWorkers int
	quick       bool   // of the real ones
	samples     string // folder
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("abrbench", flag.ContinueOnError)
	f.IntVar(&o.seeds, "seeds", 5, "how often each scenario is run under each law, each time with other content, losses and mobile links")
	f.Uint64Var(&o.first, "first-seed", 1, "of the simulator: seeds that nothing was tuned with tell whether a law is fitted to those it was")
	only := f.String("only", "", "run only what the regular `expression` matches (\"lte: belacoder over srt\"); goals need all that they compare")
	f.BoolVar(&o.sim, "sim", false, "the simulator alone, no real transports")
	f.IntVar(&o.realSeeds, "real-seeds", 3, "how often each scenario is run over real transports, in real time")
	f.IntVar(&o.realWorkers, "real-workers", 4, "how many runs over real transports go on at a time")
	f.StringVar(&o.samples, "samples", "", "keep what the laws were told over real transports, and said, in this `folder` as CSV")
	f.BoolVar(&o.quick, "quick", false, "real transports for some seconds only: to see whether everything works")
	f.StringVar(&o.out, "out", "build/bench", "`folder` for the results as JSON")
	f.StringVar(&o.docs, "docs", "", "write the tables into this `file`, between its markers, and plots into the folder of its name beside it")
	f.BoolVar(&o.fresh, "fresh", false, "run again what earlier runs of the same build have results of")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many simulations run at a time")
	f.Func("trace", "run on this recorded trace (mahimahi's format, gzip or not) instead of the scenarios; may be given several times", func(file string) error {
		o.traces = append(o.traces, file)
		return nil
	})
	f.Float64Var(&o.mean, "mean", 0, "scale each -trace to a mean of so many Mb/s; 0: as recorded")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	o.only, err = regexp.Compile(*only)
	o.plots = strings.TrimSuffix(o.docs, ".md")
	switch {
	case err != nil:
		return o, fmt.Errorf("-only: %w", err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not an option", f.Arg(0))
	case o.seeds < 1 || o.seeds > 1000:
		return o, errors.New("-seeds must be from 1 to 1000")
	case o.workers < 1 || o.realWorkers < 1 || o.realSeeds < 1:
		return o, errors.New("-workers, -real-workers and -real-seeds must be 1 or more")
	case o.mean < 0 || o.mean > 0 && o.traces == nil:
		return o, errors.New("-mean must be above 0, and needs -trace")
	case o.first < 1:
		return o, errors.New("-first-seed must be 1 or more")
	case o.docs != "" && o.first > 1:
		return o, errors.New("-docs shows the seeds from 1 on: it cannot be used with -first-seed")
	case o.docs != "" && (o.traces != nil || *only != "" || o.quick):
		return o, errors.New("-docs shows every scenario: it cannot be used with -only, -trace or -quick")
	}
	return o, nil
}

func run(ctx context.Context, args []string, w io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	runners, end, err := o.runners(ctx)
	if err != nil {
		return err
	}
	defer end()
	var reports []*report
	for _, r := range runners {
		o := o.of(r)
		if len(o.chosen(r)) == 0 {
			continue
		}
		outcomes, err := runAll(ctx, o, r, w)
		if err != nil {
			return err
		}
		rep := newReport(r.Name(), o, outcomes)
		if b, ok := r.(realtime.Bench); ok {
			if rep.Simulated, err = beside(b, rep); err != nil {
				return err
			}
		}
		if err := measure.Save(rep.file(o), rep); err != nil {
			return err
		}
		reports = append(reports, rep)
	}
	if len(reports) == 0 {
		return fmt.Errorf("-only %s: matches nothing", o.only)
	}
	for _, rep := range reports {
		rep.print(w)
		if o.docs != "" {
			if err := rep.document(o); err != nil {
				return err
			}
		}
	}
	for _, rep := range reports {
		measure.PrintGoals(w, rep.Goals)
	}
	return nil
}

// runners are those that are asked for, in the order in which they run. end is called
// when they are no longer needed.
func (o options) runners(ctx context.Context) (all []trial.Runner, end func(), err error) {
	scenarios := scenario.All()
	if o.traces != nil {
		scenarios = nil
	}
	for _, file := range o.traces {
		t, err := trace.Open(file)
		if err != nil {
			return nil, nil, err
		}
		s, err := scenario.Recorded(nameOf(file), t, o.mean*1e6)
		if err != nil {
			return nil, nil, err
		}
		scenarios = append(scenarios, s)
	}
	build, err := buildOf(o)
	if err != nil {
		return nil, nil, err
	}
	all = append(all, trial.Simulator{Build: build, First: o.first, Workers: o.workers, Scenarios: scenarios})
	if o.sim || o.traces != nil {
		return all, func() {}, nil
	}
	b, end, err := o.bench(ctx)
	if err != nil {
		return nil, nil, err
	}
	return append(all, b), end, nil
}
