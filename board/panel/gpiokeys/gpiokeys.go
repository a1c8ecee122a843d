// Package gpiokeys reads keys that hang on GPIO lines, by the kernel's character device. Where
// a device tree names them, gpio-keys and package evdevkeys are the better way.
//
// Of go-gpiocdev it uses the kernel's structures alone: its watcher spins where a chip is
// taken away, and panics on errors that it does not expect.
package gpiokeys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"github.com/warthog618/go-gpiocdev/uapi"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/internal/devfile"
)

// Keys are keys on lines of one chip, which nobody else has while they are open.
type Keys struct {
	file    *os.File
	sys     system
	name    string
	lines   []Line
	offsets []uint32
	quiet   time.Duration // to be debounced by Run; 0: the kernel does
	state   []state       // of each line
	seqno   uint32        // of the last event; 0: none yet
	events  [32]uapi.LineEvent
}

var _ panel.Keys = (*Keys)(nil)

// state is a line's. A contact that bounces is believed at once, then not listened to until
// it may have come to rest, when it is looked at again.
type state struct {
	down bool
	look time.Time // when it is looked at again; zero: it is at rest
}

// Run delivers events: first of the keys that are down already, then as they come, by the
// kernel's time.
func (k *Keys) Run(ctx context.Context, deliver func(panel.Event)) error {
	release, err := devfile.WakeAtEnd(ctx, k.file)
	if err != nil {
		return fmt.Errorf("gpio: %s: %w", k.name, err)
	}
	defer release()
	clear(k.state)
	k.seqno = 0
	if err := k.resync(time.Now(), deliver); err != nil {
		return err
	}
	for {
		if err := k.file.SetReadDeadline(k.next(time.Now())); err != nil {
			return fmt.Errorf("gpio: %s: %w", k.name, err)
		}
		if ctx.Err() != nil { // after the deadline, which would hide a wake-up
			return nil
		}
		n, err := k.read()
		switch {
		case err == nil:
			err = k.take(k.events[:n], deliver)
		case ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = k.resync(time.Now(), deliver)
		}
		if err != nil {
			return fmt.Errorf("gpio: read %s: %w", k.name, err)
		}
	}
}

// present is how often a chip is asked that says nothing: kernels as old as 6.1 wake nobody who
// waits for an event when the chip goes.
const present = 3 * time.Second

// next is when lines are looked at again.
func (k *Keys) next(now time.Time) time.Time {
	at := now.Add(present)
	for _, s := range k.state {
		if !s.look.IsZero() && s.look.Before(at) {
			at = s.look
		}
	}
	return at
}

func (k *Keys) read() (int, error) {
	buffer := unsafe.Slice((*byte)(unsafe.Pointer(&k.events)), unsafe.Sizeof(k.events))
	n, err := k.file.Read(buffer)
	return n / int(unsafe.Sizeof(k.events[0])), err
}

// take handles events; where numbers are missing, the lines are read.
func (k *Keys) take(events []uapi.LineEvent, deliver func(panel.Event)) error {
	lost := false
	for i := range events {
		e := &events[i]
		lost = lost || k.seqno != 0 && e.Seqno != k.seqno+1
		k.seqno = e.Seqno
		if line := slices.Index(k.offsets, e.Offset); line >= 0 {
			k.set(line, e.ID == uapi.LineEventRisingEdge, devfile.At(time.Duration(e.Timestamp)), deliver)
		}
	}
	if lost {
		return k.resync(time.Now(), deliver)
	}
	return nil
}

// resync looks at all lines that are not bouncing.
func (k *Keys) resync(now time.Time, deliver func(panel.Event)) error {
	values, err := k.sys.values(k.file, len(k.lines))
	if err != nil {
		return fmt.Errorf("look at the lines: %w", err)
	}
	for i := range k.lines {
		k.set(i, values.Get(i) == 1, now, deliver)
	}
	return nil
}

// set delivers a change of a line, unless it may be a bounce.
func (k *Keys) set(line int, down bool, at time.Time, deliver func(panel.Event)) {
	s := &k.state[line]
	if at.Before(s.look) {
		return
	}
	s.look = time.Time{}
	if s.down == down {
		return
	}
	s.down = down
	if k.quiet > 0 {
		s.look = at.Add(k.quiet)
	}
	deliver(panel.Event{Key: k.lines[line].Key, Down: down, At: at})
}

// Close gives the lines free.
func (k *Keys) Close() error { return k.file.Close() }
