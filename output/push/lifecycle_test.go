package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

const s = time.Second

func refused(context.Context, int) error { return errors.New("connection refused") }

func TestStartsWithTheTracksAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		if st := b.sleep(10 * s); st.State != Starting || st.Attempts != 0 {
			t.Errorf("without tracks: %+v", st)
		}
		b.feed(track)
		st := b.sleep(10 * s)
		b.stop()
		b.wantStates("0s starting", "10s connecting", "10s active", "20s disabled")
		b.wantDials(10 * s)
		if st.Attempts != 1 || !st.ConnectedAt.Equal(b.begin.Add(10*s)) || len(st.Errors) != 0 || st.RTT != 7*time.Millisecond {
			t.Errorf("status %+v", st)
		}
		const rate, packet = framesGOP * packetSize * 8, packetSize * 8 / 4 // one more or less in 4 s
		if st.Bitrate < rate-packet || st.Bitrate > rate+packet {
			t.Errorf("bitrate %d, want %d", st.Bitrate, rate)
		}
		if st.URL != "rtmp://host.example/live/***" {
			t.Errorf("URL %s", st.URL)
		}
		if n := len(b.recv.conns[0].packets); n < 250 || b.dest.Status().Bytes != uint64(n*packetSize) {
			t.Errorf("%d packets received, %d bytes counted", n, b.dest.Status().Bytes)
		}
	})
}

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(_ context.Context, attempt int) error { return fmt.Errorf("failure %d", attempt) }
		b := newBench(t, r)
		b.feed(track)
		st := b.sleep(200 * s)
		b.stop()
		b.wantDials(0, 5*s, 15*s, 35*s, 75*s, 135*s, 195*s)
		b.wantStates("0s starting", "0s connecting", "0s reconnecting", "3m20s disabled")
		if !st.NextAttempt.Equal(b.begin.Add(255 * s)) {
			t.Errorf("next attempt %v", st.NextAttempt.Sub(b.begin))
		}
		if len(st.Errors) != 5 || st.Errors[0].Message != "rtmp://host.example/live/***: failure 7" ||
			!st.Errors[4].Time.Equal(b.begin.Add(15*s)) {
			t.Errorf("errors %+v, want the last five, newest first", st.Errors)
		}
	})
}

func TestJitterStaysWithinTheBound(t *testing.T) {
	spec := Spec{}.withDefaults()
	low, high := time.Hour, time.Duration(0)
	for range 2000 {
		b := backoff{draw: drawEvenly, failures: 1}
		wait := b.next(spec, false)
		low, high = min(low, wait), max(high, wait)
		if rejected := (&backoff{draw: drawEvenly}).next(spec, true); rejected < 30*s || rejected > 60*s {
			t.Fatalf("wait after a rejection %v", rejected)
		}
	}
	if low > s || high < 9*s || high > 10*s {
		t.Errorf("second wait drawn from %v to %v, want 0 to 10 s", low, high)
	}
}

func TestRejectionWaitsTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(context.Context, int) error { return fmt.Errorf("%w: wrong key", output.ErrRejected) }
		b := newBench(t, r)
		b.feed(track)
		b.sleep(100 * s)
		b.stop()
		b.wantDials(0, 60*s)
	})
}

func TestRetryLimitGivesUpUntilTheRetriesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = refused
		limit := func(n int) func(*Spec) { return func(s *Spec) { s.RetryLimit = n } }
		b := newBench(t, r, limit(3))
		b.feed(track)
		st := b.sleep(time.Hour)
		b.wantDials(0, 5*s, 15*s)
		if st.State != Failed || !strings.Contains(st.Errors[0].Message, "gave up after 3 attempts: connection refused") {
			t.Errorf("status %+v", st)
		}
		b.dest.Update(b.spec(limit(3))) // the same: stays
		if st := b.sleep(s); st.State != Failed {
			t.Errorf("state %v after the same spec", st.State)
		}
		b.dest.Update(b.spec(limit(4)))
		if st := b.sleep(s); st.State != Reconnecting || st.Attempts != 4 {
			t.Errorf("status %+v after a new limit", st)
		}
		b.stop()
	})
}

