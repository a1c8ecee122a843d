package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// TestPowerCutAtEveryOperation cuts the power at every operation of storage in
// turn, also while the journal repairs what the cut before has left, and looks
// at what is found afterwards.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, garbage := range []bool{false, true} {
		t.Run(fmt.Sprintf("garbage %v", garbage), func(t *testing.T) {
			for at := 1; ; at++ {
				again := true
				synctest.Test(t, func(t *testing.T) { again = cutAt(t, at, garbage) })
				if !again || t.Failed() {
					break
				}
			}
		})
	}
}

// cutAt is false when the run was over before the operation.
func cutAt(t *testing.T, at int, garbage bool) bool {
	d, f := newDisk(), newFeed(t)
	d.cutAt = at
	r := start(t, Config{}, d, f)
	keep := named("rec")
	keep.Length = 6 * time.Second
	r.Keep(keep)
	f.play(5)
	f.restart("bb", 3*time.Second)
	f.play(2)
	_ = r.stop()
	d.mu.Lock()
	over := d.ops < at
	d.mu.Unlock()
	promised := map[string]int64{}
	for _, reel := range r.find(func(*reel) bool { return true }) {
		for _, n := range reel.entries {
			for _, k := range kinds() {
				promised[n.seg.Media(k).Name] = n.seg.Media(k).Bytes
			}
		}
	}
	random := newRand(uint64(at))
	found := d.cut(random, garbage)
	// Cut again during the repair, some times.
	for i := range 3 {
		found.cutAt = 1 + random.IntN(20*(i+1))
		r = start(t, Config{}, found, f)
		time.Sleep(time.Second)
		_ = r.stop()
		found = found.cut(random, garbage)
	}
	r = start(t, Config{}, found, f)
	r.check()
	for _, reel := range r.Reels() {
		data := found.names[reel.Name].data
		sum := sha256.Sum256(data)
		if reel.SHA256 != hex.EncodeToString(sum[:]) || !bytes.HasPrefix(found.names[reel.Name+checksumExtension].data, []byte(reel.SHA256)) {
			t.Errorf("cut at %d: %s has not the checksum %q", at, reel.Name, reel.SHA256)
		}
		if int64(len(data)) != reel.Bytes || reel.Writing || reel.Duration == 0 {
			t.Errorf("cut at %d: %+v, a file of %d bytes", at, reel, len(data))
		}
	}
	for name, n := range promised {
		if !r.holds(name, n) {
			t.Errorf("cut at %d: %s was told to be stored and is not", at, name)
		}
	}
	if len(r.rep.conditions) > 0 {
		t.Errorf("cut at %d: %v", at, r.rep.conditions)
	}
	_ = r.stop()
	return !over
}

// holds says whether so much of a segment's file is stored.
func (r *rig) holds(name string, bytes int64) bool {
	for _, reel := range r.find(func(*reel) bool { return true }) {
		for _, n := range r.entriesOf(reel) {
			for _, k := range kinds() {
				if m := n.seg.Media(k); m != nil && m.Name == name && m.Bytes >= bytes {
					return true
				}
			}
		}
	}
	return false
}
