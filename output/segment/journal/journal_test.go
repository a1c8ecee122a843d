package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// rig is a journal that runs on a disk in memory, in virtual time.
type rig struct {
	*Journal
	t    *testing.T
	disk *disk
	feed *feed
	rep  *recorder
	stop func() error
}

func start(t *testing.T, cfg Config, d *disk, f *feed) *rig {
	t.Helper()
	cfg.Dir = "/reels"
	r := &rig{t: t, disk: d, feed: f, rep: &recorder{}}
	r.Journal = open(cfg, r.rep, d)
	r.cursor = tapeOf
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, f) }()
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	synctest.Wait()
	return r
}

func bubble(t *testing.T, cfg Config, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, cfg, newDisk(), newFeed(t))
		test(r)
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func read(t testing.TB, c segment.Content) []byte {
	t.Helper()
	f, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check reads every segment of every reel back, and compares it with what was
// cut; a part of it where the reel has a part.
func (r *rig) check() (stored map[uint64]bool) {
	r.t.Helper()
	stored = map[uint64]bool{}
	for _, reel := range r.find(func(*reel) bool { return true }) {
		for _, n := range r.entriesOf(reel) {
			for _, k := range kinds() {
				m := n.seg.Media(k)
				if m == nil {
					if !n.partial {
						r.t.Errorf("segment %d has no %v", n.seg.Sequence, k)
					}
					continue
				}
				got, want := read(r.t, m.Content), r.feed.all[m.Name]
				if n.partial && len(got) < len(want) {
					want = want[:len(got)]
				}
				if len(got) == 0 || !bytes.Equal(got, want) {
					r.t.Errorf("%s: %d bytes that are not the %d that were cut", m.Name, len(got), len(want))
				}
			}
			stored[n.seg.Sequence] = stored[n.seg.Sequence] || !n.partial
		}
	}
	return stored
}

func sequences(stored map[uint64]bool) string {
	var out []string
	for q, whole := range stored {
		s := fmt.Sprint(q)
		if !whole {
			s += "~"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// The last segment's end waits for a next chunk, unless it came together with its own.
func (r *rig) expect(want string) {
	r.t.Helper()
	time.Sleep(2 * lingerEnd)
	if got := sequences(r.check()); got != want {
		r.t.Errorf("stored %s\nwant   %s", got, want)
	}
}

func named(name string) Keep {
	return Keep{Name: func(_ time.Time, part int) string { return fmt.Sprintf("%s-%d", name, part) }}
}

func TestNothingIsWrittenUnlessWanted(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.feed.play(20)
		if len(r.disk.names) > 0 || r.Stats().Written > 0 {
			t.Errorf("%d files, %+v", len(r.disk.names), r.Stats())
		}
	})
}

func TestWantStoresWhatTheWindowStillHas(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.feed.play(10)
		release := r.Want("shift", 106)
		r.feed.play(3)
		release()
		r.feed.play(3)
		r.expect("106 107 108 109 110 111 112")
		reels := r.Reels()
		if len(reels) != 1 || reels[0].Kept || reels[0].Writing || reels[0].First != 106 || reels[0].Last != 112 || reels[0].Duration != 14*time.Second {
			t.Errorf("reels %+v", reels)
		}
		r.Want("late", 0)
		r.feed.play(1)
		r.expect("106 107 108 109 110 111 112 113 114 115 116")
	})
}

func TestChunksAreDurableBeforeTheirSegmentEnds(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Want("shift", NoHold)
		r.feed.play(2)
		time.Sleep(chunkTime)
		r.feed.chunk()
		time.Sleep(2 * linger)
		after := start(t, Config{}, r.disk.cut(newRand(1), false), r.feed)
		if got := sequences(after.check()); got != "100 101 102~" {
			t.Errorf("after the cut: %s", got)
		}
		_ = after.stop()
	})
}

