// Package reconcile keeps what runs equal to what is configured. Each component
// has a small spec of its own; a change of configuration touches only the
// components whose spec changed, live where the component can.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"sync"
	"time"
)

// Runner is a running component: output.Output and the like. Run works until
// ctx ends and returns only after everything it started has ended. It calls
// ready once it does its job.
type Runner interface {
	Run(ctx context.Context, ready func()) error
}

// Updater is a Runner that can take a new spec while it runs. Update returns
// ErrRestart, having changed nothing, where it cannot.
type Updater interface {
	Update(spec any) error
}

// ErrRestart is returned by Update when the component must be stopped and
// made again for a new spec.
var ErrRestart = errors.New("change needs a restart")

// ErrDone is returned by Run when the component has finished for good: it is
// not started again until its spec changes.
var ErrDone = errors.New("finished")

// Component is what should run. Ready, Failed, Ended and Removed belong to the ID:
// a new spec that is taken live keeps the old ones.
type Component struct {
	ID    string   // unique: "stream main/destination youtube"
	Needs []string // IDs that must be ready, or have failed, before it starts
	Spec  any      // canonical, compared by reflect.DeepEqual
	// Make builds the component for its Spec. It is called again for each try.
	Make func() (Runner, error)
	// Ready is told each time the component has become ready. May be nil.
	Ready func()
	// Failed is told of each failure and when the next try comes. May be nil.
	Failed func(err error, retry time.Time)
	// Ended is called when the component ends, for good or to be made anew for
	// another spec, and not between the tries of one. May be nil.
	Ended func()
	// Removed is called after the component has ended for good. May be nil.
	Removed func()
}

// Back-off between the tries of a failing component.
const (
	firstRetry = 500 * time.Millisecond
	longest    = 30 * time.Second
	settled    = 30 * time.Second // running this long resets the back-off
)

// Reconciler runs components. Apply and Close are called from one goroutine
// at a time.
type Reconciler struct {
	log     *slog.Logger
	running map[string]*unit
	order   []string // of start
}

// New returns a Reconciler that runs nothing yet.
func New(log *slog.Logger) *Reconciler {
	return &Reconciler{log: log, running: map[string]*unit{}}
}

// Apply makes the components run that are wanted, in their order, and stops
// all others, in the reverse order of their start, before it starts any. A
// component whose Spec is equal to the running one's is not touched; one that
// can take the new Spec live is updated in place; otherwise it is stopped,
// waited for, and started. Apply does not wait for components to become ready,
// and a failing one is no error of Apply: it is reported and tried again.
func (r *Reconciler) Apply(wanted []Component) error {
	next := make(map[string]Component, len(wanted))
	for _, c := range wanted {
		if _, twice := next[c.ID]; twice {
			return fmt.Errorf("reconcile: component %q is wanted twice", c.ID)
		}
		next[c.ID] = c
	}
	var stopping []*unit
	for i := len(r.order) - 1; i >= 0; i-- {
		u := r.running[r.order[i]]
		c, stays := next[u.ID]
		if stays && u.adopt(c) {
			continue
		}
		u.cancel()
		stopping = append(stopping, u)
		delete(r.running, u.ID)
		u.removed = !stays
	}
	for _, u := range stopping {
		<-u.done
		if u.removed && u.Removed != nil {
			u.Removed()
		}
	}
	r.order = r.order[:0]
	for _, c := range wanted {
		r.order = append(r.order, c.ID)
		if r.running[c.ID] == nil {
			r.start(c)
		}
	}
	return nil
}

// Close tells everything to end, in the reverse order of start, and waits for
// it. It takes as long as the slowest component, not as long as all together:
// the service manager kills what does not end in time.
func (r *Reconciler) Close() {
	for i := len(r.order) - 1; i >= 0; i-- {
		r.running[r.order[i]].cancel()
	}
	for _, u := range r.running {
		<-u.done
	}
	clear(r.running)
	r.order = nil
}

func (r *Reconciler) start(c Component) {
	ctx, cancel := context.WithCancel(context.Background()) // ended by Apply or Close
	u := &unit{
		Component: c, log: r.log, cancel: cancel,
		tried: make(chan struct{}), done: make(chan struct{}),
	}
	var needs []*unit
	for _, id := range c.Needs {
		if n := r.running[id]; n != nil {
			needs = append(needs, n)
		}
	}
	r.running[c.ID] = u
	go u.supervise(ctx, needs)
}

// unit is one supervised component.
type unit struct {
	Component
	log     *slog.Logger
	cancel  context.CancelFunc
	tried   chan struct{} // closed when it was ready or failed for the first time
	once    sync.Once     // closes tried
	done    chan struct{} // closed when supervise has ended
	removed bool          // no longer wanted; used by Apply alone

	mu     sync.Mutex // guards Component.Spec, Component.Make and runner
	runner Runner     // while Run runs
}

// adopt takes a new spec without a restart, if possible.
func (u *unit) adopt(c Component) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if reflect.DeepEqual(u.Spec, c.Spec) {
		return true
	}
	updater, ok := u.runner.(Updater)
	if !ok {
		return false
	}
	if err := updater.Update(c.Spec); err != nil {
		if !errors.Is(err, ErrRestart) {
			u.log.Warn("live change refused, restarting", "component", u.ID, "err", err)
		}
		return false
	}
	u.Spec, u.Make = c.Spec, c.Make
	return true
}

func (u *unit) supervise(ctx context.Context, needs []*unit) {
	defer close(u.done)
	defer u.settle()
	if u.Ended != nil {
		defer u.Ended()
	}
	for _, n := range needs {
		select {
		case <-n.tried:
		case <-n.done:
		case <-ctx.Done():
			return
		}
	}
	delay := firstRetry
	for {
		began := time.Now()
		err := u.try(ctx)
		if ctx.Err() != nil || errors.Is(err, ErrDone) {
			return
		}
		if err == nil {
			err = errors.New("ended without being asked to")
		}
		if time.Since(began) > settled {
			delay = firstRetry
		}
		// Half of it at random: components that failed together do not retry together.
		wait := delay/2 + rand.N(delay/2+1)
		delay = min(2*delay, longest)
		if u.Failed != nil {
			u.Failed(err, time.Now().Add(wait))
		}
		u.settle()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// try makes and runs the component once. A panic is a failure of the
// component, not of the box: an encoder must go on when a destination breaks.
func (u *unit) try(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
			u.log.Error("component panicked", "component", u.ID, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	runner, err := u.make()
	if err != nil {
		return err
	}
	defer func() {
		u.mu.Lock()
		u.runner = nil
		u.mu.Unlock()
	}()
	var once sync.Once
	return runner.Run(ctx, func() {
		once.Do(func() {
			u.settle()
			if u.Ready != nil {
				u.Ready()
			}
		})
	})
}

func (u *unit) make() (Runner, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	runner, err := u.Make()
	if err == nil {
		u.runner = runner
	}
	return runner, err
}

// settle lets those go on that wait for the unit.
func (u *unit) settle() { u.once.Do(func() { close(u.tried) }) }
