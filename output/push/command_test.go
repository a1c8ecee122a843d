package push

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

func TestPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		b.sleep(5 * s)
		for range 2 { // the second changes nothing
			if err := b.dest.Pause("192.168.1.20"); err != nil {
				t.Error(err)
			}
			if st := b.sleep(5 * s); st.State != Disabled || st.Reason != "paused by 192.168.1.20" || !st.Paused || st.Held {
				t.Errorf("status %+v", st)
			}
		}
		if err := b.dest.Retry(); !errors.Is(err, ErrPaused) {
			t.Errorf("Retry while paused: %v", err)
		}
		// Its configuration may change meanwhile; it stays paused.
		if err := b.dest.Update(b.spec(func(s *Spec) { s.QueuePackets = 99 })); err != nil {
			t.Error(err)
		}
		if st := b.sleep(5 * s); st.State != Disabled || !st.Paused {
			t.Errorf("status %+v", st)
		}
		for range 2 {
			if err := b.dest.Resume(); err != nil {
				t.Error(err)
			}
		}
		if st := b.sleep(5 * s); st.State != Active || st.Reason != "" || st.Paused {
			t.Errorf("status %+v", st)
		}
		b.wantDials(0, 20*s)
		b.stop()
	})
}

func TestTheConfigurationHasTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		if err := b.dest.Pause("a test"); err != nil {
			t.Error(err)
		}
		b.sleep(s)
		for _, enabled := range []bool{false, true} {
			if err := b.dest.Update(b.spec(func(s *Spec) { s.Enabled = enabled })); err != nil {
				t.Error(err)
			}
			st := b.sleep(s)
			if st.Paused || (st.State == Active) != enabled {
				t.Errorf("enabled %t: status %+v", enabled, st)
			}
			if enabled {
				break
			}
			for name, command := range map[string]func() error{
				"pause": func() error { return b.dest.Pause("x") }, "resume": b.dest.Resume, "retry": b.dest.Retry,
			} {
				if err := command(); !errors.Is(err, ErrNotEnabled) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		b.stop()
	})
}

func TestRetryNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = refused
		b := newBench(t, r, func(s *Spec) { s.BreakerFailures, s.BreakerPause = 3, time.Hour })
		b.feed(track)
		if st := b.sleep(10 * time.Minute); st.Breaker != BreakerOpen {
			t.Errorf("status %+v", st)
		}
		if err := b.dest.Retry(); err != nil {
			t.Error(err)
		}
		const again = 10 * time.Minute
		st := b.sleep(16 * s) // the waits begin anew
		b.stop()
		b.wantDials(0, 5*s, 15*s, again, again+5*s, again+15*s)
		if st.Breaker != BreakerOpen || st.Attempts != 6 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestRetryRevivesWhatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(_ context.Context, attempt int) error {
			if attempt <= 2 {
				return errors.New("down")
			}
			return nil
		}
		b := newBench(t, r, func(s *Spec) { s.RetryLimit = 2 })
		b.feed(track)
		if st := b.sleep(time.Hour); st.State != Failed {
			t.Errorf("state %v", st.State)
		}
		if err := b.dest.Retry(); err != nil {
			t.Error(err)
		}
		if st := b.sleep(s); st.State != Active {
			t.Errorf("status %+v", st)
		}
		if err := b.dest.Retry(); err != nil { // while connected it changes nothing
			t.Error(err)
		}
		b.sleep(10 * s)
		b.stop()
		b.wantDials(0, 5*s, time.Hour)
	})
}

func TestRetryDuringTheLastAttemptIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(_ context.Context, attempt int) error {
			time.Sleep(3 * s)
			if attempt == 1 {
				return errors.New("down")
			}
			return nil
		}
		b := newBench(t, r, func(s *Spec) { s.RetryLimit = 1 })
		b.feed(track)
		b.sleep(s)
		if err := b.dest.Retry(); err != nil {
			t.Error(err)
		}
		st := b.sleep(10 * s)
		b.stop()
		b.wantDials(0, 3*s)
		if st.State != Active {
			t.Errorf("state %v", st.State)
		}
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		b.sleep(s)
		b.dest.Hold("standby: main is active")
		if st := b.sleep(s); st.State != Disabled || !st.Held || st.Reason != "standby: main is active" {
			t.Errorf("status %+v", st)
		}
		if err := b.dest.Retry(); !errors.Is(err, ErrHeld) {
			t.Errorf("Retry while held: %v", err)
		}
		b.dest.Hold("standby: main is tried first")
		if st := b.sleep(s); st.Reason != "standby: main is tried first" {
			t.Errorf("reason %q", st.Reason)
		}
		// A person's pause shows before the group's hold, and outlasts it.
		if err := b.dest.Pause("a test"); err != nil {
			t.Error(err)
		}
		if st := b.sleep(s); !st.Paused || !st.Held || st.Reason != "paused by a test" {
			t.Errorf("status %+v", st)
		}
		b.dest.Hold("")
		if st := b.sleep(s); st.State != Disabled || st.Held {
			t.Errorf("status %+v", st)
		}
		if err := b.dest.Resume(); err != nil {
			t.Error(err)
		}
		if st := b.sleep(s); st.State != Active {
			t.Errorf("status %+v", st)
		}
		b.wantDials(0, 6*s-s)
		b.stop()
	})
}

// Whatever is done to one destination, and whatever its receiver does, the
// others keep their connection and lose no packet.
func TestNothingThatHappensToOneTouchesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := newReceiver()
		b := newBench(t, changed)
		type other struct {
			recv *receiver
			dest *Destination
			end  func()
		}
		add := func(r *receiver) other {
			o := other{recv: r, dest: New(b.hub, b.spec(func(s *Spec) { s.Kind = r.kind() }), nil)}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = o.dest.Run(ctx, func() {}) }()
			o.end = func() { cancel(); <-done }
			return o
		}
		healthy := []other{add(newReceiver()), add(newReceiver())}
		hangs, panics, dies := newReceiver(), newReceiver(), newReceiver()
		hangs.dial = func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
		panics.dial = func(context.Context, int) error { panic("dial") }
		dies.write = func(*fakeConn, media.Packet) error { panic("write") }
		bad := []other{add(hangs), add(panics), add(dies)}
		b.feed(track)
		b.sleep(5 * s)
		for _, step := range []func() error{
			func() error { return change(b) },
			func() error { return b.dest.Pause("a test") },
			b.dest.Resume,
			b.dest.Retry,
			func() error { b.dest.Hold("standby"); return nil },
			func() error { b.dest.Hold(""); return nil },
			func() error { o := add(newReceiver()); time.Sleep(2 * s); o.end(); return nil },
			func() error { return bad[0].dest.Pause("a test") },
			bad[0].dest.Resume,
			bad[1].dest.Retry,
			func() error { bad[1].end(); return nil },
		} {
			if err := step(); err != nil {
				t.Error(err)
			}
			b.sleep(3 * s)
		}
		for i, o := range healthy {
			st := o.dest.Status()
			if len(o.recv.conns) != 1 || st.Attempts != 1 || st.State != Active || st.Dropped != 0 {
				t.Errorf("destination %d: %d connections, status %+v", i, len(o.recv.conns), st)
			}
			packets := o.recv.conns[0].packets
			for j := 1; j < len(packets); j++ {
				if packets[j].Gap || packets[j].DTS-packets[j-1].DTS > s/framesGOP {
					t.Errorf("destination %d: a gap before packet %d", i, j)
				}
			}
			if len(packets) < 30*framesGOP {
				t.Errorf("destination %d got %d packets", i, len(packets))
			}
			o.end()
		}
		bad[0].end()
		bad[2].end()
		b.stop()
	})
}

func change(b *bench) error {
	return b.dest.Update(b.spec(func(s *Spec) {
		s.Target.Options = map[string]string{"x": "y"}
		s.Target.WriteTimeout = 3 * time.Second
	}))
}

// panicky is a connection whose every method but Write panics.
type panicky struct{ *fakeConn }

func (p panicky) Stats() output.ConnStats { panic("stats") }
func (p panicky) Close() error            { _ = p.fakeConn.Close(); panic("close") }

func TestAPanicBesideTheWriterIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		b := newBench(t, r, func(s *Spec) {
			s.MinBitrate = 1
			s.Kind.Dial = func(ctx context.Context, tg output.Target, tracks []*media.Track) (output.Conn, error) {
				c, err := r.Dial(ctx, tg, tracks)
				return panicky{c.(*fakeConn)}, err
			}
		})
		b.feed(track)
		if st := b.sleep(5 * s); st.State != Active {
			t.Errorf("status %+v", st)
		}
		b.stop()
	})
}
