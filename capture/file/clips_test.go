package file

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// ffmpeg makes a clip in the test's folder.
func ffmpeg(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args = append(append([]string{"-v", "error", "-y"}, args...), path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, out)
	}
	return path
}

// av is the input of two seconds at 25 frames a second and a tone.
var av = []string{
	"-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2",
	"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2",
}

// coded is how it is encoded: B pictures, so that PTS and DTS differ.
var coded = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p",
	"-c:a", "aac", "-ac", "2", "-b:a", "64k"}

func clip(t testing.TB, name string, extra ...string) string {
	t.Helper()
	return ffmpeg(t, name, append(append(append([]string{}, av...), coded...), extra...)...)
}

func mustOpen(t testing.TB, cfg Config, clock *media.Clock) *capture.Input {
	t.Helper()
	in, err := Open(cfg, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// units reads a whole file once.
func units(t testing.TB, in *capture.Input) (all []unit) {
	t.Helper()
	r := in.Packets.(*player).r
	if err := r.rewind(); err != nil {
		t.Fatal(err)
	}
	for {
		u, err := r.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
}

func truncate(t testing.TB, path string, keep int64) {
	t.Helper()
	if err := os.Truncate(path, keep); err != nil {
		t.Fatal(err)
	}
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}
