package v4l2

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeControls is a driver with controls, in rising order.
type fakeControls struct {
	list   []v4l2QueryExtCtrl
	menu   map[uint32]string // of index
	ints   map[uint32]int64
	values map[uint32]int64
	refuse unix.Errno // of S_EXT_CTRLS
}

func (f *fakeControls) handle(req uintptr, arg unsafe.Pointer) error {
	switch req {
	case vidiocQueryExtCtrl:
		k := (*v4l2QueryExtCtrl)(arg)
		next, id := k.id&0x80000000 != 0, k.id&^0x80000000
		for _, c := range f.list {
			if next && c.id > id || !next && c.id == id {
				*k = c
				return nil
			}
		}
		return unix.EINVAL
	case vidiocQueryMenu:
		k := (*v4l2QueryMenu)(arg)
		if v, ok := f.ints[k.index]; ok {
			binary.NativeEndian.PutUint64(k.name[:], uint64(v))
			return nil
		}
		if name, ok := f.menu[k.index]; ok {
			copy(k.name[:], name)
			return nil
		}
		return unix.EINVAL
	case vidiocGExtCtrls, vidiocSExtCtrls:
		k := (*v4l2ExtControls)(arg)
		c := k.controls
		if k.count != 1 || k.which != c.id&0x0fff0000 {
			return unix.EFAULT
		}
		if req == vidiocGExtCtrls {
			v := f.values[c.id]
			c.value = [2]uint32{uint32(v), uint32(v >> 32)}
			return nil
		}
		if f.refuse != 0 {
			return f.refuse
		}
		f.values[c.id] = int64(c.value[0]) | int64(c.value[1])<<32
		return nil
	}
	return unix.ENOTTY
}

func described(id ControlID, typ ControlType, name string, low, high int64, flags ControlFlags) v4l2QueryExtCtrl {
	k := v4l2QueryExtCtrl{id: uint32(id), typ: uint32(typ), minimum: low, maximum: high, step: 1, defaultValue: low, flags: uint32(flags)}
	copy(k.name[:], name)
	return k
}

func encoderControls() *fakeControls {
	return &fakeControls{
		list: []v4l2QueryExtCtrl{
			described(0x00990001, ControlClass, "Codec Controls", 0, 0, ControlReadOnly|ControlWriteOnly),
			described(CtrlGOPSize, ControlInteger, "Video GOP Size", 1, 600, 0),
			described(CtrlBitrateMode, ControlMenu, "Video Bitrate Mode", 0, 2, 0),
			described(CtrlBitrate, ControlInteger, "Video Bitrate", 25000, 25000000, 0),
			described(CtrlForceKeyFrame, ControlButton, "Force Key Frame", 0, 0, ControlWriteOnly),
			described(CtrlH264IFrameQP, ControlInteger64, "wide", -5, 1<<40, 0),
			described(CtrlH264Level, ControlIntegerMenu, "level", 0, 1, 0),
			described(CtrlFrameSkipMode, ControlString, "a text", 0, 0, controlHasPayload),
		},
		menu:   map[uint32]string{0: "Variable Bitrate", 2: "Constant Quality"},
		values: map[uint32]int64{uint32(CtrlBitrate): 1000000, uint32(CtrlH264IFrameQP): 1 << 33, uint32(CtrlGOPSize): 0xfffffffe},
	}
}

