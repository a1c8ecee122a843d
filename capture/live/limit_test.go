package live

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

func TestPicturesAreThinnedOutEvenly(t *testing.T) {
	r := func(num, den int) media.Rational { return media.Rational{Num: num, Den: den} }
	for _, c := range []struct {
		name       string
		from, said media.Rational // what comes, and what the device says comes
		to         media.Rational
		jitter     time.Duration
		want       float64       // pictures a second
		apart      time.Duration // at least
	}{
		{"60 into 30", r(60, 1), r(60, 1), r(30, 1), 0, 30, 33 * time.Millisecond},
		{"60 into 30, capture times jitter", r(60, 1), r(60, 1), r(30, 1), 5 * time.Millisecond, 30, 23 * time.Millisecond},
		{"59.94 into 30", r(60000, 1001), r(60000, 1001), r(30, 1), 0, 30000. / 1001, 33 * time.Millisecond},
		{"50 into 30", r(50, 1), r(50, 1), r(30, 1), 0, 30, 20 * time.Millisecond},
		{"50 into 25", r(50, 1), r(50, 1), r(25, 1), 0, 25, 40 * time.Millisecond},
		{"120 into 29.97", r(120, 1), r(120, 1), r(30000, 1001), 0, 30, 33 * time.Millisecond},
		{"25 into 30 as they come", r(25, 1), r(25, 1), r(30, 1), 0, 25, 40 * time.Millisecond},
		{"30 into 29.97 as they come", r(30, 1), r(30, 1), r(30000, 1001), 0, 30, 33 * time.Millisecond},
		{"a camera a little fast", r(30003, 1000), r(30, 1), r(30, 1), 0, 30.003, 33 * time.Millisecond},
		{"unknown, in truth 60", r(60, 1), media.Rational{}, r(30, 1), 0, 30, 33 * time.Millisecond},
		{"unknown, in truth 30", r(30, 1), media.Rational{}, r(30, 1), 4 * time.Millisecond, 30, 24 * time.Millisecond},
		{"unknown, in truth 15", r(15, 1), media.Rational{}, r(30, 1), 0, 15, 66 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLimiter(c.said, c.to)
			const seconds = 100
			taken, last, least := 0, time.Duration(-1), time.Hour
			for n := range int64(c.from.Float() * seconds) {
				pts := 7*time.Second + c.from.FrameTime(n) + time.Duration(n*7919%11-5)*c.jitter/5
				if would := l.wants(pts); would != l.take(pts) {
					t.Fatal("wants and take differ")
				} else if !would {
					continue
				}
				taken++
				if last >= 0 {
					least = min(least, pts-last)
				}
				last = pts
			}
			if got := float64(taken) / seconds; math.Abs(got-c.want) > 0.03 || least < c.apart-time.Microsecond {
				t.Errorf("%.3f pictures a second, want %.3f; %v apart at least, want %v", got, c.want, least, c.apart)
			}
		})
	}
}

// TestSurplusPicturesAreLeftOut goes the whole way, with a device that drops
// after, and one that asks before its work.
func TestSurplusPicturesAreLeftOut(t *testing.T) {
	for _, asks := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			d := newDevice(size(1280, 720, media.Rational{Num: 60, Den: 1}), shoots(-1, nil))
			d.asked = asks
			r := start(t, d, Config{Format: size(1280, 720, fps30)})
			time.Sleep(10*time.Second + interval30/2)
			synctest.Wait()
			live := r.frames.Live()
			if live.Frames != 301 || live.Slates != 0 || live.Skipped != 0 {
				t.Errorf("asks %v: %+v", asks, live)
			}
			for i, s := range r.stop() {
				if want := fps30.FrameTime(int64(i)); s.pts < want || s.pts > want+time.Microsecond {
					t.Fatalf("picture %d at %v", i, s.pts)
				}
			}
			if asks != (d.unused > 290) {
				t.Errorf("asks %v: %d pictures were left out before the work", asks, d.unused)
			}
		})
	}
}

// TestTheGridBeginsAnewAfterASlate: the first picture that comes back is not
// judged by where those before the loss lay.
func TestTheGridBeginsAnewAfterASlate(t *testing.T) {
	for _, pause := range []time.Duration{1000, 1004, 1008, 1012, 1017, 1021, 1025, 1029} {
		bubble(t, func(t *testing.T) {
			d := newDevice(size(1280, 720, media.Rational{Num: 60, Den: 1}), func(ctx context.Context, s *session) error {
				if err := shoots(60, nil)(ctx, s); err != nil {
					return err
				}
				if err := silent(pause*time.Millisecond, nil)(ctx, s); err != nil {
					return err
				}
				return shoots(-1, nil)(ctx, s)
			})
			r := start(t, d, Config{Format: size(1280, 720, fps30)})
			time.Sleep(3 * time.Second)
			shots := r.stop()
			for i := 1; i < len(shots); i++ {
				gap := shots[i].pts - shots[i-1].pts
				back := shots[i].device && !shots[i-1].device
				if back && gap > interval30+time.Millisecond {
					t.Errorf("after %d ms: %v to the first picture back", pause, gap)
				}
				if !back && gap < interval30-time.Millisecond {
					t.Errorf("after %d ms: %v between two pictures", pause, gap)
				}
			}
		})
	}
}
