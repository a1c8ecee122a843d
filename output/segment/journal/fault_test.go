package journal

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestStorageThatFails(t *testing.T) {
	for _, c := range []struct {
		name, code string
		err        error
		ops        []string
	}{
		{"removed", ConditionMissing, unix.ENODEV, nil},
		{"not mounted", ConditionMissing, errMissing, []string{"device"}},
		{"full", ConditionFull, unix.ENOSPC, []string{"write"}},
		{"read-only", ConditionReadOnly, unix.EROFS, []string{"write", "create", "edit", "remove", "rename"}},
		{"broken", ConditionFailed, unix.EIO, []string{"datasync"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Config{}, func(r *rig) {
				r.Keep(named("rec"))
				r.feed.play(5)
				r.disk.mu.Lock()
				r.disk.fault = func(op, _ string) error {
					if c.ops == nil || slices.Contains(c.ops, op) {
						return c.err
					}
					return nil
				}
				r.disk.mu.Unlock()
				r.feed.play(30)
				if !r.rep.has(c.code) || len(r.rep.conditions) != 1 {
					t.Errorf("conditions %v", r.rep.conditions)
				}
				if s := r.Stats(); s.Writing != "" {
					t.Errorf("says that it writes %s", s.Writing)
				}
				r.disk.mu.Lock()
				r.disk.fault = nil
				r.disk.mu.Unlock()
				r.feed.play(20)
				if len(r.rep.conditions) > 0 {
					t.Errorf("still %v", r.rep.conditions)
				}
				time.Sleep(2 * lingerEnd) // the last segment's end waits for a next chunk
				stored := r.check()
				lost := uint64(0)
				for _, q := range r.feed.order {
					if !stored[q] {
						lost++
					}
				}
				if s := r.Stats(); lost == 0 || s.Lost != lost {
					t.Errorf("%d segments are not there, %d counted", lost, s.Lost)
				}
				_, gaps := r.Between(r.feed.begin, time.Now())
				if len(gaps) != 1 || gaps[0].Cause != CauseDisk {
					t.Errorf("gaps %+v", gaps)
				}
			})
		})
	}
}

func TestStorageThatHangsHangsNothingElse(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Keep(named("rec"))
		r.feed.play(5)
		hang := make(chan struct{})
		r.disk.mu.Lock()
		r.disk.hang = hang
		r.disk.mu.Unlock()
		r.feed.play(60)
		if !r.rep.has(ConditionSlow) || r.Stats().Lost == 0 {
			t.Errorf("conditions %v, %+v", r.rep.conditions, r.Stats())
		}
		if _, ok := r.After(160); !ok {
			t.Error("the live window is not to be had")
		}
		r.disk.mu.Lock()
		r.disk.hang = nil
		r.disk.mu.Unlock()
		close(hang)
		r.feed.play(10)
		if len(r.rep.conditions) > 0 {
			t.Errorf("still %v", r.rep.conditions)
		}
		stored := r.check()
		if !stored[174] {
			t.Error("did not take up again")
		}
	})
}

func TestStorageThatIsSlow(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Keep(named("rec"))
		r.feed.play(5)
		r.disk.mu.Lock()
		r.disk.fault = func(op, _ string) error {
			if op == "write" {
				time.Sleep(30 * time.Second)
			}
			return nil
		}
		r.disk.mu.Unlock()
		r.feed.play(60)
		if !r.rep.has(ConditionSlow) || r.Stats().Lost == 0 {
			t.Errorf("conditions %v, %+v", r.rep.conditions, r.Stats())
		}
		r.disk.mu.Lock()
		r.disk.fault = nil
		r.disk.mu.Unlock()
		r.feed.play(30)
		time.Sleep(2 * lingerEnd)
		stored, lost := r.check(), uint64(0)
		for _, q := range r.feed.order {
			if !stored[q] {
				lost++
			}
		}
		if s := r.Stats(); s.Lost != lost || len(r.rep.conditions) > 0 {
			t.Errorf("%d segments are not there, %d counted; %v", lost, s.Lost, r.rep.conditions)
		}
		_, gaps := r.Between(r.feed.begin, time.Now())
		for _, g := range gaps {
			if g.Cause != CauseDisk {
				t.Errorf("gap %+v", g)
			}
		}
		if len(gaps) == 0 {
			t.Error("no gaps")
		}
	})
}

func TestStopDoesNotWaitForStorageThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, newDisk(), newFeed(t))
		r.Keep(named("rec"))
		r.feed.play(2)
		hang := make(chan struct{})
		r.disk.mu.Lock()
		r.disk.hang = hang
		r.disk.mu.Unlock()
		r.feed.play(5)
		if err := r.stop(); !errors.Is(err, ErrHangs) {
			t.Errorf("Run: %v", err)
		}
		close(hang)
		synctest.Wait()
	})
}

func TestAnotherFileSystemInItsPlaceIsReadAnew(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		r.Keep(named("rec"))
		r.feed.play(5)
		r.disk.mu.Lock()
		old := r.disk.names
		r.disk.names, r.disk.durable, r.disk.dev = map[string]*inode{}, map[string]*inode{}, 2
		r.disk.mu.Unlock()
		r.feed.play(20)
		reels := r.Reels()
		if len(reels) != 1 || reels[0].First > 105 || r.disk.names[reels[0].Name] == nil || old[reels[0].Name] == r.disk.names[reels[0].Name] {
			t.Errorf("reels %+v", reels)
		}
		r.check()
	})
}

// Whatever storage that is slow was at: what the live window has let go of
// meanwhile is its fault.
func TestStorageThatIsSlowOnceIsToBlame(t *testing.T) {
	for nth := range 4 {
		bubble(t, Config{}, func(r *rig) {
			r.Keep(named("rec"))
			r.feed.play(5)
			waits := nth
			r.disk.mu.Lock()
			r.disk.fault = func(op, _ string) error {
				if op == "datasync" {
					if waits == 0 {
						time.Sleep(40 * time.Second)
					}
					waits--
				}
				return nil
			}
			r.disk.mu.Unlock()
			r.feed.play(60)
			_, gaps := r.Between(r.feed.begin, time.Now())
			for _, g := range gaps {
				if g.Cause != CauseDisk {
					t.Errorf("write %d was slow: gap %+v", nth, g)
				}
			}
			if len(gaps) == 0 {
				t.Errorf("write %d was slow: no gaps", nth)
			}
		})
	}
}