func TestRecordingIsFilesOfItsNameWithChecksums(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Want("shift", NoHold)
		r.feed.play(3)
		keep := named("talk: 1/2")
		keep.Length = 6 * time.Second
		release := r.Keep(keep)
		r.feed.play(2)
		if err := r.Mark("goal"); err != nil {
			t.Error(err)
		}
		if err := r.Delete("talk- 1-2-0.mp4"); !errors.Is(err, ErrWriting) {
			t.Errorf("deleted while it is written: %v", err)
		}
		r.feed.play(3)
		release()
		r.feed.play(3)
		var names []string
		for _, reel := range r.Reels() {
			if reel.Kept {
				names = append(names, fmt.Sprintf("%s %d-%d", reel.Name, reel.First, reel.Last))
			}
			if !reel.Writing {
				data := r.disk.names[reel.Name].data
				sum := sha256.Sum256(data)
				want := hex.EncodeToString(sum[:])
				if reel.SHA256 != want || string(r.disk.names[reel.Name+".sha256"].data) != want+"  "+reel.Name+"\n" {
					t.Errorf("%s: checksum %s, of the file %s", reel.Name, reel.SHA256, want)
				}
			}
		}
		if got := strings.Join(names, ", "); got != "talk- 1-2-0.mp4 103-105, talk- 1-2-1.mp4 106-107" {
			t.Errorf("recordings %s", got)
		}
		r.expect("100 101 102 103 104 105 106 107 108 109 110")
		var there uint64
		for _, i := range r.disk.names {
			there += uint64(len(i.data))
		}
		if s := r.Stats(); s.Written != there || s.Lost != 0 || s.Syncs > 2*11+2 {
			t.Errorf("%d bytes of files, %+v", there, s)
		}
		f, reel, err := r.Open("talk- 1-2-0.mp4")
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := io.Copy(io.Discard, f); n != reel.Bytes || len(reel.Marks) != 1 || reel.Marks[0].At.Round(time.Second) != 4*time.Second {
			t.Errorf("%d bytes of %+v", n, reel)
		}
		_ = f.Close()
		if err := r.Delete(reel.Name); err != nil {
			t.Error(err)
		}
		if err := r.Delete(reel.Name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("deleted twice: %v", err)
		}
		if r.disk.names[reel.Name] != nil || r.disk.names[reel.Name+".sha256"] != nil {
			t.Error("files are left")
		}
	})
}

