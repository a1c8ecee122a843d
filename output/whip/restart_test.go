package whip

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
)

// keepWriting writes pictures until Write fails or the test says that it is enough.
func keepWriting(c output.Conn, enough func() bool) error {
	for n := 0; !enough(); n++ {
		if err := c.Write(picture(n, 500, n%25 == 0)); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

func TestLostWayIsReplaced(t *testing.T) {
	t.Parallel()
	w := peer.StartWHIP(t, peer.WHIPOptions{Relay: true})
	tg := target(t, w.URL())
	var asked atomic.Bool
	tg.RequestKey = func() { asked.Store(true) }
	c := mustDial(t, tg, testVideo)
	s := w.Sessions()[0]
	come := func() int {
		if v := s.Track(webrtc.RTPCodecTypeVideo); v != nil {
			return len(v.Packets)
		}
		return 0
	}
	if err := keepWriting(c, func() bool { return come() > 20 }); err != nil {
		t.Fatal(err)
	}
	s.Lose()
	limit := time.Now().Add(30 * time.Second)
	if err := keepWriting(c, func() bool { return len(w.Methods()) > 1 || time.Now().After(limit) }); err != nil {
		t.Fatal(err)
	}
	before := come()
	if err := keepWriting(c, func() bool { return come() > before+20 || time.Now().After(limit) }); err != nil {
		t.Fatal(err)
	}
	if m := w.Methods(); !slices.Equal(m, []string{"POST", "PATCH"}) || come() <= before+20 {
		t.Errorf("the endpoint got %v, and %d packets after the loss", m, come()-before)
	}
	if !asked.Load() {
		t.Errorf("asked for a key picture: %v; stats %+v", asked.Load(), c.Stats())
	}
}

func TestLostWayWithoutAnother(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opts  peer.WHIPOptions
		want  string
		cause output.Cause
	}{
		{"the endpoint does not restart", peer.WHIPOptions{Relay: true, NoPatch: true}, "no other way was found", output.CauseNetwork},
		{"the endpoint has named no address", peer.WHIPOptions{Relay: true, NoLocation: true}, "names no address", output.CauseNetwork},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := peer.StartWHIP(t, tc.opts)
			c := mustDial(t, target(t, w.URL()), testVideo)
			w.Sessions()[0].Lose()
			limit := time.Now().Add(30 * time.Second)
			err := keepWriting(c, func() bool { return time.Now().After(limit) })
			if err == nil || !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != tc.cause {
				t.Errorf("%v is %s", err, output.CauseOf(err))
			}
		})
	}
}

func TestEndpointThatDies(t *testing.T) {
	for _, life := range []time.Duration{time.Millisecond, 2 * time.Second} {
		t.Run(life.String(), func(t *testing.T) {
			t.Parallel()
			w := peer.StartWHIP(t, peer.WHIPOptions{Lifetime: life})
			c, err := dial(t, target(t, w.URL()), 10*time.Second, testVideo)
			if err == nil {
				limit := time.Now().Add(20 * time.Second)
				err = keepWriting(c, func() bool { return time.Now().After(limit) })
			}
			if output.CauseOf(err) != output.CauseClosed {
				t.Errorf("%v is %s", err, output.CauseOf(err))
			}
		})
	}
}

func TestCloseEndsABlockedWrite(t *testing.T) {
	w := peer.StartWHIP(t, peer.WHIPOptions{})
	tg := target(t, w.URL())
	tg.WriteTimeout = time.Hour
	c := mustDial(t, tg, testVideo)
	result := make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			if err := c.Write(picture(n, 200_000, true)); err != nil {
				result <- err
				return
			}
		}
	}()
	until(t, "the queue is full", func() bool { return len(c.queue) == queueUnits })
	c.Close()
	if err := <-result; err == nil {
		t.Error("Write returned without an error")
	}
	c.Close()
}

func TestStalledPacerIsReported(t *testing.T) {
	c := &conn{target: target(t, "whip+http://h/"), signal: &session{host: "h"}, queue: make(chan unit), done: make(chan struct{})}
	c.target.WriteTimeout = time.Millisecond
	if err := c.enqueue(unit{}); !errors.Is(err, output.ErrStalled) {
		t.Errorf("got %v", err)
	}
}
