package journal

import (
	"testing"
	"time"
)

// Space that comes back late costs no more files than space that comes back at once.
func TestSpaceThatComesBackLate(t *testing.T) {
	held := func(slow time.Duration) (bytes int64) {
		bubble(t, Config{ReelLength: 10 * time.Second, Reserve: 300_000}, func(r *rig) {
			r.disk.mu.Lock()
			r.disk.space, r.disk.slow = 1_200_000, slow
			r.disk.mu.Unlock()
			r.Want("time shift", NoHold)
			r.feed.play(300)
			if s := r.Stats(); s.Expired == 0 || s.Lost > 0 || s.Faults > 0 {
				t.Errorf("space after %v: %+v", slow, s)
			}
			bytes = r.Stats().Bytes
		})
		return bytes
	}
	at, late := held(0), held(8*time.Second)
	if late < at*3/4 {
		t.Errorf("%d bytes are held where space comes back late, %d elsewhere", late, at)
	}
}
