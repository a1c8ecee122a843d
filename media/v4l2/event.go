package v4l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EventType is a kind of event.
type EventType uint32

// The kinds of event.
const (
	EventEOS          EventType = 2 // the last buffer of a drain is finished; FlagLast says the same
	EventCtrl         EventType = 3 // a control changed
	EventSourceChange EventType = 5 // the input's timings changed, or the signal came or went
)

func (t EventType) String() string {
	switch t {
	case EventEOS:
		return "end of stream"
	case EventCtrl:
		return "control"
	case EventSourceChange:
		return "source change"
	}
	return fmt.Sprintf("EventType(%d)", uint32(t))
}

// SourceChangeResolution in Event.SourceChanges: size, rate or signal changed.
const SourceChangeResolution = 1

// Event is something a device tells unasked.
type Event struct {
	Type          EventType
	ID            uint32 // of the control or the input
	Pending       int    // how many events wait behind this one
	Sequence      uint32 // a gap tells of lost events
	SourceChanges uint32 // of EventSourceChange
	Control       int64  // of EventCtrl: the value now
	ControlFlags  ControlFlags
}

// Subscribe asks for events of a kind: of one control, or of one input, by id;
// 0 where there is none. An EventCtrl subscription reports the value at once.
func (n *node) Subscribe(t EventType, id uint32) error {
	k := v4l2EventSubscription{typ: uint32(t), id: id}
	if t == EventCtrl {
		const sendInitial = 1
		k.flags = sendInitial
	}
	return n.do(fmt.Sprintf("subscribe to %v events of %#x", t, id), vidiocSubscribeEvent, unsafe.Pointer(&k))
}

// Unsubscribe ends what Subscribe began.
func (n *node) Unsubscribe(t EventType, id uint32) error {
	k := v4l2EventSubscription{typ: uint32(t), id: id}
	return n.do(fmt.Sprintf("unsubscribe from %v events of %#x", t, id), vidiocUnsubscribeEvent, unsafe.Pointer(&k))
}

// DequeueEvent takes the oldest event. It does not wait: ErrAgain says that
// there is none.
func (n *node) DequeueEvent() (Event, error) {
	var k v4l2Event
	switch err := n.call(vidiocDQEvent, unsafe.Pointer(&k)); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT): // ENOENT: a blocking descriptor's word for it
		return Event{}, ErrAgain
	case err != nil:
		return Event{}, n.fail("dequeue event", err)
	}
	return k.event(), nil
}

func (k *v4l2Event) event() Event {
	e := Event{Type: EventType(k.typ), ID: k.id, Pending: int(k.pending), Sequence: k.sequence}
	switch e.Type {
	case EventSourceChange:
		e.SourceChanges = binary.NativeEndian.Uint32(k.u[:])
	case EventCtrl: // changes, type, value, flags, …
		if ControlType(binary.NativeEndian.Uint32(k.u[4:])) == ControlInteger64 {
			e.Control = int64(binary.NativeEndian.Uint64(k.u[8:]))
		} else {
			e.Control = int64(int32(binary.NativeEndian.Uint32(k.u[8:])))
		}
		e.ControlFlags = ControlFlags(binary.NativeEndian.Uint32(k.u[16:]))
	}
	return e
}

// EncoderCmd is a command to an encoder.
type EncoderCmd uint32

// The commands.
const (
	EncStart EncoderCmd = 0 // go on after a drain
	EncStop  EncoderCmd = 1 // drain: finish what is queued, mark the last buffer
)

// EncoderCommand starts a drain, or ends one.
func (d *Device) EncoderCommand(cmd EncoderCmd) error {
	k := v4l2EncoderCmd{cmd: uint32(cmd)}
	return d.do(fmt.Sprintf("encoder command %d", cmd), vidiocEncoderCmd, unsafe.Pointer(&k))
}
