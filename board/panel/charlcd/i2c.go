package charlcd

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// OpenI2C sets up a display behind a PCF8574 (addresses 0x20 to 0x27) or PCF8574A (0x38 to
// 0x3f), wired as the usual backpacks are. The bus is closed with the display, or when there
// is none.
func OpenI2C(bus i2c.BusCloser, address uint16, columns, rows int) (*Display, error) {
	return open(&backpack{bus: bus, address: address, columns: columns}, columns, rows)
}

// The expander's pins.
const (
	pinData  = 0x01 // register select: data, not a command
	pinPulse = 0x04 // enable: the display takes the upper four pins when it falls
	pinLight = 0x08
)

// Commands.
const (
	cmdClear    = 0x01
	cmdEntry    = 0x06 // the cursor goes right, the display stays
	cmdOff      = 0x08
	cmdOn       = 0x0c // without a cursor
	cmdTwoLines = 0x28 // by four pins; displays of four lines too
	cmdGlyphs   = 0x40
	cmdCursor   = 0x80
)

type backpack struct {
	bus     i2c.BusCloser
	address uint16
	columns int
	dark    bool
	buffer  []byte
}

func (b *backpack) String() string { return fmt.Sprintf("%s@0x%x", b.bus, b.address) }

// start follows the data sheet's "initializing by instruction", which works from every state,
// also from between two halves of a byte.
func (b *backpack) start() error {
	b.dark = false
	for _, wait := range []time.Duration{4500 * time.Microsecond, 200 * time.Microsecond, 200 * time.Microsecond} {
		if err := b.send(half(0x30)); err != nil {
			return err
		}
		time.Sleep(wait)
	}
	setUp := half(0x20)
	for _, c := range []byte{cmdTwoLines, cmdOff, cmdClear} {
		setUp = whole(setUp, c, 0)
	}
	if err := b.send(setUp); err != nil {
		return err
	}
	time.Sleep(2 * time.Millisecond) // clearing takes 1.5 ms, anything else less than a byte on the bus
	for i, g := range glyphs {
		w := whole(nil, cmdGlyphs|byte(i*8), 0)
		for _, row := range g.rows {
			w = whole(w, row, pinData)
		}
		if err := b.send(w); err != nil {
			return err
		}
	}
	return b.send(whole(whole(nil, cmdEntry, 0), cmdOn, 0))
}

func (b *backpack) write(column, row int, codes []byte) error {
	// The second line's memory begins at 0x40; the third and fourth go on where those end.
	place := byte(column + row%2*0x40 + row/2*b.columns)
	w := whole(nil, cmdCursor|place, 0)
	for _, c := range codes {
		w = whole(w, c, pinData)
	}
	return b.send(w)
}

func (b *backpack) stop() error {
	if err := b.send(whole(nil, cmdOff, 0)); err != nil {
		return err
	}
	return b.light(false)
}

func (b *backpack) light(on bool) error {
	b.dark = !on
	return b.send([]byte{pinLight})
}

func (b *backpack) Close() error { return b.bus.Close() }

func (b *backpack) send(w []byte) error {
	b.buffer = append(b.buffer[:0], w...)
	for i := range b.buffer {
		if b.dark {
			b.buffer[i] &^= pinLight
		}
	}
	return b.bus.Tx(b.address, b.buffer, nil)
}

// whole appends what sends a byte: its halves, and first the pins at rest, so that the
// display has 37 µs to work on the byte before even at 400 kHz.
func whole(w []byte, c, pins byte) []byte {
	w = append(w, c&0xf0|pins|pinLight)
	for _, h := range []byte{c & 0xf0, c << 4} {
		w = append(w, h|pins|pinLight|pinPulse, h|pins|pinLight)
	}
	return w
}

// half sends the upper half of a command alone.
func half(c byte) []byte { return []byte{c | pinLight, c | pinLight | pinPulse, c | pinLight} }
