package request

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// A request that moves all the time, but will not end, is ended; one that waits
// on purpose is not.
func TestARequestHasADeadline(t *testing.T) {
	const size, limit = 10 * slowest, time.Second
	for name, c := range map[string]struct {
		paced bool
		want  bool // that it is ended
	}{"slow": {false, true}, "waits on purpose": {true, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, w, stop := Watched(t.Context(), limit, size)
				defer stop()
				pace := func(ctx context.Context, _ int) error {
					if c.paced {
						time.Sleep(100 * time.Millisecond)
					}
					return ctx.Err()
				}
				body := w.Body(ctx, io.NopCloser(strings.NewReader(strings.Repeat("x", size))), pace)
				begin := time.Now()
				for ctx.Err() == nil && time.Since(begin) < time.Minute {
					if _, err := body.Read(make([]byte, 10)); err != nil {
						break
					}
					if !c.paced {
						time.Sleep(100 * time.Millisecond)
					}
				}
				if got := errors.Is(context.Cause(ctx), output.ErrStalled); got != c.want {
					t.Errorf("after %v: %v", time.Since(begin), context.Cause(ctx))
				}
			})
		})
	}
}
