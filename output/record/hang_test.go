package record

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestStorageThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, rep, hang := &fakeJournal{}, &fakeReporter{}, make(chan struct{})
		rec, err := New(Config{Dir: t.TempDir(), Stream: "main", Mode: Always}, j, rep, Options{
			Clock: &fakeClock{}, Free: func(string) (int64, error) { <-hang; return 0, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- rec.Run(ctx) }()
		time.Sleep(time.Minute)
		if j.running() != 1 {
			t.Error("does not record while the free space is not known")
		}
		cancel()
		begin := time.Now()
		if err := <-done; !errors.Is(err, ErrHangs) || time.Since(begin) != stopTime {
			t.Errorf("ended with %v after %v", err, time.Since(begin))
		}
		if s := rec.State(); j.running() != 0 || s.State != Idle {
			t.Errorf("%d recordings run, state %+v", j.running(), s)
		}
		rep.Raise(ConditionFull, "of the next Recorder")
		close(hang)
		synctest.Wait()
		if rep.message(ConditionFull) == "" {
			t.Error("a recorder that has ended reports")
		}
	})
}

func TestRequestsDoNotPileUpOnStorageThatHangs(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, r *rig) {
		hang := make(chan struct{})
		var asked, refused atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if !r.look(func() { asked.Add(1); <-hang }) {
					refused.Add(1)
				}
			})
		}
		begin := time.Now()
		wg.Wait()
		if asked.Load() != 4 || refused.Load() != 100 || time.Since(begin) != patience {
			t.Errorf("%d asked, %d refused after %v", asked.Load(), refused.Load(), time.Since(begin))
		}
		close(hang)
		synctest.Wait()
		if !r.look(func() {}) {
			t.Error("nobody gets an answer when storage answers again")
		}
	})
}
