package v4l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNoControl says that the driver does not have the control.
var ErrNoControl = errors.New("no such control")

// ControlType is the type of a control's value.
type ControlType uint32

// The types of control; any other is compound and cannot be got or set here.
const (
	ControlInteger     ControlType = 1
	ControlBoolean     ControlType = 2
	ControlMenu        ControlType = 3
	ControlButton      ControlType = 4
	ControlInteger64   ControlType = 5
	ControlClass       ControlType = 6
	ControlString      ControlType = 7
	ControlBitmask     ControlType = 8
	ControlIntegerMenu ControlType = 9
)

// ControlFlags say how a control behaves, some of it only at the moment.
type ControlFlags uint32

// The control flags.
const (
	ControlDisabled   ControlFlags = 0x0001
	ControlGrabbed    ControlFlags = 0x0002 // not now: it cannot change while streaming
	ControlReadOnly   ControlFlags = 0x0004
	ControlInactive   ControlFlags = 0x0010 // no effect in the present mode
	ControlWriteOnly  ControlFlags = 0x0040
	ControlVolatile   ControlFlags = 0x0080 // the hardware changes it
	controlHasPayload ControlFlags = 0x0100
)

// Has says whether all of want are set.
func (f ControlFlags) Has(want ControlFlags) bool { return f&want == want }

// Control describes a control.
type Control struct {
	ID                      ControlID
	Name                    string
	Type                    ControlType
	Min, Max, Step, Default int64
	Flags                   ControlFlags
	Menu                    []MenuItem // of a menu: the choices there are, which may leave gaps
}

// MenuItem is a choice: Set takes its Index.
type MenuItem struct {
	Index int
	Name  string // of a menu
	Value int64  // of an integer menu
}

// Controls lists all controls that have one scalar value, menus filled in.
func (n *node) Controls() ([]Control, error) {
	const op, next = "list controls", 0x80000000
	var list []Control
	last := uint32(0)
	for {
		k := v4l2QueryExtCtrl{id: last | next}
		switch err := n.call(vidiocQueryExtCtrl, unsafe.Pointer(&k)); {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTTY):
			return list, nil
		case err != nil:
			return nil, n.fail(op, err)
		case k.id <= last:
			return nil, n.fail(op, fmt.Errorf("the driver goes from %#x to %#x", last, k.id))
		}
		last = k.id
		if !k.scalar() {
			continue
		}
		c, err := n.describe(&k)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
}

// Control describes one control; errors.Is(err, ErrNoControl) where the driver
// has none such.
func (n *node) Control(id ControlID) (Control, error) {
	k := v4l2QueryExtCtrl{id: uint32(id)}
	if err := n.call(vidiocQueryExtCtrl, unsafe.Pointer(&k)); err != nil {
		return Control{}, n.controlError("query", id, err)
	}
	if !k.scalar() || ControlFlags(k.flags).Has(ControlDisabled) {
		return Control{}, n.controlError("query", id, unix.EINVAL)
	}
	return n.describe(&k)
}

// scalar: neither a heading, nor compound, nor a string, nor an array.
func (k *v4l2QueryExtCtrl) scalar() bool {
	return ControlType(k.typ) <= ControlIntegerMenu && ControlType(k.typ) != ControlClass &&
		k.flags&uint32(controlHasPayload) == 0
}

func (n *node) describe(k *v4l2QueryExtCtrl) (Control, error) {
	c := Control{
		ID: ControlID(k.id), Name: cString(k.name[:]), Type: ControlType(k.typ),
		Min: k.minimum, Max: k.maximum, Step: int64(k.step), Default: k.defaultValue, Flags: ControlFlags(k.flags),
	}
	if c.Type != ControlMenu && c.Type != ControlIntegerMenu {
		return c, nil
	}
	const most = 1024
	for i := max(0, c.Min); i <= min(c.Max, most); i++ {
		m := v4l2QueryMenu{id: k.id, index: uint32(i)}
		switch err := n.call(vidiocQueryMenu, unsafe.Pointer(&m)); {
		case errors.Is(err, unix.EINVAL): // a gap
			continue
		case err != nil:
			return Control{}, n.fail(fmt.Sprintf("list choices of %v", c.ID), err)
		}
		item := MenuItem{Index: int(i)}
		if c.Type == ControlMenu {
			item.Name = cString(m.name[:])
		} else {
			item.Value = int64(binary.NativeEndian.Uint64(m.name[:]))
		}
		c.Menu = append(c.Menu, item)
	}
	return c, nil
}

// Get is the value of a control.
func (n *node) Get(id ControlID) (int64, error) {
	c := v4l2ExtControl{id: uint32(id)}
	k := v4l2ExtControls{which: id.class(), count: 1, controls: &c}
	wide, err := n.isWide(id)
	if err == nil {
		err = n.call(vidiocGExtCtrls, unsafe.Pointer(&k))
	}
	if err != nil {
		return 0, n.controlError("get", id, err)
	}
	if wide {
		return int64(uint64(c.value[1])<<32 | uint64(c.value[0])), nil
	}
	return int64(int32(c.value[0])), nil
}

// Set sets a control; a button takes any value. That it succeeded says nothing
// about what the hardware made of it.
func (n *node) Set(id ControlID, v int64) error {
	wide, err := n.isWide(id)
	if err == nil && !wide && v != int64(int32(v)) && v != int64(uint32(v)) {
		err = unix.ERANGE
	}
	if err == nil {
		c := v4l2ExtControl{id: uint32(id), value: [2]uint32{uint32(v), uint32(v >> 32)}}
		k := v4l2ExtControls{which: id.class(), count: 1, controls: &c}
		err = n.call(vidiocSExtCtrls, unsafe.Pointer(&k))
	}
	if err != nil {
		return n.controlError(fmt.Sprintf("set %d to", v), id, err)
	}
	return nil
}

// isWide says whether a value has 64 bits; the kernel itself does not tell when
// a value is got.
func (n *node) isWide(id ControlID) (bool, error) {
	k := v4l2QueryExtCtrl{id: uint32(id)}
	if err := n.call(vidiocQueryExtCtrl, unsafe.Pointer(&k)); err != nil {
		return false, err
	}
	if !k.scalar() {
		return false, unix.EINVAL
	}
	return ControlType(k.typ) == ControlInteger64, nil
}

func (n *node) controlError(op string, id ControlID, err error) error {
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) && !n.hasControl(id) {
		err = fmt.Errorf("%w: %w", ErrNoControl, err)
	}
	return n.fail(fmt.Sprintf("%s control %v", op, id), err)
}

// hasControl tells a control that is not there from a value that is refused:
// both are EINVAL.
func (n *node) hasControl(id ControlID) bool {
	k := v4l2QueryExtCtrl{id: uint32(id)}
	return n.call(vidiocQueryExtCtrl, unsafe.Pointer(&k)) == nil && k.scalar() && !ControlFlags(k.flags).Has(ControlDisabled)
}
