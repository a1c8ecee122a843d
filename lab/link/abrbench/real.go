package main

import (
	"context"
	"os"

	"github.com/encoderbox/encoderbox/lab/link/real"
	"github.com/encoderbox/encoderbox/lab/link/trial"
)

// bench runs trials over real transports.
func (o options) bench(ctx context.Context) (b real.Bench, end func(), err error) {
	build, err := buildOf(o)
	if err != nil {
		return b, nil, err
	}
	ladder, err := real.MakeLadder(ctx)
	if err != nil {
		return b, nil, err
	}
	dir, err := os.MkdirTemp("", "abrbench-")
	if err != nil {
		return b, nil, err
	}
	return real.Bench{Build: build, Workers: o.realWorkers, Ladder: ladder, Dir: dir, Quick: o.quick, Log: os.Stderr},
		func() { _ = os.RemoveAll(dir) }, nil
}

// of are the options of what a runner runs.
func (o options) of(r trial.Runner) options {
	if _, ok := r.(real.Bench); ok {
		o.seeds = o.realSeeds
	}
	return o
}
