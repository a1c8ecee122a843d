// Package main measures what keeping a stream costs: CPU time beside ffmpeg
// writing the same in the same run, bytes written to flash, and how long viewers
// wait after the daemon was killed. docs/performance.md tells how and why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

func main() { os.Exit(measure.Main("storagebench", run)) }

// options of a run.
type options struct {
	repeats  int
	restarts int
	window   time.Duration  // measured
	settle   time.Duration  // before, once every sink receives
	only     *regexp.Regexp // of cases' names
	out      string         // folder of the results
	disk     string         // folder on a disk, for what is recorded
	docs     string         // file to write the tables into
	render   bool           // no measuring: the tables of the last run
	profile  bool           // no measuring: where the daemon's time and memory go
	binary   string         // an encoderd that was built elsewhere
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("storagebench", flag.ContinueOnError)
	f.IntVar(&o.repeats, "repeats", 5, "how often every case is measured")
	f.IntVar(&o.restarts, "restarts", 10, "how often the daemon is killed and started again; 0: never")
	f.DurationVar(&o.window, "window", 12*time.Second, "how long a case is measured; a multiple of the 2 s of a segment")
	f.DurationVar(&o.settle, "settle", 2*time.Second, "how long a case has run, with every sink receiving, before it is measured")
	only := f.String("only", "", "measure only cases whose name (\"encoderd: HLS and DASH\") the regular `expression` matches")
	f.StringVar(&o.out, "out", "build/bench", "`folder` for the results as JSON")
	f.StringVar(&o.disk, "disk", "build/bench", "`folder` on a real file system, for what is recorded; it is cleaned up")
	f.StringVar(&o.docs, "docs", "", "write the tables into this `file`, between its markers")
	f.BoolVar(&o.render, "render", false, "measure nothing: show the last run again (and write -docs)")
	f.BoolVar(&o.profile, "profile", false, "measure nothing: write CPU and heap profiles of encoderd that serves and records")
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
	case o.repeats < 1 || o.restarts < 0:
		return o, errors.New("-repeats must be 1 or more, -restarts 0 or more")
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
	file := filepath.Join(o.out, "storage.json")
	r := &report{}
	if o.render {
		err = measure.Load(file, r)
	} else if r, err = runAll(ctx, o, w); err == nil {
		err = measure.Save(file, r)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	r.table().Print(w)
	fmt.Fprintln(w)
	r.restartTable().Print(w)
	if o.docs != "" {
		if err := section().Write(o.docs, r.markdown()); err != nil {
			return err
		}
	}
	measure.PrintGoals(w, r.Goals)
	return nil
}

// runAll runs every case as often as asked, interleaved, and then the restarts.
func runAll(ctx context.Context, o options, w io.Writer) (*report, error) {
	b, err := prepare(ctx, o, w)
	if err != nil {
		return nil, err
	}
	defer b.remove()
	var todo []benchCase
	for _, c := range cases {
		if o.only.MatchString(c.name()) {
			todo = append(todo, c)
		}
	}
	if len(todo) == 0 && o.restarts == 0 {
		return nil, fmt.Errorf("-only %s: matches no case, and no restarts are wanted", o.only)
	}
	each := o.window + o.settle + 3*time.Second
	about := time.Duration(o.repeats*len(todo))*each + time.Duration(o.restarts)*8*time.Second
	fmt.Fprintf(w, "%d rounds of %d cases, %d restarts: about %v\n", o.repeats, len(todo), o.restarts, about.Round(time.Minute))
	r := newReport(o, b.rate)
	r.Shared = b.disk.Own != nil
	for round := range o.repeats {
		for _, c := range measure.Order(todo, round) {
			t, err := b.trial(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", round+1, c.name(), err)
			}
			r.add(c, t)
			fmt.Fprintf(w, "%d/%d  %-46s %s\n", round+1, o.repeats, c.name(), t)
		}
	}
	if r.Restarts, err = b.restarts(ctx); err != nil {
		return nil, err
	}
	r.finish()
	return r, nil
}
