package acceptance

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// storage is a live window that the test can make full and free again.
type storage struct {
	d          *encoderd.Daemon
	fill, free func()
	limit      func(bytes uint64) // of a file; nil for a tmpfs
}

// tmpfs runs the daemon in a mount namespace of its own, with a small tmpfs as
// its live window, which the test reaches by /proc. ok is false where nobody
// but a full root may mount, as in many containers.
func tmpfs(t *testing.T, toml string) (s storage, ok bool) {
	t.Helper()
	live := t.TempDir()
	unshare := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	mount := append(unshare, "sh", "-c", `mount -t tmpfs -o size=8m tmpfs "$1" && shift && exec "$@"`, "sh", live)
	if _, err := peer.Run(t.Context(), peer.Command{Args: append(mount, "true")}); err != nil {
		t.Logf("no tmpfs: %v", err)
		return s, false
	}
	s.d = encoderd.Launch(t, encoderd.Options{Binary: binary, TOML: toml, Live: live, Wrap: mount})
	s.d.AwaitPage()
	filler := filepath.Join("/proc", strconv.Itoa(s.d.PID()), "root", live, "filler")
	s.fill = func() {
		if err := os.WriteFile(filler, make([]byte, 16<<20), 0o600); err == nil {
			t.Fatal("16 MiB fit into a tmpfs of 8")
		}
	}
	s.free = func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	return s, true
}

// limited takes the daemon's right to write files of more than some bytes,
// which everyone may do everywhere.
func limited(t *testing.T, toml string) storage {
	t.Helper()
	d := encoderd.Start(t, binary, toml)
	limit := func(bytes uint64) {
		l := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
		if err := unix.Prlimit(d.PID(), unix.RLIMIT_FSIZE, &l, nil); err != nil {
			t.Fatal(err)
		}
	}
	return storage{d: d, limit: limit, fill: func() { limit(50_000) }, free: func() { limit(unix.RLIM_INFINITY) }}
}

func TestFullStorageStopsSegmentsOnly(t *testing.T) {
	t.Parallel()
	n, srt, destinations := nginxAndSRT(t)
	toml := fileInput(t, "main", footage.StreetMP4) + destinations
	s, mounted := tmpfs(t, toml)
	if !mounted {
		s = limited(t, toml)
	}
	checkFullStorage(t, s, "no space left", mounted)
	s.d.Stop()
	srt.Stop()
	files, err := n.Recordings("good")
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %q, error %v", files, err)
	}
	checkContinuous(t, files[0])
	checkContinuous(t, srt.File())
}

// TestFilesThatMayNotGrowStopSegmentsOnly is the same by another cause.
func TestFilesThatMayNotGrowStopSegmentsOnly(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	s := limited(t, fileInput(t, "main", footage.StreetMP4)+destination("good-rtmp", n.URL("good")))
	checkFullStorage(t, s, "file too large", false)
}

// checkFullStorage fills the storage for 8 s, and frees it.
func checkFullStorage(t *testing.T, s storage, cause string, mounted bool) {
	t.Helper()
	d := s.d
	hls := func(s status.Snapshot) status.HLS {
		if h := encoderd.Stream(s, "main").HLS; h != nil {
			return *h
		}
		return status.HLS{}
	}
	awaitState(t, d, "good-rtmp", status.Active)
	d.Await("two segments", patience, func(s status.Snapshot) bool { return hls(s).Segments >= 2 })
	s.fill()
	before := d.Await("segment.storage", patience, func(s status.Snapshot) bool {
		return encoderd.HasCondition(encoderd.Stream(s, "main").Conditions, "segment.storage")
	})
	c := condition(encoderd.Stream(before, "main").Conditions, "segment.storage")
	t.Log(c.Message)
	if !mounted {
		cause = "file too large"
	}
	for _, word := range []string{d.Live, cause, "free space"} {
		if !strings.Contains(c.Message, word) || strings.Contains(c.Message, "\n") || c.Severity != status.Error {
			t.Errorf("condition %+v, want one line with %q", c, word)
		}
	}
	d.Await("8 s of pushing meanwhile", patience, func(s status.Snapshot) bool {
		return encoderd.Stream(s, "main").Video.Frames > encoderd.Stream(before, "main").Video.Frames+200
	})
	if now := d.Status(); !encoderd.HasCondition(encoderd.Stream(now, "main").Conditions, "segment.storage") {
		t.Error("the condition ended while the storage was full")
	}
	s.free()
	freed := hls(d.Status()).LastSequence
	after := d.Await("the condition to end, and segments", patience, func(s status.Snapshot) bool {
		return len(encoderd.Stream(s, "main").Conditions) == 0 && hls(s).LastSequence > freed+3
	})
	if _, err := peer.Decode(within(t, patience), d.HLS("main"), 4*time.Second); err != nil {
		t.Errorf("after the storage was freed: %v", err)
	}
	if g := mainDestination(after, "good-rtmp"); g.State != status.Active || g.Attempts != 1 || g.Dropped != 0 {
		t.Errorf("the push was disturbed: %+v", g)
	}
}

// TestALiveFolderThatCannotBeMade has a file in its way, which stops root too.
func TestALiveFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	inTheWay := write(t, "file", []byte("x"))
	d := encoderd.Launch(t, encoderd.Options{
		Binary: binary, TOML: patternInput("main") + destination("good", n.URL("good")), Live: filepath.Join(inTheWay, "live"),
	})
	d.AwaitPage()
	awaitState(t, d, "good", status.Active)
	s := d.Await("hls.failed", patience, func(s status.Snapshot) bool {
		return encoderd.HasCondition(encoderd.Stream(s, "main").Conditions, "hls.failed")
	})
	c := condition(encoderd.Stream(s, "main").Conditions, "hls.failed")
	if !strings.Contains(c.Message, inTheWay) || !strings.Contains(c.Message, "storage.live") || strings.Contains(c.Message, "\n") {
		t.Errorf("condition %+v", c)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	d.Await("segments once the way is free", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return st.HLS != nil && st.HLS.Segments > 0 && len(st.Conditions) == 0
	})
	if g := awaitState(t, d, "good", status.Active); g.Attempts != 1 {
		t.Errorf("the push was disturbed: %+v", g)
	}
}

