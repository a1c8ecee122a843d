// Command hwbench measures what the hardware path costs, beside ffmpeg's
// h264_v4l2m2m doing the same: CPU time for each coded picture, inside the
// virtual ARM box. docs/performance.md tells how and why.
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

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

func main() { os.Exit(measure.Main("hwbench", run)) }

// options of a run.
type options struct {
	repeats  int
	pictures int            // measured in each trial
	settle   int            // pictures before
	only     *regexp.Regexp // of cases' names
	out      string         // folder of the results
	docs     string         // file to write the tables into
	render   bool           // no measuring: the tables of the last run
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("hwbench", flag.ContinueOnError)
	f.IntVar(&o.repeats, "repeats", 5, "how often every case is measured")
	f.IntVar(&o.pictures, "pictures", 120, "how many coded pictures a case is measured over")
	f.IntVar(&o.settle, "settle", 40, "how many pictures a case has coded before it is measured")
	only := f.String("only", "", "measure only cases whose name (\"encoderd: HLS, 640x360\") the regular `expression` matches")
	f.StringVar(&o.out, "out", "build/bench", "`folder` for the results as JSON")
	f.StringVar(&o.docs, "docs", "", "write the tables into this `file`, between its markers")
	f.BoolVar(&o.render, "render", false, "measure nothing: show the last run again (and write -docs)")
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
	case o.repeats < 1 || o.pictures < 1 || o.settle < 0:
		return o, errors.New("-repeats and -pictures must be 1 or more, -settle 0 or more")
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
	file := filepath.Join(o.out, "hardware.json")
	r := &report{}
	if o.render {
		err = measure.Load(file, r)
	} else if r, err = runCases(ctx, o, w); err == nil {
		err = measure.Save(file, r)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	r.table().Print(w)
	if o.docs != "" {
		if err := section().Write(o.docs, r.markdown()); err != nil {
			return err
		}
	}
	measure.PrintGoals(w, r.Goals)
	return nil
}

// byInstructions is a box whose time is that of its instructions, 500 million a
// second: CPU time is a count of them, whatever else this machine does meanwhile.
// For that, its processors are emulated in turn.
var byInstructions = box.Options{Accelerator: "tcg,thread=single", Args: []string{"-icount", "shift=1,sleep=on"}}

// runCases builds the programs, starts the box, and runs every case in it as
// often as asked. The cases of a size are interleaved.
func runCases(ctx context.Context, o options, w io.Writer) (*report, error) {
	dir, err := os.MkdirTemp("", "hwbench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(w, "building the programs, starting the box")
	programs := map[string]string{}
	for _, pkg := range []string{"cmd/encoderd", "lab/hwbench/inbox"} {
		if programs[pkg], err = box.Build(ctx, dir, pkg); err != nil {
			return nil, err
		}
	}
	r := newReport(o)
	var failed error
	err = peer.Do(dir, w, func(tb peer.TB) {
		b := &bench{o: o, box: box.Start(tb, byInstructions), log: w}
		b.box.LoadModule("vivid", "n_devs=1", "node_types=0x1")
		b.box.LoadModule("vh264")
		b.encoderd, b.inbox = b.box.Share(programs["cmd/encoderd"]), b.box.Share(programs["lab/hwbench/inbox"])
		r.Machine = b.machine()
		failed = b.rounds(ctx, r)
	})
	if err := errors.Join(failed, err); err != nil {
		return nil, err
	}
	r.finish()
	return r, nil
}
