package journal

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestAnyOrderOfEvents lets recordings, wants, faults, restarts of segmenter and
// daemon and power cuts come in any order.
func TestAnyOrderOfEvents(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walk(t, newRand(seed)) })
		})
	}
}

func walk(t *testing.T, random *rand.Rand) {
	cfg := Config{ReelLength: 10 * time.Second}
	f := newFeed(t)
	r := start(t, cfg, newDisk(), f)
	releases := []func(){}
	run := 0
	set := func(fault func(op, name string) error) {
		r.disk.mu.Lock()
		defer r.disk.mu.Unlock()
		r.disk.fault = fault
	}
	for range 25 {
		switch random.IntN(9) {
		case 0, 1:
			releases = append(releases, r.Keep(named(fmt.Sprint("rec", len(releases)))))
		case 2:
			releases = append(releases, r.Want(fmt.Sprint(random.IntN(3)), f.seq-uint64(random.IntN(8))))
		case 3, 4:
			if n := len(releases); n > 0 {
				releases[random.IntN(n)]()
			}
		case 5:
			var n atomic.Int64
			every := int64(2 + random.IntN(12))
			set(func(string, string) error {
				if n.Add(1)%every == 0 {
					return unix.EIO
				}
				return nil
			})
		case 6:
			set(nil)
		case 7:
			run++
			f.restart(fmt.Sprintf("%02x", run), time.Duration(random.IntN(5))*time.Second)
		case 8:
			found := r.disk.cut(random, random.IntN(2) == 0)
			_ = r.stop()
			r, releases = start(t, cfg, found, f), nil
		}
		_ = r.Mark("mark")
		f.play(random.IntN(6))
	}
	set(nil)
	time.Sleep(time.Minute)
	r.Want("end", NoHold)
	f.play(4)
	stored := r.check()
	if len(r.rep.conditions) > 0 || !stored[f.seq-2] {
		t.Errorf("does not store in the end: %v", r.rep.conditions)
	}
	// The live window and storage are one row.
	var last uint64
	for n := 0; ; n++ {
		s, ok := r.After(last)
		if !ok {
			break
		}
		if again, ok := r.Segment(s.Sequence); !ok || again.Sequence != s.Sequence || s.Sequence <= last {
			t.Fatalf("segment %d after %d", s.Sequence, last)
		}
		last = s.Sequence
	}
	if last != f.seq-1 {
		t.Errorf("the last segment is %d, not %d", last, f.seq-1)
	}
	if w, _ := r.Between(f.begin, time.Now()); len(w.Segments) < 4 {
		t.Errorf("%d segments between then and now", len(w.Segments))
	}
	_ = r.stop()
}

// FuzzReel reads what a file system may make of a reel.
func FuzzReel(f *testing.F) {
	f.Add([]byte{}, uint32(0), uint32(1))
	f.Add([]byte("uuid"), uint32(900), uint32(50))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint32(2000), uint32(4000))
	good := sample(f)
	f.Fuzz(func(t *testing.T, patch []byte, at, cut uint32) {
		d := newDisk()
		data := append([]byte{}, good[:len(good)-int(cut)%len(good)]...)
		if len(data) > 0 {
			copy(data[int(at)%len(data):], patch)
		}
		d.names["a.mp4"] = &inode{data: data}
		j := open(Config{Dir: "/reels"}, &recorder{}, d)
		if err := j.load(); err != nil {
			t.Fatal(err)
		}
		for _, reel := range j.find(func(*reel) bool { return true }) {
			for _, n := range j.entriesOf(reel) {
				for _, k := range kinds() {
					if m := n.seg.Media(k); m != nil && m.Content != nil {
						if int64(len(read(t, m.Content))) != m.Bytes {
							t.Errorf("%s: not its %d bytes", m.Name, m.Bytes)
						}
					}
				}
			}
		}
	})
}

// sample is a reel that was closed.
func sample(t testing.TB) []byte {
	feed := newFeed(t)
	d := newDisk()
	j := open(Config{Dir: "/reels"}, &recorder{}, d)
	j.cursor = tapeOf
	s := &spill{j: j, src: feed}
	j.Keep(named("a"))
	if err := j.load(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		feed.chunk()
		feed.chunk()
		feed.close()
	}
	s.replan = true
	ctx := t.Context()
	for range 3 * 5 {
		if err := s.turn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	return d.names["a-0.mp4"].data
}
