package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/viewer"
)

// profile runs encoderd with everything once and leaves cpu.pprof, heap.pprof
// and memory.txt in the results' folder.
func profile(ctx context.Context, o options, w io.Writer) error {
	b, err := prepare(ctx, o, w)
	if err != nil {
		return err
	}
	defer b.remove()
	binary := filepath.Join(b.dir, "profiled")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./lab/bench/profiled")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build lab/bench/profiled: %w\n%s", err, text)
	}
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	err = b.within(func(tb peer.TB, disk string) error {
		p := b.startDaemon(tb, binary, everything, disk,
			"PROFILE_DIR="+out, "PROFILE_AFTER="+o.settle.String(), "PROFILE_FOR="+o.window.String())
		s := watch(tb, everything, p)
		s.viewers = []*viewer.Viewer{viewer.HLS(tb, p.daemon.HLS("")), viewer.DASH(tb, p.daemon.URL+"/dash/main/manifest.mpd")}
		if err := s.await(ctx, p.Process); err != nil {
			return err
		}
		return sleep(ctx, o.settle+o.window) // and it has begun before await returned
	})
	if err != nil {
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
