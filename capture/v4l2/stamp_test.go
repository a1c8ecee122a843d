package v4l2capture

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

const ms = time.Millisecond

func TestTimes(t *testing.T) {
	// A picture is taken each 20 ms and dequeued 5 ms later. says is what the
	// driver has for its time then, of a clock that began an hour before.
	for _, c := range []struct {
		name    string
		arrival bool
		says    func(i int, now time.Duration) (ts time.Duration, monotonic bool)
		want    func(i int) time.Duration
		note    string
	}{
		{"true times", false, func(_ int, now time.Duration) (time.Duration, bool) { return now - 5*ms, true },
			func(i int) time.Duration { return time.Duration(i) * 20 * ms }, ""},
		{"no clock told", false, func(_ int, now time.Duration) (time.Duration, bool) { return now - 5*ms, false },
			func(i int) time.Duration { return time.Duration(i)*20*ms + 5*ms }, "the driver gives no usable times"},
		{"zero", false, func(int, time.Duration) (time.Duration, bool) { return 0, true },
			func(i int) time.Duration { return time.Duration(i)*20*ms + 5*ms }, "the driver gives no usable times"},
		{"wall-clock time", false, func(_ int, now time.Duration) (time.Duration, bool) { return now + 1e6*time.Hour, true },
			func(i int) time.Duration { return time.Duration(i)*20*ms + 5*ms }, "the driver gives no usable times"},
		{"the board says so", true, func(_ int, now time.Duration) (time.Duration, bool) { return now - 300*ms, true },
			func(i int) time.Duration { return time.Duration(i)*20*ms + 5*ms }, ""},
		{"jumps back, keeps the line", false, func(i int, now time.Duration) (time.Duration, bool) {
			if i%10 == 5 {
				return now - 50*ms, true
			}
			return now - 5*ms, true
		}, func(i int) time.Duration { return time.Duration(i) * 20 * ms }, "times jump"},
		{"jumps ahead, keeps the line", false, func(i int, now time.Duration) (time.Duration, bool) {
			if i%10 == 5 {
				return now + 200*ms, true
			}
			return now - 5*ms, true
		}, func(i int) time.Duration { return time.Duration(i) * 20 * ms }, "times jump"},
		{"the end of the picture, which is to come", false, func(_ int, now time.Duration) (time.Duration, bool) { return now + 13*ms, true },
			func(i int) time.Duration { return time.Duration(i)*20*ms + 18*ms }, ""},
		{"one wrong time is no news", false, func(i int, now time.Duration) (time.Duration, bool) {
			if i == 150 {
				return now + 200*ms, true
			}
			return now - 5*ms, true
		}, func(i int) time.Duration { return time.Duration(i) * 20 * ms }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock, start := media.NewClock(), time.Now()
				mono := func() time.Duration { return time.Hour + time.Since(start) }
				s := newStamper(clock, mono, c.arrival)
				for i := range 300 {
					time.Sleep(time.Duration(i)*20*ms + 5*ms - time.Since(start))
					if got, want := s.at(c.says(i, mono())), c.want(i); got != want {
						t.Fatalf("picture %d at %v, want %v", i, got, want)
					}
				}
				if n := s.note(); !strings.Contains(n, c.note) || c.note == "" && n != "" {
					t.Errorf("note %q", n)
				}
			})
		})
	}
}

// TestTimesRise with a driver that says the same time always.
func TestTimesRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := newStamper(media.NewClock(), func() time.Duration { return time.Hour + time.Since(start) }, false)
		last := time.Duration(-1)
		for i := range 100 {
			pts := s.at(time.Hour, true)
			if pts <= last {
				t.Fatalf("picture %d at %v, the one before at %v", i, pts, last)
			}
			last = pts
		}
	})
}

func TestStatusTellsOfTimes(t *testing.T) {
	h := hdmi()
	h.noStamp = true
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		st.run(layout(media.NV12, 1280, 720))
		st.shoot(h, 3)
		st.wantStatus(capture.ZeroCopy, "pictures are stamped as they arrive", 0)
	})
}

// TestNumbersWrap: the sequence is 32 bits long.
func TestNumbersWrap(t *testing.T) {
	h := hdmi()
	h.delivered = 1<<32 - 3
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		st.run(layout(media.NV12, 1280, 720))
		st.shoot(h, 6)
		h.shot = func(b *v4l2.Buffer, _ []byte) { b.Sequence = 0 } // and some never count
		st.shoot(h, 6)
		st.wantFrames(12)
		st.wantStatus(capture.ZeroCopy, "", 0)
	})
}
