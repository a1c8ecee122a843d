package programme

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"golang.org/x/sync/errgroup"
)

// tasks are the goroutines of one run of a programme: the first error ends
// all. A panic is an error like others: the reader of a damaged file must not
// take the box's other streams with it.
type tasks struct {
	group *errgroup.Group
	log   *slog.Logger
}

func newTasks(ctx context.Context, log *slog.Logger) (*tasks, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	return &tasks{group, log}, ctx
}

// Go runs f.
func (t *tasks) Go(f func() error) {
	t.group.Go(func() error { return guard(t.log, f) })
}

// guard runs f, and makes an error of its panic.
func guard(log *slog.Logger, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
			log.Error("programme panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// Wait returns the first error once all have ended.
func (t *tasks) Wait() error { return t.group.Wait() }
