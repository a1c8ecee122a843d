package push

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// A panic below a connection is a failed connection like any other: it is
// closed, counted, named and tried again, and nothing of it goes on.
func TestAPanicOfAConnectionIsAFailureOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.write = func(c *fakeConn, _ media.Packet) error {
			if c == r.conns[0] {
				panic("index out of range")
			}
			return nil
		}
		b := newBench(t, r)
		b.feed(track)
		st := b.sleep(time.Millisecond)
		if st.State != Reconnecting || len(st.Errors) != 1 || !strings.Contains(st.Errors[0].Message, "internal error: index out of range") {
			t.Errorf("status %+v", st)
		}
		if st = b.sleep(6 * s); st.State != Active {
			t.Errorf("state %v after the wait", st.State)
		}
		b.stop()
		b.wantDials(0, 5*s)
	})
}

// The retries are changed at the very moment the last one that was allowed has
// failed: the destination must not stay down, for nobody would change it again.
func TestRetriesChangedWhileGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(_ context.Context, attempt int) error {
			if attempt <= 2 {
				return refused(t.Context(), attempt)
			}
			return nil
		}
		b := &bench{t: t, hub: hub.New(media.NewClock()), recv: r, begin: time.Now()}
		b.hub.Announce(media.Video)
		b.dest = New(b.hub, b.spec(func(s *Spec) { s.RetryLimit = 2 }), b.note)
		draws := 0
		b.dest.draw = func(bound time.Duration) time.Duration {
			if draws++; draws == 2 {
				if err := b.dest.Update(b.spec(func(s *Spec) { s.RetryLimit = 0 })); err != nil {
					t.Error(err)
				}
			}
			return bound
		}
		var ctx context.Context
		ctx, b.cancel = context.WithCancel(t.Context())
		b.wg.Go(func() { _ = b.dest.Run(ctx, func() {}) })
		b.feed(track)
		if st := b.sleep(time.Minute); st.State != Active {
			t.Errorf("state %v: %v", st.State, st.Errors)
		}
		b.stop()
	})
}
