package gpiokeys

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel"
)

// fake is a chip whose lines' file is a pipe.
type fake struct {
	refuse  error // a debounce
	busy    error
	bits    atomic.Uint64
	gone    error
	request uapi.LineRequest
	w       *os.File
	seqno   uint32
}

func (f *fake) names(*os.File) (map[string]uint32, error) {
	return map[string]uint32{"GPIO4": 4, "GPIO17": 17}, nil
}

func (f *fake) take(_ *os.File, r *uapi.LineRequest) error {
	for _, a := range r.Config.Attrs[:r.Config.NumAttrs] {
		if a.Attr.ID == uapi.LineAttributeIDDebounce && f.refuse != nil {
			return f.refuse
		}
	}
	f.request = *r
	return f.busy
}

func (f *fake) file(*uapi.LineRequest, string) (*os.File, error) {
	r, w, err := os.Pipe()
	f.w = w
	return r, err
}

func (f *fake) values(*os.File, int) (uapi.LineBitmap, error) {
	return uapi.LineBitmap(f.bits.Load()), f.gone
}

func (f *fake) edge(offset uint32, down bool) {
	f.seqno++
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	e := uapi.LineEvent{Timestamp: uint64(now.Nano()), ID: uapi.LineEventFallingEdge, Offset: offset, Seqno: f.seqno}
	if down {
		e.ID = uapi.LineEventRisingEdge
	}
	_, _ = f.w.Write(unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)))
}

func chip(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "gpiochip0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var two = []Line{{Line: "GPIO17", Key: panel.OK}, {Line: "5", Key: panel.Up, ActiveHigh: true}}

func TestRequest(t *testing.T) {
	f := &fake{}
	k, err := open(chip(t), two, f)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	r := f.request
	if r.Lines != 2 || r.Offsets[0] != 17 || r.Offsets[1] != 5 {
		t.Errorf("lines %v", r.Offsets[:r.Lines])
	}
	if fl := r.Config.Flags; !fl.IsActiveLow() || !fl.IsBiasPullUp() || !fl.IsBothEdges() || !fl.IsInput() {
		t.Errorf("flags %b", fl)
	}
	var high uapi.LineFlagV2
	high.Decode(r.Config.Attrs[0].Attr)
	if r.Config.Attrs[0].Mask != 2 || high.IsActiveLow() || !high.IsBiasPullDown() {
		t.Errorf("active high: %b of %b", high, r.Config.Attrs[0].Mask)
	}
	if a := r.Config.Attrs[1]; a.Attr.ID != uapi.LineAttributeIDDebounce || a.Attr.Value32() != 5000 || a.Mask != 3 || k.quiet != 0 {
		t.Errorf("debounce %+v, %v", a, k.quiet)
	}
}

func TestRefused(t *testing.T) {
	path := chip(t)
	for name, c := range map[string]struct {
		path  string
		lines []Line
		fake  *fake
		want  string
	}{
		"no chip":        {path + "x", two, &fake{}, "no such file"},
		"no lines":       {path, nil, &fake{}, "0 lines"},
		"no such name":   {path, []Line{{Line: "GPIO99"}}, &fake{}, `no line named "GPIO99"`},
		"taken":          {path, two, &fake{busy: unix.EBUSY}, "gpio-keys"},
		"taken, old too": {path, two, &fake{busy: unix.EBUSY, refuse: unix.EINVAL}, "gpio-keys"},
	} {
		if _, err := open(c.path, c.lines, c.fake); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("/dev/null", two); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("no GPIO chip: %v", err)
	}
}

// run collects events until done says that it has them.
func run(t *testing.T, f *fake, play func(), want string) {
	t.Helper()
	k, err := open(chip(t), two, f)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	played := make(chan struct{})
	go func() {
		defer close(played)
		time.Sleep(5 * time.Millisecond)
		play()
		time.Sleep(3 * Debounce)
		cancel()
	}()
	var got []string
	err = k.Run(ctx, func(e panel.Event) { got = append(got, map[bool]string{true: "+", false: "-"}[e.Down]+string(e.Key)) })
	<-played
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v, want %s (%v)", got, want, err)
	}
}

func TestEvents(t *testing.T) {
	t.Run("kernel debounces", func(t *testing.T) {
		f := &fake{}
		run(t, f, func() { f.edge(17, true); f.edge(5, true); f.edge(17, false); f.edge(99, true) }, "+ok +up -ok")
	})
	t.Run("held from before", func(t *testing.T) {
		f := &fake{}
		f.bits.Store(2)
		run(t, f, func() { f.edge(5, false) }, "+up -up")
	})
	t.Run("events lost", func(t *testing.T) {
		f := &fake{}
		run(t, f, func() { f.edge(17, true); f.seqno++; f.edge(5, true) }, "+ok +up -ok -up") // values says that none is down
	})
	t.Run("bounces, comes to rest down", func(t *testing.T) {
		f := &fake{refuse: unix.EINVAL}
		run(t, f, func() {
			f.bits.Store(1)
			for _, down := range []bool{true, false, true, false, true} {
				f.edge(17, down)
			}
		}, "+ok")
	})
	t.Run("bounces, comes to rest up", func(t *testing.T) {
		f := &fake{refuse: unix.EINVAL}
		run(t, f, func() { f.edge(17, true); f.edge(17, false) }, "+ok -ok")
	})
}

func TestGone(t *testing.T) {
	f := &fake{}
	k, err := open(chip(t), two, f)
	if err != nil {
		t.Fatal(err)
	}
	f.w.Close()
	if err := k.Run(t.Context(), nil); err == nil {
		t.Error("a chip that is gone is no error")
	}
	f.gone = unix.ENODEV
	if err := k.Run(t.Context(), nil); !errors.Is(err, unix.ENODEV) {
		t.Error(err)
	}
}
