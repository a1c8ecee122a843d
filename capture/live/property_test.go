package live

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// maxSwing of the capture times: 3 s of an act's time become 30 ms.
const maxSwing = 100

// act is one thing a device does.
type act struct {
	kind string
	n    int           // pictures
	d    time.Duration // of nothing
}

var actGen = rapid.Custom(func(t *rapid.T) act {
	return act{
		kind: rapid.SampledFrom([]string{
			"pictures", "pictures", "pictures", "silence", "burst", "backwards",
			"lost", "unplugged", "changed", "recovering", "nil", "deaf",
		}).Draw(t, "kind"),
		n: rapid.IntRange(1, 60).Draw(t, "n"),
		d: rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond
		}).Draw(t, "d"),
	}
})

// play does the acts in turn, across sessions, and then streams.
func play(acts []act) run {
	next := 0
	return func(ctx context.Context, s *session) error {
		for next < len(acts) {
			a := acts[next]
			next++
			if err := perform(ctx, s, a); err != nil || a.kind == "nil" {
				return err
			}
		}
		return shoots(-1, nil)(ctx, s)
	}
}

func perform(ctx context.Context, s *session, a act) error {
	switch a.kind {
	case "pictures":
		return shoots(a.n, nil)(ctx, s)
	case "silence":
		return silent(a.d, nil)(ctx, s)
	case "burst": // the driver gives at once what it held back
		for range a.n {
			s.picture()
		}
		return nil
	case "backwards": // capture times go back
		s.device.lag += a.d / maxSwing
		defer func() { s.device.lag -= a.d / maxSwing }()
		return shoots(a.n, nil)(ctx, s)
	case "lost":
		return none
	case "unplugged":
		return errors.New("no such device")
	case "changed":
		return &Changed{}
	case "recovering":
		return recovering
	case "deaf":
		return deaf(ctx, s)
	}
	return nil
}

// TestWhateverTheDeviceDoes holds the promise of the package against random
// devices: PTS rise strictly, a seam has a key picture, there is a picture at
// least every threshold and a bit, and every buffer comes back exactly once
// (the pool panics on the second time).
func TestWhateverTheDeviceDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(actGen, 1, 12).Draw(rt, "acts")
		refusals := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 8).Draw(rt, "refusals")
		held := rapid.IntRange(0, 3).Draw(rt, "held")
		lag := time.Duration(rapid.IntRange(0, 300).Draw(rt, "lag")) * time.Millisecond
		rate := media.Rational{Num: rapid.SampledFrom([]int{24, 25, 30, 50, 60}).Draw(rt, "rate"), Den: 1}
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			d := &device{clock: media.NewClock(), runs: []run{play(acts)}, held: held, lag: lag}
			for _, n := range refusals {
				for range n {
					d.opens = append(d.opens, refuses(none))
				}
				d.opens = append(d.opens, opensAs(size(1280, 720, rate))...)
			}
			var changes []capture.LiveStatus
			r := start(t, d, Config{
				Format: size(320, 180, fps30), OnChange: func(l capture.LiveStatus) { changes = append(changes, l) },
			})
			time.Sleep(20 * time.Second)
			synctest.Wait()
			live := r.frames.Live()
			shots := r.stop()
			limit := minThreshold + 2*max(interval30, rate.FrameTime(1)) + 3*time.Second/maxSwing
			wrong = judge(shots, live, changes, limit)
		})
		for _, w := range wrong {
			rt.Error(w)
		}
	})
}

func judge(shots []shot, live capture.LiveStatus, changes []capture.LiveStatus, limit time.Duration) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(shots) == 0 {
		return []string{"no picture came out"}
	}
	if first := shots[0]; first.at > startThreshold+interval30 {
		say("the first picture came at %v", first.at)
	}
	for i := 1; i < len(shots); i++ {
		a, b := shots[i-1], shots[i]
		if b.pts <= a.pts || b.pts-a.pts > limit {
			say("picture %d: from %v to %v", i, a.pts, b.pts)
		}
		if a.device != b.device && !b.key {
			say("picture %d: no key at the seam", i)
		}
	}
	var devices, lost uint64
	for _, s := range shots {
		if s.device {
			devices++
		}
	}
	if live.Frames+live.Slates != uint64(len(shots)) || live.Frames < devices {
		say("%d pictures, %d of the device, and the status says %d and %d", len(shots), devices, live.Frames, live.Slates)
	}
	for i, c := range changes {
		if i > 0 && changes[i-1].Signal == capture.SignalOK && c.Signal != capture.SignalOK {
			lost++
		}
		if i > 0 && c.Since < changes[i-1].Since {
			say("transition %d is older than the one before", i)
		}
	}
	if live.Losses != lost {
		say("%d losses in the status, %d among the transitions", live.Losses, lost)
	}
	return wrong
}
