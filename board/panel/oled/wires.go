package oled

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// OpenI2C sets up a display at an address of a bus (0x3c or 0x3d). The bus is closed with the
// display, or when there is none.
func OpenI2C(bus i2c.BusCloser, address uint16, o Options) (*Display, error) {
	return open(&i2cWire{bus: bus, address: address}, o)
}

type i2cWire struct {
	bus     i2c.BusCloser
	address uint16
	buffer  []byte
}

func (w *i2cWire) String() string         { return fmt.Sprintf("%s@0x%x", w.bus, w.address) }
func (w *i2cWire) reset() error           { return nil }
func (w *i2cWire) Close() error           { return w.bus.Close() }
func (w *i2cWire) command(c []byte) error { return w.send(0x00, c) }
func (w *i2cWire) data(d []byte) error    { return w.send(0x40, d) }

func (w *i2cWire) send(kind byte, b []byte) error {
	w.buffer = append(append(w.buffer[:0], kind), b...)
	return w.bus.Tx(w.address, w.buffer, nil)
}

// Pin is an output; gpiocdev.Line is one.
type Pin interface {
	SetValue(value int) error
	Close() error
}

// Pins are a display's lines besides SPI's own.
type Pins struct {
	DC    Pin // data or command; needed
	Reset Pin // nil: the display resets itself
}

// speed is what both controllers take.
const speed = 4 * physic.MegaHertz

// OpenSPI sets up a display on a port, four wires. Port and pins are closed with the display,
// or when there is none.
func OpenSPI(port spi.PortCloser, pins Pins, o Options) (*Display, error) {
	w := &spiWire{port: port, pins: pins}
	var err error
	if pins.DC == nil {
		err = errors.New("the line for data or command (DC) is not given: three wires are not supported")
	} else {
		w.conn, err = port.Connect(speed, spi.Mode0, 8)
	}
	if err != nil {
		_ = w.Close() // the error that counts is the first
		return nil, fmt.Errorf("oled: %s: %w", port, err)
	}
	return open(w, o)
}

type spiWire struct {
	port spi.PortCloser
	conn spi.Conn
	pins Pins
}

func (w *spiWire) String() string         { return w.port.String() }
func (w *spiWire) command(c []byte) error { return w.send(0, c) }
func (w *spiWire) data(d []byte) error    { return w.send(1, d) }

func (w *spiWire) send(dc int, b []byte) error {
	if err := w.pins.DC.SetValue(dc); err != nil {
		return fmt.Errorf("set DC: %w", err)
	}
	return w.conn.Tx(b, nil)
}

// reset pulses the line; the data sheets ask for 3 and 10 µs.
func (w *spiWire) reset() error {
	if w.pins.Reset == nil {
		return nil
	}
	for _, value := range []int{0, 1} {
		if err := w.pins.Reset.SetValue(value); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
		time.Sleep(100 * time.Microsecond)
	}
	return nil
}

func (w *spiWire) Close() error {
	var errs []error
	for _, p := range []Pin{w.pins.DC, w.pins.Reset} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(append(errs, w.port.Close())...)
}
