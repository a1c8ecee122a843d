package push

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// noCaller is what a listener says whom nobody has called.
func noCaller(ctx context.Context) error {
	<-ctx.Done()
	words := "waiting for a caller on port 9000"
	return output.WithCause(output.CauseNetwork,
		output.InWords(words, errors.Join(context.Cause(ctx), &output.ReconnectError{Words: words})))
}

func TestWaitingForACallerIsNoStormOfWishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(ctx context.Context, attempt int) error {
			if attempt > 20 {
				return nil // somebody calls
			}
			return noCaller(ctx)
		}
		b := newBench(t, r, func(s *Spec) { s.ConnectTimeout, s.BreakerFailures = time.Second, 3 })
		b.feed(track)
		st := b.sleep(15*s + s/2)
		if st.State != Connecting || st.Reason != "waiting for a caller on port 9000" || st.Cause != "" || len(st.Errors) != 0 || st.Breaker != "" {
			t.Errorf("status %+v", st)
		}
		b.sleep(10 * s)
		b.wantStates("0s starting", "0s connecting", "20s active")
		b.stop()
	})
}

func TestANewTrackIsTheReasonOfTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(_ context.Context, attempt int) error {
			if attempt > 1 {
				time.Sleep(3 * s)
			}
			return nil
		}
		b := newBench(t, r)
		b.feed(track)
		b.sleep(5 * s)
		b.feed(&media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 32, Height: 32}})
		if st := b.sleep(2 * s); st.State != Reconnecting || st.Reason != ReasonNewTrack || st.Cause != "" {
			t.Errorf("while it connects anew: %+v", st)
		}
		if st := b.sleep(5 * s); st.State != Active || st.Reason != "" {
			t.Errorf("connected: %+v", st)
		}
		b.stop()
	})
}

func TestAServerThatAsksToComeLaterIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.dial = func(_ context.Context, attempt int) error {
			if attempt == 1 {
				return fmt.Errorf("video: %w", &output.AnswerError{Status: 503, Cause: "busy", RetryAfter: 2 * time.Minute, Text: "later"})
			}
			return nil
		}
		b := newBench(t, r)
		b.feed(track)
		b.sleep(3 * time.Minute)
		b.stop()
		b.wantDials(0, 2*time.Minute)
	})
}

func TestLinesOfStatusAreBoundedAndPlain(t *testing.T) {
	target := output.Target{Options: map[string]string{
		"ice_server": "turn:user:turn-secret@turn.example:3478", "authorization": "Bearer token-secret",
	}}
	line := clean(target, "a\x1b[31m\nturn-secret\ttoken-secret turn.example "+strings.Repeat("é", 5000))
	if want := "a[31m *** *** turn.example ééé"; !strings.HasPrefix(line, want) || len([]rune(line)) != maxLine+1 {
		t.Errorf("%d characters: %.60q", len([]rune(line)), line)
	}
}
