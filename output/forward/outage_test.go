package forward

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listed are the numbers in a playlist on the origin.
func listed(v *server, name string) (refs []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, ref := range references(string(v.files[name])) {
		if strings.HasSuffix(ref, ".m4s") {
			refs = append(refs, ref)
		}
	}
	return refs
}

const link = 250_000 // bytes a second: 2 Mb/s; the stream takes 54 kB/s

func TestTenMinutesWithoutALink(t *testing.T) {
	for _, mode := range []Mode{LiveFirst, InOrder} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newStream("a1", 7), newServer(link), map[string]string{"store": string(mode)})
				r.start()
				r.play(time.Minute)
				if st := r.dest.Status(); st.State != Live || st.Text != "live" || st.Skipped > 0 {
					t.Errorf("before the outage: %+v", st)
				}
				if r.stream.wantings != 0 || r.stream.spilled != 0 {
					t.Errorf("a healthy link asked storage %d times, %d segments were written", r.stream.wantings, r.stream.spilled)
				}
				r.server.set(func() { r.server.down = true })
				r.play(10 * time.Minute)
				st := r.dest.Status()
				if st.State != Retrying || st.Lag < 590*s || st.Lag > 610*s || st.LagBytes < 29e6 || !st.Stored || !strings.Contains(st.Text, "behind by") || st.NextAttempt.IsZero() {
					t.Errorf("during the outage: %+v", st)
				}
				r.server.set(func() { r.server.down = false })
				back := time.Now()
				r.play(14 * s) // the wait between attempts, and the live window
				if st = r.dest.Status(); (mode == LiveFirst) != st.AtLive || st.State != Behind {
					t.Errorf("14 s after the link came back: %+v", st)
				}
				for st.State != Live && time.Since(back) < time.Hour {
					r.play(10 * s)
					st = r.dest.Status()
				}
				r.play(time.Minute)
				if st = r.dest.Status(); st.State != Live || st.Lag > 2*segmentDur || st.Skipped != 0 || st.Stored {
					t.Errorf("afterwards: %+v", st)
				}
				if r.stream.wanted() != 0 {
					t.Error("storage is still asked to keep segments")
				}
				r.stop()
				r.wantAll(600)
				want := len(r.stream.made)
				if mode == InOrder {
					want = windowLen
				}
				name := map[Mode]string{LiveFirst: "dvr_video.m3u8", InOrder: "video.m3u8"}[mode]
				if got := listed(r.server, name); len(got) < want-60 && mode == LiveFirst || len(got) < 3 {
					t.Errorf("%s lists %d segments of %d", name, len(got), want)
				}
				t.Logf("caught up %v after the link came back", time.Since(back).Round(time.Second))
			})
		})
	}
}

// What the backlog takes of the link is capped, and live never waits for it.
func TestTheBacklogHasItsShare(t *testing.T) {
	for share, want := range map[string]float64{"50": 0.5, "20": 0.2} {
		t.Run(share, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newStream("a1", 1), newServer(link), map[string]string{"store_share": share, "dvr": "0s"})
				r.start()
				r.play(30 * s)
				r.server.set(func() { r.server.down = true })
				r.play(10 * time.Minute)
				r.server.set(func() { r.server.down = false; r.server.log = nil })
				r.play(time.Minute)
				if st := r.dest.Status(); st.State != Behind || !st.AtLive {
					t.Errorf("state %+v", st)
				}
				r.stop()
				paced := 0
				var first time.Time
				for _, e := range r.server.log {
					if !e.paced {
						continue
					}
					if first.IsZero() {
						first = e.at
					}
					paced += e.bytes
				}
				took := time.Since(first).Seconds()
				most := want*link*(took+bucketDepth.Seconds()) + 16<<10
				if got := float64(paced); got > most || got < most*0.7 {
					t.Errorf("the backlog took %.1f %% of the link (%d bytes, at most %.0f)", 100*got/took/link, paced, most)
				}
			})
		})
	}
}

// A stream that needs most of the link stays live while a backlog waits.
func TestLiveIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newStream("a1", 1), newServer(70_000), map[string]string{"store_share": "95"})
		r.start()
		r.play(30 * s)
		r.server.set(func() { r.server.down = true })
		r.play(5 * time.Minute)
		r.server.set(func() { r.server.down = false })
		r.play(time.Minute)
		for range 60 {
			r.play(10 * s)
			if st := r.dest.Status(); !st.AtLive {
				t.Errorf("live has fallen behind: %+v", st)
				break
			}
		}
		r.stop()
	})
}

func TestRestartInTheMiddleOfABacklog(t *testing.T) {
	for _, mode := range []string{"live_first", "in_order"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newStream("a1", 1), newServer(link), map[string]string{"store": mode})
				r.start()
				r.play(time.Minute)
				r.server.set(func() { r.server.down = true })
				r.play(5 * time.Minute)
				r.server.set(func() { r.server.down = false })
				r.play(40 * s)
				r.stop()
				if st := r.dest.Status(); st.State != Disabled {
					t.Errorf("state %v after the end", st.State)
				}
				r.start()
				r.play(10 * time.Minute)
				if st := r.dest.Status(); st.State != Live || st.Skipped != 0 {
					t.Errorf("after the restart: %+v", st)
				}
				r.stop()
				r.wantAll(300)
			})
		})
	}
}

// A box that is switched off while it is behind has an old cursor, an empty
// live window and numbers of a new run afterwards, and what it stored.
func TestPowerCutWhileBehind(t *testing.T) {
	for _, mode := range []string{"live_first", "in_order"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStream("a1", 1)
				r := newRig(t, st, newServer(link), map[string]string{"store": mode})
				r.start()
				r.play(time.Minute)
				r.server.set(func() { r.server.down = true })
				r.play(3 * time.Minute)
				r.server.set(func() { r.server.down = false })
				r.play(33 * s)
				dir := r.spec.StateDir
				saved := readFile(t, dir+"/cdn.cursor")
				r.stop()
				writeFile(t, dir+"/cdn.cursor", saved) // as the power cut left it
				st.reboot("b2", 50_000)
				r.start()
				r.play(5 * time.Minute)
				now := r.dest.Status()
				if now.State != Live || now.Verified == 0 {
					t.Errorf("after the reboot: %+v", now)
				}
				r.stop()
				r.server.mu.Lock()
				for name, n := range r.server.puts {
					if n != 1 && strings.HasSuffix(name, ".m4s") {
						t.Errorf("%s was stored %d times", name, n)
					}
				}
				missing := 0
				for _, n := range st.made {
					if seg := st.stored[n]; seg != nil && r.server.files[seg.Video.Name] == nil {
						missing++
					}
				}
				r.server.mu.Unlock()
				if missing > 0 {
					t.Errorf("%d stored segments did not reach the origin", missing)
				}
			})
		})
	}
}

// A box that was switched off while all was well has lost nothing.
func TestRebootOfAHealthyBoxLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream("a1", 1)
		r := newRig(t, st, newServer(link), nil)
		r.start()
		r.play(90 * s)
		saved := readFile(t, r.spec.StateDir+"/cdn.cursor")
		r.stop()
		writeFile(t, r.spec.StateDir+"/cdn.cursor", saved)
		st.reboot("b2", 50_000)
		r.start()
		r.play(3 * time.Minute)
		if now := r.dest.Status(); now.State != Live || now.Skipped != 0 || now.Lag > segmentDur {
			t.Errorf("after the reboot: %+v", now)
		}
		r.stop()
		for _, i := range r.incidents {
			t.Errorf("incident %+v", i)
		}
		r.wantAll(200)
	})
}
