package link

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Step is something that happens in a scenario.
type Step struct {
	At   time.Duration // from the script's start
	What string        // for messages
	Do   func(context.Context) error
}

// Script is what happens in a scenario, in any order. Changes of capacity, delay and
// loss that are known beforehand are more exact in a Config's trace and delays.
type Script []Step

// Play does each step when its time has come, in the order of their times, and
// returns after the last, at the first error, or when ctx ends. A step that is late
// because one before it took long is done at once. The script's start is the call.
func (s Script) Play(ctx context.Context) error {
	start := time.Now()
	steps := slices.Clone(s)
	slices.SortStableFunc(steps, func(a, b Step) int { return int(a.At - b.At) })
	for _, step := range steps {
		if err := sleep(ctx, step.At-time.Since(start)); err != nil {
			return fmt.Errorf("link: wait for %s at %v: %w", step.What, step.At, err)
		}
		if err := step.Do(ctx); err != nil {
			return fmt.Errorf("link: %s at %v: %w", step.What, step.At, err)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
