package journal

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// hangs makes all that is asked of the disk wait until what it returns is called.
func (d *disk) hangs() (goOn func()) {
	hang := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hang = hang
	return func() {
		d.mu.Lock()
		d.hang = nil
		d.mu.Unlock()
		close(hang)
	}
}

func TestReadersDoNotHangWithStorage(t *testing.T) {
	bubble(t, Config{ReelLength: 10 * time.Second}, func(r *rig) {
		r.Want("time shift", NoHold)
		r.feed.play(60)
		first := r.Reels()[0]
		seg, ok := r.Segment(first.First)
		if !ok {
			t.Fatal("the oldest is not there")
		}
		reading, err := seg.Video.Content.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer reading.Close()
		r.mu.Lock()
		r.cache = indexCache{}
		r.mu.Unlock()

		goOn := r.disk.hangs()
		begin := time.Now()
		for range 100 {
			if _, ok := r.Segment(first.First); ok {
				t.Error("found without an answer of storage")
			}
		}
		if _, _, err := r.Open(r.Reels()[1].Name); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("open: %v", err)
		}
		if _, err := reading.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if took := time.Since(begin); took != patience {
			t.Errorf("readers were held up for %v, want %v once", took, patience)
		}
		goOn()
		time.Sleep(time.Second)
		if seg, ok = r.Segment(first.First); !ok {
			t.Fatal("not found when storage answers again")
		}
		got, err := io.ReadAll(reading)
		if err != nil || string(got) != string(r.feed.all[seg.Video.Name]) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
	})
}

func TestStorageThatWasGivenUpIsLeftAlone(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Keep(named("rec"))
		r.feed.play(5)
		goOn := r.disk.hangs()
		r.feed.play(5)
		stop := r.stop
		r.stop = func() error { return nil }
		if err := stop(); !errors.Is(err, ErrHangs) {
			t.Fatalf("ended with %v", err)
		}
		name := r.Reels()[0].Name
		r.disk.mu.Lock()
		before := len(r.disk.names)
		r.disk.mu.Unlock()
		goOn()
		time.Sleep(time.Minute)
		// One operation was under way; the reel is for the next Journal to repair.
		r.disk.mu.Lock()
		after, data := len(r.disk.names), r.disk.names[name].data
		r.disk.mu.Unlock()
		if _, err := readSummary(&handle{r.disk, &inode{data: data}, name}, int64(len(data))); !errors.Is(err, errRecord) {
			t.Errorf("the reel was closed: %v", err)
		}
		if before != after {
			t.Errorf("%d files became %d", before, after)
		}
		next := start(t, Config{}, r.disk, r.feed)
		defer func() { _ = next.stop() }()
		<-next.Ready()
		if s := next.Stats(); s.Repaired != 1 {
			t.Errorf("%+v", s)
		}
		next.check()
	})
}
