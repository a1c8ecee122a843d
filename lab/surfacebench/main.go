// Package main measures the surfaces of a running daemon: how soon a key of the front
// panel and a line at the console are answered while the encoder is at its limit, what all
// surfaces cost while nobody uses them, and how many commands a second they take together.
// docs/performance.md tells how and why.
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

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

func main() { os.Exit(measure.Main("surfacebench", run)) }

// options of a run.
type options struct {
	count    int // presses, and answers of each kind
	rounds   int
	window   time.Duration
	commands int
	only     *regexp.Regexp
	out      string
	docs     string
	render   bool
	binary   string
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("surfacebench", flag.ContinueOnError)
	f.IntVar(&o.count, "count", 200, "how often a key is pressed, and each line typed")
	f.IntVar(&o.rounds, "rounds", 6, "how often the cost of idle surfaces is measured; an even number treats on and off alike")
	f.DurationVar(&o.window, "window", 20*time.Second, "how long surfaces are on, and off, in a round")
	f.IntVar(&o.commands, "commands", 10_000, "how many commands four surfaces give at once")
	only := f.String("only", "", "measure only parts (load, idle, crowd) that the regular `expression` matches")
	f.StringVar(&o.out, "out", "build/bench", "`folder` for the results as JSON")
	f.StringVar(&o.docs, "docs", "", "write the tables into this `file`, between its markers")
	f.BoolVar(&o.render, "render", false, "measure nothing: show the last run again (and write -docs)")
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
	case o.count < 1 || o.rounds < 1 || o.commands < 2*crowdSize:
		return o, fmt.Errorf("-count and -rounds must be 1 or more, -commands %d or more", 2*crowdSize)
	case o.window < time.Second || o.window > 10*time.Minute:
		return o, errors.New("-window must be from 1s to 10m")
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
	file := filepath.Join(o.out, "surfaces.json")
	r := &report{}
	if o.render {
		err = measure.Load(file, r)
	} else if r, err = runAll(ctx, o, w); err == nil {
		err = measure.Save(file, r)
	}
	if err != nil {
		return err
	}
	for _, t := range r.tables() {
		fmt.Fprintln(w)
		t.Print(w)
	}
	fmt.Fprintln(w)
	if o.docs != "" {
		if err := section().Write(o.docs, r.markdown()); err != nil {
			return err
		}
	}
	measure.PrintGoals(w, r.Goals)
	return nil
}

// bench is what all parts share.
type bench struct {
	o        options
	dir      string // on tmpfs
	encoderd string // binary
	log      io.Writer
}

func runAll(ctx context.Context, o options, w io.Writer) (r *report, err error) {
	b := &bench{o: o, log: w, encoderd: o.binary}
	if b.dir, err = measure.MemoryFolder(); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	if b.encoderd == "" {
		fmt.Fprintln(w, "building encoderd")
		if b.encoderd, err = encoderd.Build(b.dir); err != nil {
			return nil, err
		}
	}
	r = &report{Time: time.Now().UTC(), Machine: measure.ThisMachine(), Window: o.window.Seconds()}
	some := false
	for _, part := range []struct {
		name string
		run  func(context.Context, *report) error
	}{
		{"load", b.loaded}, {"idle", b.idleCosts}, {"crowd", b.crowd},
	} {
		if !o.only.MatchString(part.name) {
			continue
		}
		if err := part.run(ctx, r); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		some = true
	}
	if !some {
		return nil, fmt.Errorf("-only %s: matches none of load, idle, crowd", o.only)
	}
	r.finish()
	return r, nil
}

// within gives f a test with a folder on tmpfs.
func (b *bench) within(f func(tb peer.TB) error) error {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var failed error
	err = peer.Do(dir, b.log, func(tb peer.TB) { failed = f(tb) })
	return errors.Join(failed, err)
}