func TestALongConnectionForgivesFailures(t *testing.T) {
	for _, tc := range []struct {
		held time.Duration
		want time.Duration // wait after the third failure
	}{{29 * s, 20 * s}, {31 * s, 5 * s}} {
		t.Run(tc.held.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				r.dial = func(_ context.Context, attempt int) error {
					if attempt != 3 {
						return errors.New("down")
					}
					return nil
				}
				r.write = func(*fakeConn, media.Packet) error {
					if time.Since(r.begin) >= 15*s+tc.held {
						return errors.New("broken")
					}
					return nil
				}
				b := newBench(t, r)
				b.feed(track)
				b.sleep(15*s + tc.held + tc.want + s)
				b.stop()
				b.wantDials(0, 5*s, 15*s, 15*s+tc.held+tc.want)
			})
		})
	}
}

func TestANewTrackReconnectsAtOnceWithoutPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		b.sleep(10 * s)
		other := *track
		params := *track.Video
		params.Width += 2
		other.Video = &params
		b.feed(&other)
		st := b.sleep(10 * s)
		b.stop()
		b.wantDials(0, 10*s)
		if len(st.Errors) != 0 || st.State != Active || b.recv.conns[1].tracks[0] != &other {
			t.Errorf("status %+v", st)
		}
		if first := b.recv.conns[1].packets[0]; first.Track != &other || !first.Key {
			t.Errorf("the new connection began with %+v", first)
		}
	})
}

func TestTracksThatNeverSettleAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.write = func(*fakeConn, media.Packet) error { return output.ErrTrackChanged }
		b := newBench(t, r)
		b.feed(track)
		st := b.sleep(4 * s)
		b.stop()
		b.wantDials(0, 0, 0)
		if len(st.Errors) != 1 || !strings.Contains(st.Errors[0].Message, "change faster") {
			t.Errorf("errors %+v", st.Errors)
		}
	})
}

func TestBadConfigurationFailsWithoutDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := func(s *Spec) { s.Kind.Check = func(output.Target) error { return errors.New("no host") } }
		b := newBench(t, newReceiver(), bad)
		b.feed(track)
		st := b.sleep(time.Hour)
		if st.State != Failed || st.Attempts != 0 || st.Errors[0].Message != "rtmp://host.example/live/***: no host" {
			t.Errorf("status %+v", st)
		}
		b.dest.Update(b.spec(func(s *Spec) { s.Target.Options = map[string]string{"fixed": "yes"} }))
		if st := b.sleep(s); st.State != Active {
			t.Errorf("state %v after a good spec", st.State)
		}
		b.stop()
	})
}

func TestUpdateRestartsOnlyWhenTheConnectionDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		b.sleep(s)
		b.dest.Update(b.spec())
		b.dest.Update(b.spec(func(s *Spec) { s.RetryMax = 2 * time.Minute }))
		b.sleep(s)
		b.wantDials(0)
		if got := b.dest.current().RetryMax; got != 2*time.Minute {
			t.Errorf("RetryMax is %v after its update", got)
		}
		b.dest.Update(b.spec(func(s *Spec) { s.Enabled = false }))
		if st := b.sleep(s); st.State != Disabled || !st.ConnectedAt.IsZero() {
			t.Errorf("status %+v after disabling", st)
		}
		b.dest.Update(b.spec())
		b.sleep(s)
		b.dest.Update(b.spec(func(s *Spec) {
			u := *s.Target.URL
			u.Path = "/live/other-key"
			s.Target.URL = &u
		}))
		st := b.sleep(s)
		b.wantDials(0, 3*s, 4*s)
		b.wantStates("0s starting", "0s connecting", "0s active", "2s disabled",
			"3s starting", "3s connecting", "3s active", "4s starting", "4s connecting", "4s active")
		if st.Attempts != 3 {
			t.Errorf("attempts %d", st.Attempts)
		}
		b.stop()
	})
}

func TestTheEndOfTheHubIsNotAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		b.sleep(s)
		b.hub.Close()
		if st := b.sleep(time.Minute); st.State != Starting || len(st.Errors) != 0 || st.Attempts != 1 {
			t.Errorf("status %+v", st)
		}
		b.stop()
	})
}

func TestTheSameTrustReadAgainIsNoChange(t *testing.T) {
	pool := func(names ...string) *tls.Config {
		p := x509.NewCertPool()
		for _, n := range names {
			p.AddCert(&x509.Certificate{Raw: []byte(n), RawSubject: []byte(n)})
		}
		return &tls.Config{RootCAs: p}
	}
	if !sameTrust(nil, nil) || !sameTrust(pool("a"), pool("a")) {
		t.Error("equal trust differs")
	}
	if sameTrust(nil, pool("a")) || sameTrust(pool("a"), pool("b")) || sameTrust(pool("a"), &tls.Config{}) {
		t.Error("different trust is equal")
	}
}
