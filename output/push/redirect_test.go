package push

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// where notes the URLs that a receiver was dialled at.
type where struct {
	mu   sync.Mutex
	urls []string
}

func (w *where) dial(r *receiver, wish func(attempt int) error) func(context.Context, output.Target, []*media.Track) (output.Conn, error) {
	return func(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
		w.mu.Lock()
		w.urls = append(w.urls, t.URL.String())
		n := len(w.urls)
		w.mu.Unlock()
		conn, err := r.Dial(ctx, t, tracks)
		if err == nil {
			if err = wish(n); err != nil {
				_ = conn.Close()
				return nil, err
			}
		}
		return conn, err
	}
}

func elsewhere(t *testing.T, to string) *output.ReconnectError {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return &output.ReconnectError{URL: u, Words: "try " + u.Host}
}

func TestARedirectIsFollowedOnceWithoutPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const other = "rtmp://other.example/live/another-secret"
		r, w := newReceiver(), where{}
		wish := elsewhere(t, other)
		r.write = func(c *fakeConn, _ media.Packet) error {
			if time.Since(r.begin) > 20*s && c == r.conns[1] {
				return fmt.Errorf("rtmp: %s: gone", other)
			}
			return nil
		}
		dial := w.dial(r, func(n int) error {
			if n == 1 {
				return wish
			}
			return nil
		})
		b := newBench(t, r, func(s *Spec) { s.Kind.Dial = dial })
		b.feed(track)
		st := b.sleep(s)
		if st.State != Active || len(st.Errors) != 0 || st.Attempts != 2 || st.Reason != "at rtmp://other.example/live/***, where the receiver has sent us" {
			t.Errorf("status %+v", st)
		}
		st = b.sleep(22 * s)
		if st.State != Reconnecting || strings.Contains(st.Errors[0].Message, "another-secret") || st.Errors[0].Message != "rtmp://host.example/live/***: rtmp: ***: gone" {
			t.Errorf("errors %+v", st.Errors)
		}
		b.sleep(10 * s)
		b.stop()
		if len(w.urls) != 3 || w.urls[1] != other || w.urls[0] != w.urls[2] {
			t.Errorf("dialled %q: a redirect holds for one connection", w.urls)
		}
	})
}

func TestAWishOfARunningConnectionIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.write = func(c *fakeConn, _ media.Packet) error {
			if c == r.conns[0] && time.Since(r.begin) >= 10*s {
				return &output.ReconnectError{Words: "maintenance"}
			}
			return nil
		}
		b := newBench(t, r)
		b.feed(track)
		st := b.sleep(20 * s)
		b.stop()
		b.wantDials(0, 10*s)
		if len(st.Errors) != 0 {
			t.Errorf("errors %+v", st.Errors)
		}
	})
}

func TestRedirectsWithoutEndAreAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := newReceiver(), where{}
		wish := elsewhere(t, "rtmp://other.example/live/key")
		dial := w.dial(r, func(int) error { return wish })
		b := newBench(t, r, func(s *Spec) { s.Kind.Dial = dial })
		b.feed(track)
		st := b.sleep(s)
		if st.State != Reconnecting || st.Cause != output.CauseRejected || len(w.urls) != 1+maxRedirects ||
			!strings.Contains(st.Errors[0].Message, "it sends us on 6 times within 10s: the receiver sends us to rtmp://other.example/live/***: try other.example") {
			t.Errorf("dialled %d times, status %+v", len(w.urls), st)
		}
		if wait := st.NextAttempt.Sub(b.begin); wait != 60*s {
			t.Errorf("next attempt after %v, want the longest wait", wait)
		}
		b.stop()
	})
}

func TestARedirectThatLeavesTLSOrTheKindIsRefused(t *testing.T) {
	at := func(u string) output.Target {
		p, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		return output.Target{URL: p}
	}
	kind := output.Kind{Name: "rtmps", Check: func(t output.Target) error {
		if t.URL.Host == "" {
			return errors.New("no host")
		}
		return nil
	}}
	for _, tc := range []struct{ to, want string }{
		{"rtmps://b/app/key2222", ""},
		{"rtmp://b/app/key2222", "without encryption"},
		{"rtmps:///app/key2222", "no host"},
	} {
		var r redirects
		_, err := r.follow(Spec{Kind: kind, Target: at("rtmps://a/app/key1111")}, elsewhere(t, tc.to))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.to, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != output.CauseRejected):
			t.Errorf("%s: %v, want %s", tc.to, err, tc.want)
		}
	}
}