func TestControls(t *testing.T) {
	f := encoderControls()
	d := fakeDevice(t, f.handle)
	list, err := d.Controls()
	if err != nil || len(list) != 6 {
		t.Fatalf("%d controls, %v: headings and texts are none", len(list), err)
	}
	mode := list[1]
	want := []MenuItem{{Index: 0, Name: "Variable Bitrate"}, {Index: 2, Name: "Constant Quality"}}
	if mode.ID != CtrlBitrateMode || mode.Name != "Video Bitrate Mode" || !reflect.DeepEqual(mode.Menu, want) {
		t.Errorf("%+v, want the menu %v, which has a gap", mode, want)
	}
	f.ints = map[uint32]int64{0: 10, 1: 1 << 33}
	level, err := d.Control(CtrlH264Level)
	if want := []MenuItem{{Index: 0, Value: 10}, {Index: 1, Value: 1 << 33}}; err != nil || !reflect.DeepEqual(level.Menu, want) {
		t.Errorf("%+v, %v, want the menu %v", level, err, want)
	}
	c, err := d.Control(CtrlBitrate)
	if err != nil || c.Min != 25000 || c.Max != 25000000 || c.Step != 1 || c.Menu != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestControlsOfADriverThatGoesInCircles(t *testing.T) {
	d := fakeDevice(t, func(_ uintptr, arg unsafe.Pointer) error {
		(*v4l2QueryExtCtrl)(arg).id = 0x00990900
		return nil
	})
	if list, err := d.Controls(); err == nil {
		t.Errorf("%d controls, no error", len(list))
	}
}

func TestGetAndSet(t *testing.T) {
	f := encoderControls()
	d := fakeDevice(t, f.handle)
	for id, want := range map[ControlID]int64{CtrlBitrate: 1000000, CtrlH264IFrameQP: 1 << 33, CtrlGOPSize: -2} {
		if v, err := d.Get(id); err != nil || v != want {
			t.Errorf("%v is %d, %v, want %d", id, v, err, want)
		}
	}
	if err := errors.Join(d.Set(CtrlBitrate, 2000000), d.Set(CtrlH264IFrameQP, -1), d.Set(CtrlForceKeyFrame, 1)); err != nil {
		t.Fatal(err)
	}
	if f.values[uint32(CtrlBitrate)] != 2000000 || f.values[uint32(CtrlH264IFrameQP)] != -1 {
		t.Errorf("the driver got %v", f.values)
	}
	if err := d.Set(CtrlBitrate, 1<<40); !errors.Is(err, unix.ERANGE) {
		t.Errorf("%v of a value that does not fit", err)
	}
}

func TestControlErrors(t *testing.T) {
	f := encoderControls()
	d := fakeDevice(t, f.handle)
	_, err := d.Get(CtrlVBVSize)
	_, err2 := d.Control(CtrlVBVSize)
	for _, err := range []error{err, err2, d.Set(CtrlVBVSize, 1), d.Set(CtrlFrameSkipMode, 1)} {
		if !errors.Is(err, ErrNoControl) {
			t.Errorf("%v of a control that is not there", err)
		}
	}
	if !strings.Contains(err.Error(), "get control VBV_SIZE on /dev/video9") {
		t.Errorf("error %v does not say what and where", err)
	}
	f.refuse = unix.EBUSY
	if err := d.Set(CtrlGOPSize, 2); !errors.Is(err, unix.EBUSY) || errors.Is(err, ErrNoControl) {
		t.Errorf("%v of a control that cannot change now", err)
	}
	f.refuse = unix.EINVAL
	if err := d.Set(CtrlGOPSize, 2); !errors.Is(err, unix.EINVAL) || errors.Is(err, ErrNoControl) {
		t.Errorf("%v of a control that refuses the value", err)
	}
}

func TestH264Level(t *testing.T) {
	for idc, want := range map[int]int64{10: 0, 9: 1, 11: 2, 30: 8, 31: 9, 40: 11, 42: 13, 51: 15, 62: 19} {
		if v, ok := H264LevelValue(idc); !ok || v != want {
			t.Errorf("level %d is %d (%v), want %d", idc, v, ok, want)
		}
		if got, ok := H264LevelIDC(want); !ok || got != idc {
			t.Errorf("%d is level %d (%v), want %d", want, got, ok, idc)
		}
	}
	if v, ok := H264LevelValue(45); ok {
		t.Errorf("level 45 is %d", v)
	}
	if v, ok := H264LevelIDC(20); ok {
		t.Errorf("20 is level %d", v)
	}
}

func TestEvents(t *testing.T) {
	var k v4l2Event
	d := fakeDevice(t, func(_ uintptr, arg unsafe.Pointer) error {
		if k.typ == 0 {
			return unix.ENOENT
		}
		*(*v4l2Event)(arg) = k
		return nil
	})
	put := binary.NativeEndian.PutUint32
	k = v4l2Event{typ: 5, id: 1, pending: 2, sequence: 3}
	put(k.u[:], 1)
	if e, err := d.DequeueEvent(); err != nil || e != (Event{Type: EventSourceChange, ID: 1, Pending: 2, Sequence: 3, SourceChanges: SourceChangeResolution}) {
		t.Errorf("%+v, %v", e, err)
	}
	k = v4l2Event{typ: 3, id: uint32(CtrlRXPowerPresent)}
	put(k.u[4:], uint32(ControlInteger))
	put(k.u[8:], 0xffffffff)
	put(k.u[16:], uint32(ControlReadOnly))
	if e, err := d.DequeueEvent(); err != nil || e.Control != -1 || !e.ControlFlags.Has(ControlReadOnly) {
		t.Errorf("%+v, %v", e, err)
	}
	put(k.u[4:], uint32(ControlInteger64))
	put(k.u[12:], 1)
	if e, err := d.DequeueEvent(); err != nil || e.Control != 1<<32|0xffffffff {
		t.Errorf("%+v, %v", e, err)
	}
	k = v4l2Event{}
	if _, err := d.DequeueEvent(); err != ErrAgain {
		t.Errorf("%v when there is none", err)
	}
}

func TestCStringOfADriver(t *testing.T) {
	for in, want := range map[string]string{
		"vivid\x00rest":          "vivid",
		"no NUL at all":          "no NUL at all",
		"a\x1b[2J\nb\x00":        "a?[2J?b",
		"bad \xff\xfe UTF-8\x00": "bad ? UTF-8",
		"Kamera für Tests\x00":   "Kamera für Tests",
		"":                       "",
	} {
		if got := cString([]byte(in)); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
