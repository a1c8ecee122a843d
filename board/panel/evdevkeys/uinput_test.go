//go:build box

package evdevkeys

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/holoplot/go-evdev"

	"github.com/encoderbox/encoderbox/board/panel"
)

// A device of the kernel's own. lab/hardware/panel runs this in the virtual box.
func TestBoxUinput(t *testing.T) {
	made, err := evdev.CreateDevice("encoderbox test", evdev.InputID{BusType: 6},
		map[evdev.EvType][]evdev.EvCode{evdev.EV_KEY: {evdev.KEY_ENTER, evdev.KEY_UP}})
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	time.Sleep(200 * time.Millisecond)
	found, err := Find(os.DirFS("/"), Want{Name: "encoderbox test"})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	k, err := Open("/dev/input/"+found[0].Event, Default())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	go func() {
		time.Sleep(50 * time.Millisecond)
		for _, e := range []evdev.InputEvent{key(evdev.KEY_ENTER, 1), report, key(evdev.KEY_ENTER, 0), report} {
			_ = made.WriteOne(&e)
		}
	}()
	var got []panel.Event
	err = k.Run(ctx, func(e panel.Event) {
		if got = append(got, e); len(got) == 2 {
			cancel()
		}
	})
	if err != nil || len(got) != 2 || !got[0].Down || got[0].Key != panel.OK || time.Since(got[0].At) > time.Second {
		t.Errorf("%v, %v", got, err)
	}
}
