package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestFullStorageLosesSegmentsAndNothingElse(t *testing.T) {
	bubble(t, Config{Segments: 20}, both, func(r *rig) {
		video, audio := segmenttest.Video(), segmenttest.Audio()
		feed := func(from, d time.Duration) {
			n := int(d / frame)
			r.write(mixed(0, pictures(video, from, n, every(50)), sounds(audio, from, d))...)
		}
		feed(0, 6*time.Second)
		r.store.fail = errFull
		feed(6*time.Second, 4*time.Second)
		msg := r.rep.message(ConditionStorage)
		if !strings.Contains(msg, string(r.store.folder)) || !strings.Contains(msg, "no space left") || !strings.Contains(msg, "free space") {
			t.Errorf("condition %q does not name the folder, the cause and the way out", msg)
		}
		r.store.fail = nil
		feed(10*time.Second, 6*time.Second)
		r.expect("2s 2s 2sx 2sx 2sx 2s 2s")
		if got := fmt.Sprint(r.rep.history); got != "[+segment.storage -segment.storage]" {
			t.Errorf("conditions %s", got)
		}
		if r.rep.stats.Lost != 3 {
			t.Errorf("%d lost segments counted, want 3", r.rep.stats.Lost)
		}
		checkFolder(t, r)
	})
}

// checkFolder compares what is on disk with what the window says is there.
func checkFolder(t *testing.T, r *rig) {
	t.Helper()
	want := map[string]bool{}
	for s := range r.seg.Window().All {
		for _, m := range []*Media{s.Video, s.Audio} {
			if m != nil && !m.Gap {
				want[m.Name] = true
			}
		}
	}
	entries, err := os.ReadDir(string(r.store.folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), temporary) || e.Name() == indexName {
			continue // the segment being written
		}
		if !want[e.Name()] {
			t.Errorf("%s is on disk but in no window", e.Name())
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("%s is in the window but not on disk", name)
	}
}

func TestFullStorageGivesUpExpiredSegmentsFirst(t *testing.T) {
	bubble(t, Config{Segments: 5, Grace: time.Hour}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		r.write(pictures(track, 0, 1000, every(50))...)
		if n := len(r.seg.Window().Expired); n != 14 {
			t.Fatalf("%d segments have expired", n)
		}
		r.store.fail = errFull
		r.write(pictures(track, 40*time.Second, 100, every(50))...)
		if n := len(r.seg.Window().Expired); n > 14/4 {
			t.Errorf("%d of 14 expired segments are kept on a full disk", n)
		}
		r.store.fail = nil
		r.write(pictures(track, 44*time.Second, 1000, every(50))...)
		if n := len(r.seg.Window().Expired); n > 14/4 {
			t.Errorf("%d expired segments are kept on a disk that was full with 14", n)
		}
		checkFolder(t, r)
	})
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, []byte("in the way"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(blocked, "live")
	bubble(t, Config{Dir: dir}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		r.write(pictures(track, 0, 60, every(50))...)
		if msg := r.rep.message(ConditionStorage); !strings.Contains(msg, dir) || !strings.Contains(msg, "not a directory") {
			t.Errorf("condition %q", msg)
		}
		if r.ready != 0 {
			t.Error("ready without a segment that can be fetched")
		}
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		r.write(pictures(track, 2400*time.Millisecond, 150, at(40, 90, 140))...)
		r.expect("2sx 2s 2s 2s") // the second was begun after the first one's loss
		if r.ready != 1 || r.rep.message(ConditionStorage) != "" {
			t.Errorf("ready %d times, condition %q", r.ready, r.rep.message(ConditionStorage))
		}
	})
}

func TestFilesThatNoIndexKnowsAreDeletedAndTheirNumbersNotUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "live")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"video_0a1b2c3d_12.m4s", "audio_0a1b2c3d_13.m4s.tmp", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bubble(t, Config{Dir: dir}, videoOnly, func(r *rig) {
		if _, err := os.Stat(filepath.Join(dir, "video_0a1b2c3d_12.m4s")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file of nobody's is left: %v", err)
		}
		r.write(pictures(segmenttest.Video(), 0, 170, every(50))...)
		if segs := r.segments(); segs[0].Sequence != 14 || !segs[0].Discontinuity {
			t.Errorf("the first segment is %d, discontinuity %v, want 14 and true", segs[0].Sequence, segs[0].Discontinuity)
		}
		r.stop()
		if n := len(r.seg.Window().Segments); n != 4 {
			t.Errorf("%d segments after the end, want the unfinished one too", n)
		}
		if err := Clear(dir); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || entries[0].Name() != "notes.txt" {
			t.Errorf("left after Clear: %v, %v", entries, err)
		}
		if err := os.Remove(filepath.Join(dir, "notes.txt")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := Clear(dir); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder after Clear: %v", err)
		}
	})
}
