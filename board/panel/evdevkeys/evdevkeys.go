// Package evdevkeys reads the keys of a panel that the kernel knows as an input device:
// gpio-keys, a keypad, a remote control.
package evdevkeys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/holoplot/go-evdev"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/internal/devfile"
)

// Code is the kernel's number of a key.
type Code = evdev.EvCode

// Map says what keys are for. Several codes may be one key.
type Map map[Code]panel.Key

// Default is the map of keys that say by their names what they are for.
func Default() Map {
	return Map{
		evdev.KEY_UP: panel.Up, evdev.KEY_DOWN: panel.Down, evdev.KEY_LEFT: panel.Left, evdev.KEY_RIGHT: panel.Right,
		evdev.KEY_ENTER: panel.OK, evdev.KEY_KPENTER: panel.OK, evdev.KEY_OK: panel.OK, evdev.KEY_SELECT: panel.OK,
		evdev.KEY_BACK: panel.Back, evdev.KEY_ESC: panel.Back, evdev.KEY_EXIT: panel.Back,
		evdev.KEY_PLAY: panel.Stream, evdev.KEY_PLAYPAUSE: panel.Stream, evdev.KEY_PLAYCD: panel.Stream,
		evdev.KEY_RECORD: panel.Record,
	}
}

// Named is the code of a key by the kernel's name of it: "KEY_ENTER".
func Named(name string) (Code, bool) {
	code, ok := evdev.KEYFromString[name]
	return code, ok
}

// Keys are the keys of one input device, which nobody else sees while they are open.
type Keys struct {
	file   *os.File
	device controls
	keys   Map
	down   map[Code]bool
	events [64]evdev.InputEvent
}

var _ panel.Keys = (*Keys)(nil)

// controls are the device's ioctls.
type controls interface {
	// held are the keys that are down. Events of keys that wait to be read are dropped.
	held() (keyBits, error)
}

// Open opens the input device at path (/dev/input/event0), for the keys of keys. It is
// grabbed: else OK would be Enter for a login on the box's screen, too.
func Open(path string, keys Map) (*Keys, error) {
	file, err := devfile.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("evdev: open: %w", err)
	}
	device := ioctls{file}
	if err := device.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("evdev: %s: %w", path, err), file.Close())
	}
	return newKeys(file, device, keys), nil
}

func newKeys(file *os.File, device controls, keys Map) *Keys {
	return &Keys{file: file, device: device, keys: keys, down: map[Code]bool{}}
}

// Run delivers events: first of the keys that are down already, then as they come, by the
// kernel's time. The kernel's repeats are left out.
func (k *Keys) Run(ctx context.Context, deliver func(panel.Event)) error {
	release, err := devfile.WakeAtEnd(ctx, k.file)
	if err != nil {
		return fmt.Errorf("evdev: %s: %w", k.file.Name(), err)
	}
	defer release()
	clear(k.down)
	if err := k.resync(deliver); err != nil {
		return err
	}
	for dropped := false; ctx.Err() == nil; {
		n, err := k.read()
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return fmt.Errorf("evdev: read %s: %w", k.file.Name(), err)
		}
		for i := range k.events[:n] {
			if dropped, err = k.take(&k.events[i], dropped, deliver); err != nil {
				return err
			}
		}
	}
	return nil
}

// read returns how many events it has read.
func (k *Keys) read() (int, error) {
	const size = unsafe.Sizeof(evdev.InputEvent{})
	buffer := unsafe.Slice((*byte)(unsafe.Pointer(&k.events)), unsafe.Sizeof(k.events))
	n, err := k.file.Read(buffer)
	return n / int(size), err
}

// take handles one event; dropped says that events were lost and that what comes up to the
// next report is torn.
func (k *Keys) take(e *evdev.InputEvent, dropped bool, deliver func(panel.Event)) (bool, error) {
	switch {
	case e.Type == evdev.EV_SYN && e.Code == evdev.SYN_DROPPED:
		return true, nil
	case e.Type == evdev.EV_SYN && e.Code == evdev.SYN_REPORT && dropped:
		return false, k.resync(deliver)
	case e.Type == evdev.EV_KEY && !dropped && e.Value != 2: // 2: the kernel repeats it
		k.set(e.Code, e.Value != 0, devfile.At(time.Duration(e.Time.Nano())), deliver)
	}
	return dropped, nil
}

// resync delivers what the device's state and what was delivered differ in.
func (k *Keys) resync(deliver func(panel.Event)) error {
	held, err := k.device.held()
	if err != nil {
		return fmt.Errorf("evdev: read the keys' state of %s: %w", k.file.Name(), err)
	}
	now := time.Now()
	for code := range k.keys {
		k.set(code, held.has(code), now, deliver)
	}
	return nil
}

// set delivers a change of the key that the code is one of: down with the first of its codes,
// up with the last.
func (k *Keys) set(code Code, down bool, at time.Time, deliver func(panel.Event)) {
	key, mine := k.keys[code]
	if !mine || k.down[code] == down {
		return
	}
	before := k.isDown(key)
	k.down[code] = down
	if after := k.isDown(key); after != before {
		deliver(panel.Event{Key: key, Down: after, At: at})
	}
}

func (k *Keys) isDown(key panel.Key) bool {
	for code, down := range k.down {
		if down && k.keys[code] == key {
			return true
		}
	}
	return false
}

// Close gives the device free.
func (k *Keys) Close() error { return k.file.Close() }

// keyBits has a bit a key.
type keyBits [evdev.KEY_CNT/8 + 1]byte

func (b *keyBits) has(c Code) bool { return int(c/8) < len(b) && b[c/8]>>(c%8)&1 != 0 }

// ioctls are those that go-evdev does not offer for a descriptor of one's own.
type ioctls struct{ file *os.File }

// prepare sets the clock of the events and grabs the device.
func (d ioctls) prepare() error {
	clock := int32(unix.CLOCK_MONOTONIC)
	if err := d.call(request(write, 0xa0, unsafe.Sizeof(clock)), unsafe.Pointer(&clock)); err != nil { // EVIOCSCLOCKID
		return fmt.Errorf("set the clock (is it an input device?): %w", err)
	}
	if err := d.grab(); err != nil {
		return fmt.Errorf("grab it (another program has it?): %w", err)
	}
	return nil
}

func (d ioctls) held() (keys keyBits, err error) {
	err = d.call(request(read, 0x18, unsafe.Sizeof(keys)), unsafe.Pointer(&keys)) // EVIOCGKEY
	return keys, err
}

func (d ioctls) grab() error {
	return devfile.Ioctl(d.file, func(fd uintptr) error {
		return unix.IoctlSetInt(int(fd), uint(request(write, 0x90, unsafe.Sizeof(int32(0)))), 1) // EVIOCGRAB
	})
}

func (d ioctls) call(number uintptr, argument unsafe.Pointer) error {
	return devfile.Ioctl(d.file, func(fd uintptr) error {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, number, uintptr(argument)); errno != 0 {
			return errno
		}
		return nil
	})
}

const (
	write = 1
	read  = 2
)

// request is the number of an ioctl of input devices.
func request(direction, number, size uintptr) uintptr {
	return direction<<30 | size<<16 | 'E'<<8 | number
}
