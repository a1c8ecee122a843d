package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
)

// What a person sets shows at once, over a signal that is fine, and the signal comes
// back by itself afterwards.
func TestAPersonShowsTheSlate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(1280, 720, fps30), shoots(-1, nil))
		r := start(t, d, Config{Stream: "main"})
		time.Sleep(time.Second)
		r.frames.ShowSlate(true)
		r.frames.ShowSlate(true)
		time.Sleep(10 * time.Second) // a session must not be taken for stalled meanwhile
		synctest.Wait()
		live := r.frames.Live()
		if live.Signal != capture.SignalOK || !live.Slate || live.Losses != 0 || live.Slates < 290 || live.Frames > 40 {
			t.Errorf("while the slate is shown: %+v", live)
		}
		r.frames.ShowSlate(false)
		time.Sleep(time.Second)
		synctest.Wait()
		after := r.frames.Live()
		if after.Signal != capture.SignalOK || after.Slate || after.Frames < live.Frames+25 || after.Losses != 0 {
			t.Errorf("afterwards: %+v", after)
		}
		shots := r.stop()
		if n := len(d.attempts()); n != 1 {
			t.Errorf("the device was opened %d times", n)
		}
		if longest(shots) > 3*interval30 {
			t.Errorf("%v without a picture", longest(shots))
		}
		seams := 0
		for i, s := range shots {
			if i > 0 && s.device != shots[i-1].device {
				seams++
				if !s.key {
					t.Errorf("picture %d is the first of another origin, and no key picture", i)
				}
			}
		}
		if seams != 2 {
			t.Errorf("%d seams", seams)
		}
	})
}
