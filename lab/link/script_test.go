package link

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestScriptPlaysInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var done []time.Duration
		note := func(context.Context) error { done = append(done, time.Since(start)); return nil }
		slow := func(ctx context.Context) error { err := note(ctx); time.Sleep(2 * time.Second); return err }
		err := Script{{At: 5 * time.Second, Do: note}, {At: time.Second, Do: slow}, {At: 2 * time.Second, Do: note}, {Do: note}}.Play(t.Context())
		want := []time.Duration{0, time.Second, 3 * time.Second, 5 * time.Second} // the third was held up
		if err != nil || !slices.Equal(done, want) {
			t.Errorf("done at %v, %v", done, err)
		}
	})
}

func TestScriptEndsAtAnError(t *testing.T) {
	failure := errors.New("failure")
	err := Script{
		{What: "first", Do: func(context.Context) error { return failure }},
		{What: "second", Do: func(context.Context) error { t.Error("done"); return nil }},
	}.Play(t.Context())
	if !errors.Is(err, failure) || err.Error() != "link: first at 0s: failure" {
		t.Errorf("error %v", err)
	}
}

func TestScriptEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := Script{{At: time.Hour, What: "it", Do: func(context.Context) error { return nil }}}.Play(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}
