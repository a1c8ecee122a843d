package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// profile runs encoderd once, with all three outputs or in the case that -only
// chooses, and leaves cpu.pprof,
// heap.pprof and memory.txt in the results' folder.
func profile(ctx context.Context, o options, w io.Writer) error {
	b, err := prepare(ctx, o, w)
	if err != nil {
		return err
	}
	defer b.remove()
	binary := filepath.Join(b.dir, "profiled")
	if err := goBuild(ctx, binary, "./lab/bench/profiled"); err != nil {
		return err
	}
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	var failed error
	err = peer.Do(b.dir, w, func(tb peer.TB) {
		env := []string{"PROFILE_DIR=" + out, "PROFILE_AFTER=" + o.settle.String(), "PROFILE_FOR=" + o.window.String()}
		failed = b.profiled(ctx, tb, binary, o.toProfile(), env)
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(out, "memory.txt"))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\ngo tool pprof -top %s\ngo tool pprof -sample_index=inuse_space -top %s\n",
		text, filepath.Join(out, "cpu.pprof"), filepath.Join(out, "heap.pprof"))
	return nil
}

// profiled runs the job until the profile is complete.
func (b *bench) profiled(ctx context.Context, tb peer.TB, binary string, j job, env []string) error {
	var (
		d  *encoderd.Daemon
		to receivers
	)
	if j.copies > 0 {
		f := b.startFan(tb, j)
		d, to = encoderd.Start(tb, binary, b.fanConfiguration(f), env...), f
	} else {
		s := startSinks(tb, j)
		d, to = encoderd.Start(tb, binary, b.configuration(j, s), env...), s
		if s.hlsDir = d.Live; j.hls {
			s.watchHLS(tb)
		}
	}
	if err := await(ctx, to, d.Process); err != nil {
		return err
	}
	return sleep(ctx, b.o.settle+b.o.window) // and it has begun before await returned
}

// toProfile is the first of our jobs that -only matches; all three without it.
func (o options) toProfile() job {
	for _, s := range suites {
		for _, c := range o.chosen(s.cases) {
			if c.program == ours && !c.job.player {
				return c.job
			}
		}
	}
	return allThree
}
