package evdevkeys

import (
	"context"
	"errors"
	"os"
	"reflect"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
	"unsafe"

	"github.com/holoplot/go-evdev"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel"
)

// fake is a device of a pipe; held is what it says is down.
type fake struct {
	t    *testing.T
	down []Code
	err  error
	w    *os.File
}

func (f *fake) held() (keys keyBits, err error) {
	for _, c := range f.down {
		keys[c/8] |= 1 << (c % 8)
	}
	return keys, f.err
}

func open(t *testing.T, f *fake) *Keys {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f.t, f.w = t, w
	t.Cleanup(func() { r.Close(); w.Close() })
	return newKeys(r, f, Default())
}

func (f *fake) send(events ...evdev.InputEvent) {
	size := int(unsafe.Sizeof(evdev.InputEvent{})) * len(events)
	if _, err := f.w.Write(unsafe.Slice((*byte)(unsafe.Pointer(&events[0])), size)); err != nil {
		f.t.Error(err)
	}
}

func key(c Code, value int32) evdev.InputEvent {
	return evdev.InputEvent{Type: evdev.EV_KEY, Code: c, Value: value}
}

var (
	report  = evdev.InputEvent{Type: evdev.EV_SYN, Code: evdev.SYN_REPORT}
	dropped = evdev.InputEvent{Type: evdev.EV_SYN, Code: evdev.SYN_DROPPED}
)

func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		held, later []Code // later: once Run has begun
		events      []evdev.InputEvent
		want        []string
	}{
		"press":            {events: []evdev.InputEvent{key(evdev.KEY_UP, 1), report, key(evdev.KEY_UP, 0), report}, want: []string{"+up", "-up"}},
		"kernel repeats":   {events: []evdev.InputEvent{key(evdev.KEY_UP, 1), key(evdev.KEY_UP, 2), key(evdev.KEY_UP, 2), key(evdev.KEY_UP, 0)}, want: []string{"+up", "-up"}},
		"down twice":       {events: []evdev.InputEvent{key(evdev.KEY_UP, 1), key(evdev.KEY_UP, 1), key(evdev.KEY_UP, 0)}, want: []string{"+up", "-up"}},
		"unknown key":      {events: []evdev.InputEvent{key(evdev.KEY_A, 1), key(evdev.KEY_A, 0)}, want: nil},
		"mouse moves":      {events: []evdev.InputEvent{{Type: evdev.EV_REL, Code: evdev.REL_X, Value: 3}, report}, want: nil},
		"held from before": {held: []Code{evdev.KEY_ENTER}, later: []Code{evdev.KEY_ENTER}, events: []evdev.InputEvent{key(evdev.KEY_ENTER, 0)}, want: []string{"+ok", "-ok"}},
		"two codes of one key": {events: []evdev.InputEvent{key(evdev.KEY_OK, 1), key(evdev.KEY_ENTER, 1), key(evdev.KEY_OK, 0), key(evdev.KEY_ENTER, 0)},
			want: []string{"+ok", "-ok"}},
		"dropped, its up is lost": {events: []evdev.InputEvent{key(evdev.KEY_UP, 1), report, dropped, key(evdev.KEY_DOWN, 1), report, key(evdev.KEY_BACK, 1)},
			want: []string{"+up", "-up", "+back"}},
		"dropped, one is down": {later: []Code{evdev.KEY_BACK}, events: []evdev.InputEvent{dropped, key(evdev.KEY_DOWN, 1), key(evdev.KEY_DOWN, 0), report}, want: []string{"+back"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{down: c.held}
			k := open(t, f)
			var got []string
			end := key(evdev.KEY_RECORD, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				f.send(append(c.events, end)...)
			}()
			began := false
			k.device = stateFunc(func() (keyBits, error) {
				if began {
					f.down = c.later
				}
				began = true
				return f.held()
			})
			err := k.Run(ctx, func(e panel.Event) {
				if e.Key == panel.Record {
					cancel()
					return
				}
				got = append(got, map[bool]string{true: "+", false: "-"}[e.Down]+string(e.Key))
			})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, want %v (%v)", got, c.want, err)
			}
		})
	}
}

