package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// killedWithin lets a daemon record until it is killed within a segment, of
// which later chunks are in the live window all the same. It returns the disk.
func killedWithin(t *testing.T, f *feed, later int) *disk {
	t.Helper()
	r := start(t, Config{}, newDisk(), f)
	r.Keep(named("rec"))
	f.play(2)
	f.chunk()
	time.Sleep(chunkTime)
	found := r.disk.cut(newRand(1), false)
	_ = r.stop()
	for range later {
		f.chunk()
	}
	f.close()
	f.restart("bb", time.Second)
	return found
}

// recordAgain starts the next daemon: it records before its segmenter has taken up
// what is left of the live window.
func recordAgain(t *testing.T, d *disk, f *feed) *rig {
	t.Helper()
	left := f.Window().Segments
	f.publish(func(w *segment.Window) { w.Segments = nil })
	r := start(t, Config{}, d, f)
	r.Keep(named("again"))
	f.publish(func(w *segment.Window) { w.Segments = left })
	return r
}

// once fails the test unless every segment of the order is in one reel, whole, and
// each reel is as its checksum says.
func (r *rig) once(reels int) {
	r.t.Helper()
	all := r.Reels()
	holders := map[uint64]int{}
	for _, reel := range all {
		for q := reel.First; q <= reel.Last; q++ {
			holders[q]++
		}
		data := r.disk.names[reel.Name].data
		sum := sha256.Sum256(data)
		if !reel.Writing && (reel.SHA256 != hex.EncodeToString(sum[:]) || !bytes.HasPrefix(r.disk.names[reel.Name+checksumExtension].data, []byte(reel.SHA256))) {
			r.t.Errorf("%s has not the checksum %q", reel.Name, reel.SHA256)
		}
		if reel.Bytes != int64(len(data)) {
			r.t.Errorf("%s: %d bytes, a file of %d", reel.Name, reel.Bytes, len(data))
		}
	}
	stored := r.check()
	for _, q := range r.feed.order {
		if holders[q] != 1 || !stored[q] {
			r.t.Errorf("segment %d is in %d reels, whole %v", q, holders[q], stored[q])
		}
	}
	if len(all) != reels {
		r.t.Errorf("%d reels, want %d: %+v", len(all), reels, all)
	}
	if len(r.rep.conditions) > 0 {
		r.t.Errorf("conditions %v", r.rep.conditions)
	}
}

// A segment that a reel was cut short within is completed there when the live
// window still has it: in another reel it would be part of two recordings.
func TestReelThatWasCutShortIsGoneOnWith(t *testing.T) {
	for later := range 3 {
		t.Run(fmt.Sprintf("%d chunks later", later), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFeed(t)
				r := recordAgain(t, killedWithin(t, f, later), f)
				f.play(2)
				time.Sleep(time.Minute)
				if err := r.stop(); err != nil {
					t.Error(err)
				}
				r.once(2)
				if first := r.Reels()[0]; first.Duration != time.Duration(5+later)*time.Second || first.End.Sub(first.Begin) != first.Duration {
					t.Errorf("gone on with: %+v", first)
				}
			})
		})
	}
}

// Storage that fails within a segment and works again goes on in the same reel.
func TestReelIsGoneOnWithAfterAFault(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Keep(named("rec"))
		r.feed.play(2)
		r.feed.chunk()
		time.Sleep(chunkTime)
		r.disk.mu.Lock()
		r.disk.fault = func(op, _ string) error {
			if op == "write" {
				return errMissing
			}
			return nil
		}
		r.disk.mu.Unlock()
		r.feed.chunk()
		r.feed.close()
		time.Sleep(3 * time.Second)
		r.disk.mu.Lock()
		r.disk.fault = nil
		r.disk.mu.Unlock()
		time.Sleep(time.Minute)
		r.feed.play(2)
		time.Sleep(time.Minute)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		r.once(1)
	})
}

// The power is cut at every operation of going on in turn.
func TestGoingOnIsCutAtEveryOperation(t *testing.T) {
	for at := 1; ; at++ {
		over := false
		synctest.Test(t, func(t *testing.T) {
			f := newFeed(t)
			d := killedWithin(t, f, 1)
			d.cutAt = at
			r := recordAgain(t, d, f)
			time.Sleep(10 * time.Second)
			_ = r.stop()
			d.mu.Lock()
			over = d.ops < at
			d.mu.Unlock()
			r = recordAgain(t, d.cut(newRand(uint64(at)), at%2 == 0), f)
			f.play(2)
			time.Sleep(time.Minute)
			_ = r.stop()
			r.once(2)
		})
		if over || t.Failed() {
			t.Logf("%d operations", at)
			return
		}
	}
}

// The daemon was killed before there was sound in the segment at hand, so that the
// window it left has no sound at its end: the next run's has it all the same.
func TestRunAfterOneThatWasKilledWithoutSound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t)
		f.play(2)
		f.restart("bb", time.Second)
		f.chunk()
		whole, silent := f.opened, *f.opened
		silent.Audio = nil // which comes a moment later
		f.publish(func(w *segment.Window) { w.Open, w.Audio = []*segment.Segment{&silent}, nil })
		r := start(t, Config{}, newDisk(), f)
		r.Keep(named("rec"))
		first := f.seq
		time.Sleep(100 * time.Millisecond)
		f.publish(func(w *segment.Window) { w.Open = []*segment.Segment{whole} })
		f.chunk()
		f.close()
		f.play(1)
		time.Sleep(time.Minute)
		_ = r.stop()
		if stored := r.check(); !stored[first] || !stored[first+1] {
			t.Errorf("stored %s", sequences(stored))
		}
	})
}
