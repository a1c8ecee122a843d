package rate

import (
	"testing"
	"time"
)

// A path that video comes back on begins at the next GOP border; the stream asks for a
// key picture at that moment, once, rather than have it wait for the usual one.
func TestReturnAsksForAKeyPicture(t *testing.T) {
	for _, policy := range []Policy{ProtectPrimary, ProtectAll, BestForMost} {
		for _, fixed := range []bool{false, true} {
			config := with(policy)
			config.Fixed = fixed
			g := newStage(config, 2)
			g.puppets[0].says(config.Max, AtMax, 0)
			g.puppets[1].says(100_000, TooOld, 1500*time.Millisecond)
			if g.until(time.Minute, func(d Decision) bool { return d.Paths[1].Shed }) >= time.Minute {
				t.Fatalf("%s, fixed %v: it did not shed", policy, fixed)
			}
			g.run(time.Second)
			g.puppets[1].says(config.Max, AtMax, 0)
			key := g.last.Setting.Key
			took := g.until(2*time.Minute, func(d Decision) bool {
				if d.Paths[1].Shed && d.Setting.Key != key {
					t.Fatalf("%s, fixed %v: a key picture while it is shed", policy, fixed)
				}
				return !d.Paths[1].Shed
			})
			if took >= 2*time.Minute || g.last.Setting.Key != key+1 {
				t.Errorf("%s, fixed %v: back after %v with %d keys", policy, fixed, took, g.last.Setting.Key-key)
			}
			if d := g.run(10 * time.Second); d.Setting.Key != key+1 {
				t.Errorf("%s, fixed %v: %d keys for one return", policy, fixed, d.Setting.Key-key)
			}
		}
	}
}
