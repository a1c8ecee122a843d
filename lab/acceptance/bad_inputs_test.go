package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// badInput is a file that cannot be played, and what must be said of it.
type badInput struct {
	stream, path string
	words        []string
}

func badInputs(t *testing.T) []badInput {
	t.Helper()
	clip := func(c footage.Clip) string {
		path, err := c(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir := t.TempDir()
	forbidden := filepath.Join(dir, "forbidden.mp4")
	if err := os.WriteFile(forbidden, []byte("secret"), 0); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.mp4")
	return []badInput{
		{"text", clip(footage.TextMP4), []string{"text.mp4", "MP4", "MPEG-TS"}},
		{"empty", clip(footage.EmptyMP4), []string{"empty.mp4", "empty", "copy it again"}},
		{"unindexed", clip(footage.UnindexedMP4), []string{"unindexed.mp4", "moov"}},
		{"missing", missing, []string{missing, "no such file", "correct the path"}},
		{"folder", dir, []string{dir, "directory; name a file"}},
		{"forbidden", forbidden, []string{forbidden, "permission denied", "let the user"}},
	}
}

// unprivileged takes from a daemon that root starts the right to read every
// file: "permission denied" is then what it would be for a user.
func unprivileged() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	const rights = "-dac_override,-dac_read_search"
	return []string{"setpriv", "--bounding-set=" + rights, "--inh-caps=" + rights, "--"}
}

func TestBadInputsAreNamedAndTheOthersPlay(t *testing.T) {
	t.Parallel()
	bad := badInputs(t)
	config := fileInput(t, "good", footage.StreetMP4)
	for _, b := range bad {
		config += fmt.Sprintf("[streams.%s.input]\nkind = \"file\"\npath = %q\n", b.stream, b.path)
	}
	d := encoderd.Launch(t, encoderd.Options{Binary: binary, TOML: config, Wrap: unprivileged()})
	d.AwaitPage()
	good := d.Await("the good stream", patience, func(s status.Snapshot) bool {
		return encoderd.Stream(s, "good").Video != nil
	})
	for _, b := range bad {
		checkFailedInput(t, d, b)
	}
	s := d.Await("10 s of the good stream", patience, func(s status.Snapshot) bool {
		return encoderd.Stream(s, "good").Video.Frames >= encoderd.Stream(good, "good").Video.Frames+250
	})
	if g := encoderd.Stream(s, "good"); len(g.Conditions) != 0 || g.Input.State != status.InputRunning || g.HLS == nil || g.HLS.Discontinuities != 0 {
		t.Errorf("the good stream: %+v", g)
	}
	if n := strings.Count(d.WholeLog(), "input failed"); n != len(bad) {
		t.Errorf("%d lines of failed inputs, want one each:\n%s", n, d.WholeLog())
	}
	checkPlaylist(t, string(d.Get("/hls/good/"+mediaPlaylist(t, d, "good"))))
}

// checkFailedInput wants one line in status, and the same in a condition.
func checkFailedInput(t *testing.T, d *encoderd.Daemon, b badInput) {
	t.Helper()
	s := d.Await("input.failed of "+b.stream, patience, func(s status.Snapshot) bool {
		return encoderd.HasCondition(encoderd.Stream(s, b.stream).Conditions, "input.failed")
	})
	st := encoderd.Stream(s, b.stream)
	c := condition(st.Conditions, "input.failed")
	t.Logf("%s: %s", b.stream, c.Message)
	if st.Input.State != status.InputRetrying && st.Input.State != status.InputStarting || c.Severity != status.Error {
		t.Errorf("%s: input %+v, condition %+v", b.stream, st.Input, c)
	}
	for _, w := range b.words {
		if !strings.Contains(c.Message, w) || strings.Contains(c.Message, "\n") {
			t.Errorf("%s: %q, want one line with %q", b.stream, c.Message, w)
		}
	}
	if st.Video != nil || len(st.Destinations) != 0 || st.HLS != nil && st.HLS.Segments != 0 {
		t.Errorf("%s has output: %+v", b.stream, st)
	}
}

// TestAFileThatAppearsIsPlayed starts without the file, and a player of the
// stream that waits for it.
func TestAFileThatAppearsIsPlayed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "later.mp4")
	d := encoderd.Start(t, binary, fmt.Sprintf("[streams.main.input]\nkind = \"file\"\npath = %q\n", path))
	d.Await("the failure", patience, func(s status.Snapshot) bool {
		in := encoderd.Stream(s, "main").Input
		return in.State == status.InputRetrying && in.Retry != nil
	})
	clip, err := os.ReadFile(street(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, clip[:len(clip)/2], 0o644); err != nil { // as a copy under way
		t.Fatal(err)
	}
	if err := os.WriteFile(path, clip, 0o644); err != nil {
		t.Fatal(err)
	}
	s := d.Await("the file to play, and the condition to end", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return st.Input.State == status.InputRunning && st.HLS != nil && st.HLS.Segments > 0 &&
			!encoderd.HasCondition(st.Conditions, "input.failed")
	})
	if in := encoderd.Stream(s, "main").Input; in.Error != "" || in.Retry != nil {
		t.Errorf("input: %+v", in)
	}
}

// TestATruncatedFileIsPlayedAsFarAsItGoes has an index that speaks of pictures
// that are not there: a recording that was cut off.
func TestATruncatedFileIsPlayedAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	d := encoderd.Start(t, binary, fileInput(t, "main", footage.TruncatedMP4))
	s := d.Await("more than the file has once", patience, func(s status.Snapshot) bool {
		v := encoderd.Stream(s, "main").Video
		return v != nil && v.Frames > 14*25
	})
	st := encoderd.Stream(s, "main")
	c := condition(st.Conditions, "input.incomplete")
	if len(st.Conditions) != 1 || c.Severity != status.Warning || !strings.Contains(c.Message, "truncated.mp4") ||
		!strings.Contains(c.Message, "cut short: the first 12s of 30s") || strings.Contains(c.Message, "\n") {
		t.Errorf("conditions: %+v", st.Conditions)
	}
	if st.Input.State != status.InputRunning || st.HLS == nil || st.HLS.Discontinuities != 0 {
		t.Errorf("stream: %+v", st)
	}
	if _, err := peer.Decode(within(t, patience), d.HLS("main"), 8*time.Second); err != nil {
		t.Error(err)
	}
}

// TestARemovedFileGoesOn removes the file that is being played: who holds it
// open reads on, also after its end.
func TestARemovedFileGoesOn(t *testing.T) {
	t.Parallel()
	clip, err := os.ReadFile(street(t))
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "removed.mp4", clip)
	d := encoderd.Start(t, binary, fmt.Sprintf("[streams.main.input]\nkind = \"file\"\npath = %q\n", path))
	d.Await("the file to play", patience, func(s status.Snapshot) bool { return encoderd.Stream(s, "main").Video != nil })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	// The file's 30 s end meanwhile.
	s := d.Await("the second round", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return st.Video != nil && st.Video.Frames > 32*25 || len(st.Conditions) > 0
	})
	if st := encoderd.Stream(s, "main"); len(st.Conditions) != 0 || st.HLS.Discontinuities != 0 {
		t.Errorf("after the removal: %+v", st)
	}
}
