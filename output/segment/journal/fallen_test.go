package journal

import (
	"testing"
	"testing/synctest"
	"time"
)

// A medium comes late, and on it are numbers that the stream has come to only now:
// what is new is stored and found all the same.
func TestNumbersThatAreOnStorageAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, cfg := newDisk(), Config{ReelLength: time.Minute}
		old := start(t, cfg, d, newFeed(t))
		old.Keep(named("old"))
		old.feed.play(100)
		if err := old.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)

		f := newFeed(t) // with the numbers of the first
		f.run = "again"
		f.tracks()
		f.play(10)
		r := start(t, cfg, d, f)
		r.Keep(named("new"))
		f.play(80)
		if s := r.Stats(); s.Segments < 60 || s.Lost > 0 {
			t.Errorf("%+v", s)
		}
		q := f.order[40]
		seg, ok := r.Segment(q)
		if !ok || seg.Run != "again" {
			t.Fatalf("segment %d: %v", q, seg)
		}
		if string(read(t, seg.Video.Content)) != string(f.all[seg.Video.Name]) {
			t.Errorf("%s is not what was cut", seg.Video.Name)
		}
		w, _ := r.Between(wallOf(seg), wallOf(seg).Add(time.Second))
		if len(w.Segments) == 0 || w.Segments[0].Run != "again" {
			t.Errorf("between: %+v", w.Segments)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
