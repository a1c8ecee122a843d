package machine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/encoderbox/encoderbox/device/control"
)

// job is a command to be done.
type job struct {
	id      string
	request control.Request
	long    bool
	ctx     context.Context //nolint:containedctx // of this one command, until it is done: CANCEL ends it
}

// under is what is under way.
type under struct {
	mu       sync.Mutex // guards the fields below
	running  map[string]context.CancelFunc
	progress map[string]control.Progress // the newest that was not told yet
}

// begin says whether the id is free, and takes it.
func (u *under) begin(id string, cancel context.CancelFunc) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, taken := u.running[id]; taken {
		return false
	}
	u.running[id] = cancel
	return true
}

func (u *under) stop(id string) {
	u.mu.Lock()
	cancel := u.running[id]
	u.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// end frees the id; there is no progress of it any more.
func (u *under) end(id string) {
	u.mu.Lock()
	cancel := u.running[id]
	delete(u.running, id)
	delete(u.progress, id)
	u.mu.Unlock()
	cancel()
}

func (u *under) note(id string, p control.Progress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progress[id] = p
}

// noted are lines about what came since.
func (u *under) noted() (lines []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(u.progress)) {
		lines = append(lines, "PROGRESS "+id+" "+ascii(u.progress[id]))
	}
	clear(u.progress)
	return lines
}

// do takes a command. It waits while too many are under way: the client is not read
// from in the meantime, and nothing is lost where the carrier has flow control.
func (x *session) do(ctx context.Context, m message) {
	r, err := request(x.Table, m.rest)
	if err != nil {
		x.refuse(ctx, m.id, err)
		return
	}
	c, _ := x.Table.Find(r.Command)
	doing, cancel := context.WithCancel(ctx)
	if !x.under.begin(m.id, cancel) {
		cancel()
		x.say(ctx, nack(m.id, "in_use", control.Error{Message: "a command of this id is under way"}))
		return
	}
	select {
	case x.jobs <- job{id: m.id, request: r, long: c.Long, ctx: doing}:
	case <-ctx.Done():
		x.under.end(m.id)
	}
}

// work has commands done one by one, in their order; long ones beside the others.
func (x *session) work(ctx context.Context, beside *sync.WaitGroup) {
	for j := range x.jobs {
		if !j.long {
			x.perform(ctx, j)
			continue
		}
		select {
		case x.long <- struct{}{}:
			beside.Go(func() {
				x.perform(ctx, j)
				<-x.long
			})
		case <-ctx.Done():
			x.under.end(j.id)
		}
	}
}

func (x *session) perform(ctx context.Context, j job) {
	j.request.Progress = func(p control.Progress) {
		x.under.note(j.id, p)
		x.nudge()
	}
	result, err := control.Result{}, j.ctx.Err()
	if err == nil {
		result, err = x.Table.Do(j.ctx, x.o.Caller, j.request)
	}
	x.under.end(j.id)
	if err != nil {
		x.refuse(ctx, j.id, err)
		return
	}
	x.send(ctx, outgoing{ack: j.id, body: ascii(result)})
}

// refuse tells why not.
func (x *session) refuse(ctx context.Context, id string, err error) {
	var e *control.Error
	if !errors.As(err, &e) {
		e = control.Errorf(control.Failed, "%v", err)
	}
	x.say(ctx, nack(id, e.Code, *e))
}
