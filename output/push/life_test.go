package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Every failure carries its cause, in the status and in the list of errors, until
// the connection is made.
func TestFailuresHaveCauses(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want output.Cause
	}{
		{"the kind knows", output.WithCause(output.CauseAuth, fmt.Errorf("%w: wrong key", output.ErrRejected)), output.CauseAuth},
		{"rejected", fmt.Errorf("%w: name taken", output.ErrRejected), output.CauseRejected},
		{"closed", io.EOF, output.CauseClosed},
		{"nothing of a network", errors.New("no such track"), output.CauseLocal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				r.dial = func(_ context.Context, attempt int) error {
					if attempt == 1 {
						return tc.err
					}
					return nil
				}
				b := newBench(t, r)
				b.feed(track)
				if st := b.sleep(s); st.State != Reconnecting || st.Cause != tc.want || st.Errors[0].Cause != tc.want {
					t.Errorf("status %+v", st)
				}
				if st := b.sleep(100 * s); st.State != Active || st.Cause != "" || st.Errors[0].Cause != tc.want {
					t.Errorf("status %+v", st)
				}
				b.stop()
			})
		})
	}
}

func TestAnAttemptThatTakesTooLongIsTheNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(ctx context.Context, _ int) error { <-ctx.Done(); return errors.New("handshake failed") }
		b := newBench(t, r)
		b.feed(track)
		if st := b.sleep(11 * s); st.Cause != output.CauseNetwork {
			t.Errorf("status %+v", st)
		}
		b.stop()
	})
}

func TestTheMultiplierOfTheWait(t *testing.T) {
	for _, tc := range []struct {
		multiplier int
		want       []time.Duration
	}{{1, []time.Duration{0, 5 * s, 10 * s, 15 * s}}, {3, []time.Duration{0, 5 * s, 20 * s, 65 * s}}} {
		synctest.Test(t, func(t *testing.T) {
			r := newReceiver()
			r.dial = refused
			b := newBench(t, r, func(s *Spec) { s.RetryMultiplier = tc.multiplier })
			b.feed(track)
			b.sleep(tc.want[3] + s)
			b.stop()
			b.wantDials(tc.want...)
		})
	}
}

func TestTheBreakerLeavesAReceiverAloneAndOneAttemptDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(ctx context.Context, attempt int) error {
			switch {
			case attempt == 4: // takes its time
				time.Sleep(2 * s)
				return errors.New("down")
			case attempt < 5:
				return errors.New("down")
			}
			return nil
		}
		b := newBench(t, r, func(s *Spec) { s.BreakerFailures, s.BreakerPause = 3, 10*time.Minute })
		b.feed(track)
		st := b.sleep(20 * s)
		const pause = 11 * time.Minute // with the draw at its bound
		if st.State != Reconnecting || st.Breaker != BreakerOpen || !st.NextAttempt.Equal(b.begin.Add(15*s+pause)) {
			t.Errorf("status %+v", st)
		}
		if want := "3 attempts in a row failed: the receiver is left alone until " + st.NextAttempt.Format("15:04:05") + ", then one attempt decides"; st.Reason != want {
			t.Errorf("reason %q, want %q", st.Reason, want)
		}
		if st = b.sleep(pause - 4*s); st.Breaker != BreakerHalfOpen || !st.NextAttempt.IsZero() || st.Cause != output.CauseLocal {
			t.Errorf("status %+v during the attempt that decides", st)
		}
		if st = b.sleep(3 * s); st.Breaker != BreakerOpen || !strings.HasPrefix(st.Reason, "4 attempts") {
			t.Errorf("status %+v after it", st)
		}
		st = b.sleep(pause)
		b.stop()
		b.wantDials(0, 5*s, 15*s, 15*s+pause, 17*s+2*pause)
		if st.State != Active || st.Breaker != "" || st.Reason != "" {
			t.Errorf("status %+v", st)
		}
	})
}

func TestQuietEndsTheConnectionUntilPacketsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver(), func(s *Spec) { s.Timeout = 30 * time.Second })
		b.feed(track)
		b.sleep(10*s + s/2) // half-way between two looks at it
		b.feeding()
		if st := b.sleep(29 * s); st.State != Active {
			t.Errorf("state %v before the timeout", st.State)
		}
		st := b.sleep(3 * s)
		if st.State != Starting || len(st.Errors) != 0 || st.Reason != "the stream has sent nothing for 30s" || !st.ConnectedAt.IsZero() {
			t.Errorf("status %+v", st)
		}
		b.sleep(time.Hour)
		b.feed(track)
		st = b.sleep(10 * s)
		b.stop()
		if st.State != Active || st.Reason != "" || len(b.recv.conns) != 2 {
			t.Errorf("status %+v, %d connections", st, len(b.recv.conns))
		}
		b.wantStates("0s starting", "0s connecting", "0s active", "41s starting",
			"1h0m42.5s connecting", "1h0m42.5s active", "1h0m52.5s disabled")
	})
}

func TestABusyWriteIsNotQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.write = func(*fakeConn, media.Packet) error { time.Sleep(4 * s); return nil }
		b := newBench(t, r, func(s *Spec) { s.Timeout = 2 * time.Second })
		b.feed(track)
		if st := b.sleep(30 * s); st.State != Active {
			t.Errorf("state %v", st.State)
		}
		b.stop()
		b.wantDials(0)
	})
}

func TestTheBitrateAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const full = framesGOP * packetSize * 8 // bits per second
		var (
			mu   sync.Mutex
			slow bool
		)
		r := newReceiver()
		r.write = func(*fakeConn, media.Packet) error {
			mu.Lock()
			now := slow
			mu.Unlock()
			if now {
				time.Sleep(s / 10) // 10 of 25 a second
			}
			return nil
		}
		set := func(v bool) { mu.Lock(); slow = v; mu.Unlock() }
		least := func(bits int) func(*Spec) { return func(s *Spec) { s.MinBitrate = bits } }
		b := newBench(t, r, least(full*8/10))
		if st := b.sleep(time.Minute); st.Alarm != "" {
			t.Errorf("alarm without a programme: %q", st.Alarm)
		}
		b.feed(track)
		if st := b.sleep(30 * s); st.Alarm != "" {
			t.Errorf("alarm at full rate: %q", st.Alarm)
		}
		set(true)
		st := b.sleep(10 * s)
		if want := "less than 160 kb/s was sent over 10s: the link, or the receiver, is too slow"; st.Alarm != want {
			t.Errorf("alarm %q, want %q", st.Alarm, want)
		}
		set(false)
		if st = b.sleep(20 * s); st.Alarm != "" {
			t.Errorf("alarm at full rate again: %q", st.Alarm)
		}
		// Within the hysteresis nothing changes; a new minimum holds at once.
		if err := b.dest.Update(b.spec(least(full * 2))); err != nil {
			t.Error(err)
		}
		if st = b.sleep(2 * s); st.Alarm == "" {
			t.Error("no alarm at a higher minimum")
		}
		if err := b.dest.Update(b.spec(least(full * 95 / 100))); err != nil {
			t.Error(err)
		}
		if st = b.sleep(20 * s); st.Alarm == "" {
			t.Error("the alarm has ended within its hysteresis")
		}
		if err := b.dest.Update(b.spec(least(0))); err != nil {
			t.Error(err)
		}
		if st = b.sleep(2 * s); st.Alarm != "" {
			t.Errorf("alarm without a minimum: %q", st.Alarm)
		}
		b.stop()
		b.wantDials(60 * s)
	})
}

func TestADestinationThatIsAwayIsBelowItsMinimum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = refused
		b := newBench(t, r, func(s *Spec) { s.MinBitrate = 1000 })
		b.feed(track)
		if st := b.sleep(9 * s); st.Alarm != "" {
			t.Errorf("alarm %q before the window was over", st.Alarm)
		}
		if st := b.sleep(5 * s); st.Alarm == "" {
			t.Error("no alarm")
		}
		if err := b.dest.Pause("a test"); err != nil {
			t.Error(err)
		}
		if st := b.sleep(s); st.Alarm != "" {
			t.Errorf("alarm %q while paused", st.Alarm)
		}
		b.stop()
	})
}

func TestTheKindsCodecsAreAskedFor(t *testing.T) {
	var got []string
	spec := Spec{Kind: output.Kind{Takes: func(t output.Target) []media.Codec {
		got = append(got, t.Options["audio_codec"])
		return []media.Codec{media.AAC}
	}}, Target: output.Target{Options: map[string]string{"audio_codec": "aac"}}}
	if c := spec.codecs(); len(c) != 1 || c[0] != media.AAC || got[0] != "aac" {
		t.Errorf("codecs %v for %q", c, got)
	}
	if c := (Spec{}).codecs(); c != nil {
		t.Errorf("codecs %v of a kind that takes the stream's own", c)
	}
}

// A video-only stream and a radio server: said in words, and gone once there is
// sound.
func TestAStreamWithNothingThatTheKindTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := func(s *Spec) { s.Kind.Takes = func(output.Target) []media.Codec { return []media.Codec{media.AAC} } }
		b := newBench(t, newReceiver(), takes)
		b.feed(track)
		st := b.sleep(s)
		if st.State != Reconnecting || st.Cause != output.CauseLocal || st.Attempts != 0 || !strings.Contains(st.Errors[0].Message, "the stream has nothing that fake takes: aac") {
			t.Errorf("status %+v", st)
		}
		b.feeding()
		b.hub.Announce(media.Audio)
		b.feed(&media.Track{Codec: media.AAC, Audio: &media.AudioParams{SampleRate: 48000, Channels: 2}})
		if st = b.sleep(5 * s); st.State != Active {
			t.Errorf("status %+v", st)
		}
		b.hub.Announce(media.Video)
		b.feed(track)
		if st = b.sleep(5 * s); st.State != Reconnecting || st.Cause != output.CauseLocal {
			t.Errorf("status %+v", st)
		}
		b.stop()
	})
}
