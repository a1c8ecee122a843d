// Package main measures what the daemon costs, beside ffmpeg doing the same on
// the same machine in the same run: CPU time, peak memory, and the delay from
// the encoder's output to the socket. docs/performance.md tells how and why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

func main() { os.Exit(measure.Main("bench", run)) }

// options of a run.
type options struct {
	repeats int
	window  time.Duration  // measured
	settle  time.Duration  // before, once every sink receives
	only    *regexp.Regexp // of cases' names
	out     string         // folder of the results
	docs    string         // file to write the tables into
	render  bool           // no measuring: the tables of the last run
	profile bool           // no measuring: where the daemon's time and memory go
	binary  string         // an encoderd that was built elsewhere
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.repeats, "repeats", 0, "how often every case is measured; 0 for 5 times, and 3 for those of many destinations")
	f.DurationVar(&o.window, "window", 12*time.Second, "how long a case is measured; a multiple of the 2 s of a segment")
	f.DurationVar(&o.settle, "settle", 2*time.Second, "how long a case has run, with every sink receiving, before it is measured")
	only := f.String("only", "", "measure only cases whose name (\"encoderd: all three\", \"bare libsrt: SRT destinations, 16\") the regular `expression` matches; goals need all that they compare")
	f.StringVar(&o.out, "out", "build/bench", "`folder` for the results as JSON")
	f.StringVar(&o.docs, "docs", "", "write the tables into this `file`, between its markers")
	f.BoolVar(&o.render, "render", false, "measure nothing: show the last run again (and write -docs)")
	f.BoolVar(&o.profile, "profile", false, "measure nothing: write CPU and heap profiles of encoderd with all three outputs, or in the first of its cases that -only matches")
	f.StringVar(&o.binary, "encoderd", "", "measure this `binary` instead of building encoderd from this tree")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	o.only, err = regexp.Compile(*only)
	switch {
	case err != nil:
		return o, fmt.Errorf("-only: %w", err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not an option", f.Arg(0))
	case o.repeats < 0:
		return o, errors.New("-repeats must be 1 or more, or 0")
	case o.window < 4*time.Second || o.window > 40*time.Second:
		return o, errors.New("-window must be from 4s to 40s: the clip that is played lasts 60 s")
	case o.settle < 0 || o.settle > 10*time.Second:
		return o, errors.New("-settle must be from 0s to 10s")
	}
	return o, nil
}

func run(ctx context.Context, args []string, w io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if o.profile {
		return profile(ctx, o, w)
	}
	var reports []*report
	if o.render {
		reports, err = load(o)
	} else {
		reports, err = measureAll(ctx, o, w)
	}
	if err != nil {
		return err
	}
	for _, r := range reports {
		fmt.Fprintln(w)
		r.suite.table(r).Print(w)
		if o.docs == "" {
			continue
		}
		if err := r.suite.section.Write(o.docs, r.markdown()); err != nil {
			return err
		}
	}
	for _, r := range reports {
		measure.PrintGoals(w, r.Goals)
	}
	return nil
}

// measureAll measures what is chosen of every suite.
func measureAll(ctx context.Context, o options, w io.Writer) (reports []*report, err error) {
	b, err := prepare(ctx, o, w)
	if err != nil {
		return nil, err
	}
	defer b.remove()
	for _, s := range suites {
		todo := o.chosen(s.cases)
		if len(todo) == 0 {
			continue
		}
		if tooShort(todo, o.window) {
			return nil, fmt.Errorf("-window must be %v at least for %s", windowFor, todo[0].name())
		}
		r, err := b.measure(ctx, s, todo)
		if err != nil {
			return nil, err
		}
		if err := measure.Save(s.file(o), r); err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	if reports == nil {
		return nil, fmt.Errorf("-only %s: matches no case", o.only)
	}
	return reports, nil
}

// chosen are the cases that -only selects.
func (o options) chosen(cases []benchCase) (some []benchCase) {
	for _, c := range cases {
		if o.only.MatchString(c.name()) {
			some = append(some, c)
		}
	}
	return some
}

// measure runs the cases as often as asked, interleaved.
func (b *bench) measure(ctx context.Context, s suite, todo []benchCase) (*report, error) {
	repeats := b.o.repeats
	if repeats == 0 {
		repeats = s.repeats
	}
	each := b.o.window + b.o.settle + 2*time.Second
	fmt.Fprintf(b.log, "%d rounds of %d cases, about %v\n", repeats, len(todo), (time.Duration(repeats*len(todo)) * each).Round(time.Minute))
	r := newReport(s, repeats, b.o.window, b.rate)
	r.Machine, r.SRT = measure.ThisMachine(), measure.Version("srt-live-transmit", "-version")
	for round := range repeats {
		for _, c := range measure.Order(todo, round) {
			t, err := b.trial(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", round+1, c.name(), err)
			}
			r.add(c, t)
			fmt.Fprintf(b.log, "%d/%d  %-34s %s\n", round+1, repeats, c.name(), t)
		}
	}
	r.finish()
	return r, nil
}

// load reads the reports of the last runs, where -only matches their cases.
func load(o options) (reports []*report, err error) {
	for _, s := range suites {
		if len(o.chosen(s.cases)) == 0 {
			continue
		}
		r := &report{suite: s}
		if err := measure.Load(s.file(o), r); err != nil {
			if errors.Is(err, os.ErrNotExist) && len(reports) > 0 {
				continue // never measured
			}
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}