type stateFunc func() (keyBits, error)

func (f stateFunc) held() (keyBits, error) { return f() }

// The kernel's time of a press is what is told, not that of the reader's turn.
func TestTimeIsTheKernels(t *testing.T) {
	f := &fake{}
	k := open(t, f)
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	pressed := time.Now()
	time.Sleep(400 * time.Millisecond)
	e := key(evdev.KEY_UP, 1)
	e.Time = syscall.NsecToTimeval(now.Nano())
	f.send(e)
	ctx, cancel := context.WithCancel(t.Context())
	if err := k.Run(ctx, func(e panel.Event) {
		if d := e.At.Sub(pressed).Abs(); d > 150*time.Millisecond {
			t.Errorf("%v off", d)
		}
		cancel()
	}); err != nil {
		t.Error(err)
	}
}

func TestEnds(t *testing.T) {
	f := &fake{}
	k := open(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := k.Run(ctx, nil); err != nil {
		t.Errorf("woken: %v", err)
	}
	go func() {
		time.Sleep(10 * time.Millisecond)
		f.w.Close()
	}()
	if err := k.Run(t.Context(), nil); err == nil {
		t.Error("a device that is gone is no error")
	}
	f.err = syscall.ENODEV
	if err := k.Run(t.Context(), nil); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("%v", err)
	}
	if _, err := Open("/dev/null", Default()); !errors.Is(err, syscall.ENOTTY) {
		t.Errorf("no input device: %v", err)
	}
	if _, err := Open(t.TempDir()+"/event0", Default()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no device: %v", err)
	}
}

func TestFind(t *testing.T) {
	long := map[int]string{32: "10000000", 64: "1000000000000000"}[32<<(^uint(0)>>63)]
	root := fstest.MapFS{}
	add := func(event, name, phys, keys string) {
		dir := "sys/class/input/" + event + "/device/"
		for file, text := range map[string]string{"name": name, "phys": phys, "capabilities/key": keys} {
			root[dir+file] = &fstest.MapFile{Data: []byte(text + "\n")}
		}
	}
	add("event10", "button@17", "gpio-keys/input0", "10000000") // KEY_ENTER
	add("event2", "button@4", "gpio-keys/input0", long+" 0")    // KEY_0x.. of the second word
	add("event3", "A Keyboard", "usb-0000:01:00.0-1/input0", "10000002")
	root["sys/class/input/mouse0/device/name"] = &fstest.MapFile{Data: []byte("mouse")}
	for name, c := range map[string]struct {
		want  Want
		found []string
	}{
		"by place":          {Want{Phys: "gpio-keys/"}, []string{"event2", "event10"}},
		"by name":           {Want{Name: "A Keyboard"}, []string{"event3"}},
		"by keys":           {Want{Keys: []Code{evdev.KEY_ENTER}}, []string{"event3", "event10"}},
		"by a further word": {Want{Keys: []Code{Code(32<<(^uint(0)>>63)*2 - 4)}}, []string{"event2"}},
		"by both":           {Want{Phys: "gpio-keys/", Keys: []Code{evdev.KEY_ENTER}}, []string{"event10"}},
		"none such":         {Want{Name: "nobody"}, nil},
	} {
		var got []string
		found, err := Find(root, c.want)
		for _, f := range found {
			got = append(got, f.Event)
		}
		if err != nil || !reflect.DeepEqual(got, c.found) {
			t.Errorf("%s: %v, want %v (%v)", name, got, c.found, err)
		}
	}
	if found, err := Find(fstest.MapFS{}, Want{}); err != nil || found != nil {
		t.Errorf("nothing there: %v, %v", found, err)
	}
	add("event4", "odd", "", "zz")
	if _, err := Find(root, Want{}); err == nil {
		t.Error("capabilities that are no number")
	}
}
