package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/measure"
)

// buildOf is a digest of this program, which all that is simulated is part of, and of
// the traces that it is given.
func buildOf(o options) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, file := range append([]string{self}, o.traces...) {
		if err := digest(h, file); err != nil {
			return "", err
		}
	}
	fmt.Fprint(h, o.mean)
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func digest(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// nameOf is a trace's name of its file's.
func nameOf(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	return name
}

// cacheFile is where a trial's outcome is kept.
func cacheFile(o options, r trial.Runner, t trial.Trial) string {
	return filepath.Join(o.out, "abr", r.Name(), fmt.Sprintf("%s_%s_%s_%d.json", t.Scenario.Name, t.Law.Name, t.Transport, t.Seed))
}

// chosen are a runner's trials that are asked for.
func (o options) chosen(r trial.Runner) (some []trial.Trial) {
	for _, t := range r.Trials(o.seeds) {
		if o.only.MatchString(t.Name()) {
			some = append(some, t)
		}
	}
	return some
}

// runAll runs the chosen trials that have no result yet. What was run is kept at once,
// so that a run that was ended goes on where it was.
func runAll(ctx context.Context, o options, r trial.Runner, w io.Writer) ([]trial.Outcome, error) {
	todo := o.chosen(r)
	if err := os.MkdirAll(filepath.Join(o.out, "abr", r.Name()), 0o755); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make([]trial.Outcome, len(todo))
	var next, kept atomic.Int64
	var wg sync.WaitGroup
	for range min(r.Parallel(), len(todo)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(todo)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				known, err := runOne(ctx, o, r, todo[i], &outcomes[i])
				if err != nil {
					cancel(fmt.Errorf("%v: %w", todo[i], err))
				}
				if known {
					kept.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "%s: %d trials, %d of them as run before\n", r.Name(), len(todo), kept.Load())
	return outcomes, nil
}

// runOne runs a trial, unless its result is there.
func runOne(ctx context.Context, o options, r trial.Runner, t trial.Trial, out *trial.Outcome) (known bool, err error) {
	file := cacheFile(o, r, t)
	if !o.fresh {
		err := measure.Load(file, out)
		if err == nil && out.Version == r.Version(t) {
			return true, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(file) // half written: it is run again
		}
	}
	records, err := r.Run(ctx, t)
	if err != nil {
		return false, err
	}
	*out = trial.NewOutcome(t, r.Version(t), records, t.Seed == 1)
	return false, measure.Save(file, out)
}
