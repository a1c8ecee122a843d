package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// journal notes what happens, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// fake is a component that runs until it is told to end or fail.
type fake struct {
	j    *journal
	id   string
	fail chan error
}

func (f *fake) Run(ctx context.Context, ready func()) error {
	f.j.add("run %s", f.id)
	ready()
	select {
	case <-ctx.Done():
		time.Sleep(10 * time.Millisecond) // ending takes a moment: others must wait for it
		f.j.add("end %s", f.id)
		return ctx.Err()
	case err := <-f.fail:
		return err
	}
}

type liveFake struct{ fake }

func (f *liveFake) Update(spec any) error {
	if spec == "refuse" {
		return ErrRestart
	}
	f.j.add("update %s %v", f.id, spec)
	return nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func component(j *journal, id string, spec any, needs ...string) Component {
	return Component{
		ID: id, Spec: spec, Needs: needs,
		Make:    func() (Runner, error) { return &fake{j: j, id: id}, nil },
		Removed: func() { j.add("removed %s", id) },
	}
}

func apply(t *testing.T, r *Reconciler, wanted ...Component) {
	t.Helper()
	if err := r.Apply(wanted); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func expect(t *testing.T, what string, j *journal, want ...string) {
	t.Helper()
	if got := j.take(); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestOnlyWhatChangedRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := &journal{}, New(quiet())
		apply(t, r, component(j, "a", 1), component(j, "b", 1, "a"), component(j, "c", 1, "b"))
		expect(t, "start in order", j, "run a", "run b", "run c")
		apply(t, r, component(j, "a", 1), component(j, "b", 1, "a"), component(j, "c", 1, "b"))
		expect(t, "same again", j)
		apply(t, r, component(j, "a", 1), component(j, "b", 2, "a"), component(j, "d", 1))
		got := j.take()
		slices.Sort(got)
		want := []string{"end b", "end c", "removed c", "run b", "run d"}
		if !slices.Equal(got, want) {
			t.Errorf("change: %q, want %q", got, want)
		}
		r.Close()
		got = j.take()
		slices.Sort(got)
		if want := []string{"end a", "end b", "end d"}; !slices.Equal(got, want) {
			t.Errorf("close: %q, want %q", got, want)
		}
	})
}

func TestCloseTakesAsLongAsTheSlowestComponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := &journal{}, New(quiet())
		var wanted []Component
		for i := range 100 {
			wanted = append(wanted, component(j, fmt.Sprint(i), 1))
		}
		apply(t, r, wanted...)
		begin := time.Now()
		r.Close()
		if took := time.Since(begin); took != 10*time.Millisecond { // what one takes to end
			t.Errorf("100 components were stopped in %v", took)
		}
	})
}

func TestLiveChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := &journal{}, New(quiet())
		defer r.Close()
		live := func(spec string) Component {
			c := component(j, "enc", spec)
			c.Make = func() (Runner, error) { return &liveFake{fake{j: j, id: "enc " + spec}}, nil }
			return c
		}
		apply(t, r, live("1M"))
		apply(t, r, live("2M"))
		apply(t, r, live("2M"))
		expect(t, "live", j, "run enc 1M", "update enc 1M 2M")
		apply(t, r, live("refuse"))
		expect(t, "not live", j, "end enc 1M", "run enc refuse")
	})
}

func TestDependentWaitsUntilReadyOrFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := &journal{}, New(quiet())
		defer r.Close()
		slow := component(j, "slow", 1)
		slow.Make = func() (Runner, error) {
			time.Sleep(time.Minute)
			return nil, errors.New("no device")
		}
		slow.Failed = func(err error, _ time.Time) { j.add("failed: %v", err) }
		slow.Ready = func() { t.Error("ready without having run") }
		if err := r.Apply([]Component{slow, component(j, "dependent", 1, "slow")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		expect(t, "before", j)
		time.Sleep(time.Second + time.Nanosecond)
		synctest.Wait()
		if got := j.take(); !slices.Contains(got, "run dependent") || got[0] != "failed: no device" {
			t.Errorf("after: %q", got)
		}
	})
}

func TestFailureIsRetriedWithBackoffAndTouchesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := &journal{}, New(quiet())
		defer r.Close()
		var waits []time.Duration
		bad := component(j, "bad", 1)
		bad.Make = func() (Runner, error) {
			if len(waits) == 2 {
				panic("a bug")
			}
			return nil, errors.New("always")
		}
		bad.Failed = func(_ error, retry time.Time) { waits = append(waits, time.Until(retry)) }
		apply(t, r, bad, component(j, "good", 1))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(waits) < 20 {
			t.Fatalf("%d tries in ten minutes", len(waits))
		}
		for i, w := range waits {
			ceiling := min(firstRetry<<min(i, 10), longest)
			if w < ceiling/2 || w > ceiling+time.Millisecond {
				t.Errorf("wait %d is %v, want %v to %v", i, w, ceiling/2, ceiling)
			}
		}
		expect(t, "the other", j, "run good")
	})
}

func TestDoneIsNotRetriedUntilTheSpecChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := &journal{}, New(quiet())
		defer r.Close()
		fail := make(chan error, 1)
		once := func(spec int) Component {
			c := component(j, "file", spec)
			c.Make = func() (Runner, error) { return &fake{j: j, id: "file", fail: fail}, nil }
			c.Ready = func() { j.add("ready") }
			return c
		}
		apply(t, r, once(1))
		fail <- ErrDone
		time.Sleep(time.Hour)
		apply(t, r, once(1))
		expect(t, "done", j, "run file", "ready")
		apply(t, r, once(2))
		expect(t, "changed", j, "run file", "ready")
	})
}

func TestTheSameIDTwiceIsRefused(t *testing.T) {
	j, r := &journal{}, New(quiet())
	defer r.Close()
	if err := r.Apply([]Component{component(j, "a", 1), component(j, "a", 2)}); err == nil {
		t.Error("accepted")
	}
}

// The Ended of a component that waits for its next try is called too: what it
// said of its health must not outlive it.
func TestEndedIsToldOfEachEndAndOfNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(slog.New(slog.DiscardHandler))
		ended := 0
		component := func(spec string) Component {
			return Component{
				ID: "a", Spec: spec, Ended: func() { ended++ },
				Make: func() (Runner, error) { return nil, errors.New("broken") },
			}
		}
		apply := func(want int, components ...Component) {
			t.Helper()
			if err := r.Apply(components); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second) // several tries
			if ended != want {
				t.Errorf("ended %d times, want %d", ended, want)
			}
		}
		apply(0, component("one"))
		apply(0, component("one"))
		apply(1, component("another"))
		apply(2)
		r.Close()
	})
}
