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

// profile runs encoderd with all three outputs once and leaves cpu.pprof,
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
		s := startSinks(tb, allThree)
		d := encoderd.Start(tb, binary, b.configuration(allThree, s),
			"PROFILE_DIR="+out, "PROFILE_AFTER="+o.settle.String(), "PROFILE_FOR="+o.window.String())
		s.hlsDir = d.Live
		s.watchHLS(tb)
		if failed = s.await(ctx, d.Process); failed == nil {
			failed = sleep(ctx, o.settle+o.window) // and it has begun before await returned
		}
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