func TestRestartReadsTheEndsOnlyAndTellsTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t)
		r := start(t, Config{}, newDisk(), f)
		r.Want("shift", NoHold)
		f.play(5)
		_ = r.stop()
		before := r.Reels()
		f.restart("bb", time.Minute)
		time.Sleep(time.Minute)
		reads := 0
		r.disk.fault = func(op, _ string) error {
			if op == "readat" {
				reads++
			}
			return nil
		}
		r = start(t, Config{}, r.disk, f)
		if got := r.Reels(); fmt.Sprint(plain(got)) != fmt.Sprint(plain(before)) || reads != 3 {
			t.Errorf("after %d reads: %+v\nwant %+v", reads, plain(got), plain(before))
		}
		r.Want("shift", NoHold)
		f.play(8)
		r.expect("100 101 102 103 104 110 111 112 113 114 115 116 117")
		w, gaps := r.Between(f.begin.Add(3*time.Second), f.begin.Add(75*time.Second))
		var seqs []string
		for _, s := range w.Segments {
			q := fmt.Sprint(s.Sequence)
			if s.Discontinuity {
				q = "|" + q
			}
			seqs = append(seqs, q)
		}
		if got := strings.Join(seqs, " "); got != "101 102 103 104 |110 111 112" || !w.Ended {
			t.Errorf("window %s, ended %v", got, w.Ended)
		}
		if len(gaps) != 1 || gaps[0].Cause != CauseServer || gaps[0].To.Sub(gaps[0].From) != time.Minute {
			t.Errorf("gaps %v", gaps)
		}
		if s, ok := r.After(104); !ok || s.Sequence != 110 {
			t.Errorf("after 104: %v", s)
		}
		if i, ok := r.Init("video_aa_init1.mp4"); !ok || i.Track.Video.Width != 128 {
			t.Error("the header of the first run is not found")
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// plain is a list of reels without pointers.
func plain(reels []Reel) []Reel {
	for i := range reels {
		reels[i].Tracks = nil
	}
	return reels
}

func TestBounds(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		bubble(t, Config{MaxBytes: 2 << 20, ReelLength: 10 * time.Second}, func(r *rig) {
			r.feed.bytes = 2000
			r.Want("shift", NoHold)
			r.feed.play(60)
			if s := r.Stats(); s.Bytes > 2<<20 || s.Expired == 0 || s.Lost > 0 {
				t.Errorf("%+v", s)
			}
			r.check()
		})
	})
	t.Run("age", func(t *testing.T) {
		bubble(t, Config{MaxAge: 30 * time.Second, ReelLength: 10 * time.Second}, func(r *rig) {
			r.Want("shift", NoHold)
			r.feed.play(50)
			if reels := r.Reels(); len(reels) < 3 || time.Since(reels[0].End) > 40*time.Second {
				t.Errorf("%d reels, the oldest ended %v ago", len(reels), time.Since(reels[0].End))
			}
		})
	})
	t.Run("kept stays and storage is full", func(t *testing.T) {
		bubble(t, Config{MaxBytes: 2 << 20}, func(r *rig) {
			r.feed.bytes = 2000
			r.Keep(named("rec"))
			r.feed.play(60)
			first := r.Reels()[0]
			if !r.rep.has(ConditionFull) || first.First != 100 || r.Stats().Lost == 0 || r.Stats().Bytes > 2<<20+64<<10 {
				t.Errorf("full: %v, %+v, %+v", r.rep.conditions, first, r.Stats())
			}
			r.check()
			if err := r.Delete(first.Name); err != nil {
				t.Fatal(err)
			}
			r.feed.play(10)
			if r.rep.has(ConditionFull) || len(r.Reels()) == 0 {
				t.Errorf("did not take up again: %v", r.rep.conditions)
			}
			r.check()
			_, gaps := r.Between(r.feed.begin, time.Now())
			for _, g := range gaps {
				if g.Cause != CauseDisk {
					t.Errorf("gap %+v", g)
				}
			}
		})
	})
	t.Run("loop", func(t *testing.T) {
		bubble(t, Config{MaxBytes: 2 << 20, Loop: true}, func(r *rig) {
			r.feed.bytes = 2000
			r.Keep(named("rec"))
			r.feed.play(60)
			if s := r.Stats(); r.rep.has(ConditionFull) || s.Lost > 0 || s.Expired == 0 {
				t.Errorf("%v %+v", r.rep.conditions, s)
			}
		})
	})
	t.Run("who holds is last", func(t *testing.T) {
		bubble(t, Config{MaxBytes: 2 << 20, ReelLength: 10 * time.Second}, func(r *rig) {
			r.feed.bytes = 2000
			r.Want("shift", NoHold)
			r.feed.play(20)
			r.Want("push", 110)
			r.feed.play(10)
			if s, ok := r.Segment(110); !ok || s.Sequence != 110 || r.rep.has(ConditionFull) {
				t.Errorf("what a destination needs is gone: %v", r.rep.conditions)
			}
			r.feed.play(30)
			if _, ok := r.Segment(110); ok || !r.rep.has(ConditionFull) {
				t.Errorf("no alarm: %v", r.rep.conditions)
			}
		})
	})
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for _, n := range []string{"holiday.mp4", "notes.txt", "half.mp4", "empty.mp4"} {
			d.names[n] = &inode{data: []byte("\x00\x00\x00\x10ftypisomwhatever")}
		}
		d.names["empty.mp4"].data = nil
		r := start(t, Config{MaxBytes: 2 << 20, MaxAge: time.Second}, d, newFeed(t))
		r.Keep(named("holiday"))
		r.feed.play(3)
		_ = r.stop()
		if len(r.Reels()) != 1 || len(d.names) != 6 {
			t.Errorf("%d files, reels %+v", len(d.names), r.Reels())
		}
	})
}

func TestNewTrackIsANewReel(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Keep(named("rec"))
		r.feed.play(3)
		r.feed.restart("aa", 0)
		r.feed.play(3)
		if reels := r.Reels(); len(reels) != 2 || reels[1].First != 108 {
			t.Errorf("reels %+v", reels)
		}
		for _, q := range []uint64{101, 109} {
			if s, ok := r.Segment(q); !ok || s.Media(media.Video) == nil {
				t.Errorf("segment %d: %v", q, s)
			}
		}
	})
}