// TestAKilledDaemonsWindowIsTakenUp kills a daemon and starts another in its
// place, which goes on with what is there; so does one after it was stopped.
func TestAKilledDaemonsWindowIsTakenUp(t *testing.T) {
	t.Parallel()
	live := t.TempDir()
	sequence := func(s status.Snapshot) uint64 {
		if h := encoderd.Stream(s, "main").HLS; h != nil && h.Segments >= 3 {
			return h.LastSequence
		}
		return 0
	}
	start := func(after uint64) *encoderd.Daemon {
		d := encoderd.Launch(t, encoderd.Options{Binary: binary, TOML: patternInput("main"), Live: live})
		d.AwaitPage()
		d.Await("segments", patience, func(s status.Snapshot) bool { return sequence(s) > after })
		return d
	}
	first := start(0)
	listed := sequence(first.Status())
	first.Kill()
	plant := func(name string) string {
		file := filepath.Join(live, "main", name)
		if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	stray, torn := plant("video_0badf00d_7.m4s"), plant("video_0badf00d_8.m4s.tmp")
	foreign := plant("notes.txt")
	second := start(listed)
	for _, name := range []string{stray, torn} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s, which nobody lists, is still there", name)
		}
	}
	checkTakenUp(t, second, listed)
	listed = sequence(second.Status())
	second.Stop()
	third := start(listed)
	checkTakenUp(t, third, listed)
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
	third.Patch(`{"streams":{"other":{"input":{"kind":"pattern"}},"main":null}}`)
	eventually(t, "the segments of a stream that is removed to go", func() bool {
		return len(segments(t, filepath.Join(live, "main"))) == 0
	})
}

// checkTakenUp fails the test unless a playlist goes on from a segment of the
// daemon before, behind a discontinuity, and all that it lists is there.
func checkTakenUp(t *testing.T, d *encoderd.Daemon, before uint64) {
	t.Helper()
	doc := d.Get("/hls/main/" + mediaPlaylist(t, d, "main"))
	m, err := playlist.ParseMedia(doc)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	breaks := 0
	for _, s := range m.Segments {
		if s.Discontinuity {
			breaks++
		}
		d.Get("/hls/main/" + s.URI)
	}
	if m.Sequence > before || breaks == 0 {
		t.Errorf("the playlist begins with %d and has %d discontinuities; before the restart it ended with %d", m.Sequence, breaks, before)
	}
}

// segments are the files in a live window but for the locks, which are empty.
func segments(t *testing.T, live string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(live, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Base(path) == "notes.txt" {
			return err
		}
		if info, err := e.Info(); err == nil && strings.HasSuffix(path, ".lock") && info.Size() == 0 {
			return nil
		}
		names = append(names, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestTwoDaemonsOnOneLiveFolder: the second leaves the first one's segments
// alone, says so, pushes all the same, and takes over when the first has gone.
func TestTwoDaemonsOnOneLiveFolder(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	live := t.TempDir()
	launch := func(toml string) *encoderd.Daemon {
		d := encoderd.Launch(t, encoderd.Options{Binary: binary, TOML: toml, Live: live})
		d.AwaitPage()
		return d
	}
	segmented := func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return st.HLS != nil && st.HLS.Segments >= 3 && len(st.Conditions) == 0
	}
	first := launch(patternInput("main"))
	first.Await("segments", patience, segmented)
	second := launch(patternInput("main") + destination("good", n.URL("good")))
	s := second.Await("hls.failed", patience, func(s status.Snapshot) bool {
		return encoderd.HasCondition(encoderd.Stream(s, "main").Conditions, "hls.failed")
	})
	c := condition(encoderd.Stream(s, "main").Conditions, "hls.failed")
	if !strings.Contains(c.Message, "another encoderd uses "+live) || !strings.Contains(c.Message, "storage.live") {
		t.Errorf("condition %+v", c)
	}
	awaitState(t, second, "good", status.Active)
	if _, err := peer.Decode(within(t, patience), first.HLS("main"), 4*time.Second); err != nil {
		t.Errorf("the first daemon's stream: %v", err)
	}
	first.Stop()
	second.Await("the second to take over", patience, segmented)
}

// TestALiveFolderThatIsRemovedComesBack is cleaned up by somebody else.
func TestALiveFolderThatIsRemovedComesBack(t *testing.T) {
	t.Parallel()
	d := encoderd.Start(t, binary, patternInput("main"))
	sequence := func(s status.Snapshot) uint64 {
		if h := encoderd.Stream(s, "main").HLS; h != nil {
			return h.LastSequence
		}
		return 0
	}
	s := d.Await("segments", patience, func(s status.Snapshot) bool { return sequence(s) > 0 })
	if err := os.RemoveAll(d.Live); err != nil {
		t.Fatal(err)
	}
	d.Await("a window of new segments", patience, func(now status.Snapshot) bool { return sequence(now) > sequence(s)+8 })
	if c := encoderd.Stream(d.Status(), "main").Conditions; len(c) != 0 {
		t.Errorf("conditions: %+v", c)
	}
	if _, err := peer.Decode(within(t, patience), d.HLS("main"), 4*time.Second); err != nil {
		t.Error(err)
	}
}
