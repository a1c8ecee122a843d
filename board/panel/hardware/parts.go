package hardware

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/i2c"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/charlcd"
	"github.com/encoderbox/encoderbox/board/panel/evdevkeys"
	"github.com/encoderbox/encoderbox/board/panel/oled"
	"github.com/encoderbox/encoderbox/board/panel/sysfsleds"
)

// serialWait is how long lights that are there wait for a serial panel's. Boards that are
// reset when their port is opened need two seconds for their boot loader alone; to give up
// before they answer, and to open again, would reset them for ever.
const serialWait = 6 * time.Second

// screenWait is how long a display that is not there is not looked for, for a serial panel's
// sake: some need seconds after their port was opened.
const screenWait = 10 * time.Second

// Lights are the lights that are there, by the model's names and those that a serial panel
// gives its own. None at all is an error.
func (f *Front) Lights(ctx context.Context) (map[string]panel.Light, error) {
	lights := map[string]panel.Light{}
	var errs []error
	missed := func(part string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part, err))
		}
		f.tell(part, err)
	}
	for _, led := range f.panel.LEDs {
		l, err := sysfsleds.Open(f.host.Root, led.Path)
		if err == nil {
			lights[led.Name] = l
		}
		missed("light "+led.Name, err)
	}
	if f.panel.Port != "" {
		within, cancel := ctx, func() {}
		if len(lights) > 0 {
			within, cancel = context.WithTimeout(ctx, serialWait)
		}
		before := f.serial.opened.Load()
		err := f.serial.lights(within, lights)
		cancel()
		missed("serial panel's lights", err)
		for name, l := range lights {
			if err != nil {
				lights[name] = waiting{l, f.serial, before}
			}
		}
	}
	switch {
	case len(lights) > 0:
		return lights, nil
	case f.panel.Port != "" && len(errs) == 0:
		return nil, fmt.Errorf("panel: the serial panel has no lights: %w", panel.ErrNone)
	}
	return nil, errors.Join(append(errs, errors.New("panel: no lights"))...)
}

// Screen is the model's display, or, where that is not there, the serial panel's. Where there
// may be both, it does not wait for the serial panel for ever.
func (f *Front) Screen(ctx context.Context) (panel.Screen, error) {
	var errs []error
	if f.panel.Display.Driver != "" {
		s, err := display(f.host, f.panel.Display)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	if f.panel.Port != "" {
		if len(errs) > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, screenWait)
			defer cancel()
		}
		s, err := f.serial.screen(ctx)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, errors.New("panel: no screen"))...)
}

func display(host Host, d board.Display) (panel.Screen, error) {
	if d.Driver == "charlcd" {
		return screen(charlcd.OpenKernel(filepath.Join(host.Root, kernelDevice(d)), d.Columns, d.Rows))
	}
	at, err := place(d.Bus)
	if err != nil {
		return nil, err
	}
	node := filepath.Join(host.Root, "dev", at.node)
	if _, err := os.Stat(node); err != nil {
		return nil, fmt.Errorf("panel: bus of the %s display (is it switched on in the device tree, and its module i2c-dev or spidev loaded?): %w", d.Driver, err)
	}
	options := oled.Options{Chip: oled.Chip(d.Driver), Height: d.Rows, Flipped: d.Flipped}
	if at.spi {
		return spiDisplay(host, d, at, options)
	}
	bus, err := host.I2C(at.bus)
	if err != nil {
		return nil, fmt.Errorf("panel: open %s: %w", node, err)
	}
	if d.Driver == "hd44780" {
		return screen(charlcd.OpenI2C(named{bus, at.node}, uint16(at.sub), d.Columns, d.Rows))
	}
	return screen(oled.OpenI2C(named{bus, at.node}, uint16(at.sub), options))
}

// named is a bus by the name that it has in /dev.
type named struct {
	i2c.BusCloser
	name string
}

func (n named) String() string { return n.name }

// screen makes a nil display with an error a nil interface.
func screen[D panel.Screen](d D, err error) (panel.Screen, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

func spiDisplay(host Host, d board.Display, at where, options oled.Options) (panel.Screen, error) {
	var pins oled.Pins
	pin := func(name string) (oled.Pin, error) {
		chip, line, _ := strings.Cut(name, ":")
		return host.Pin(chip, line)
	}
	dc, err := pin(d.DC)
	if err != nil {
		return nil, fmt.Errorf("panel: line %s (DC of the %s display): %w", d.DC, d.Driver, err)
	}
	pins.DC = dc
	if d.Reset != "" {
		if pins.Reset, err = pin(d.Reset); err != nil {
			return nil, errors.Join(fmt.Errorf("panel: line %s (reset of the %s display): %w", d.Reset, d.Driver, err), dc.Close())
		}
	}
	port, err := host.SPI(at.bus, at.sub)
	if err != nil {
		err = errors.Join(fmt.Errorf("panel: open %s: %w", at.node, err), dc.Close())
		if pins.Reset != nil {
			err = errors.Join(err, pins.Reset.Close())
		}
		return nil, err
	}
	return screen(oled.OpenSPI(port, pins, options))
}

// output takes a GPIO line, by its name or offset, as an output.
func output(chip, line string) (oled.Pin, error) {
	offset, err := strconv.Atoi(line)
	if err != nil {
		c, err := gpiocdev.NewChip(chip)
		if err != nil {
			return nil, err
		}
		offset, err = c.FindLine(line)
		if err = errors.Join(err, c.Close()); err != nil {
			return nil, err
		}
	}
	return gpiocdev.RequestLine(chip, offset, gpiocdev.AsOutput(0), gpiocdev.WithConsumer("encoderd panel"))
}

// where is a place on a bus.
type where struct {
	node     string // in /dev
	bus, sub int    // sub: address, or chip select
	spi      bool
}

func kernelDevice(d board.Display) string {
	if d.Bus == "" {
		return "/dev/lcd"
	}
	return d.Bus
}

// place reads "i2c-1@0x3c" or "spi-0.1".
func place(text string) (w where, err error) {
	if n, err := fmt.Sscanf(text, "i2c-%d@0x%x", &w.bus, &w.sub); n == 2 && err == nil && w.bus >= 0 && w.sub >= 0x08 && w.sub <= 0x77 {
		w.node = fmt.Sprintf("i2c-%d", w.bus)
		return w, nil
	}
	if n, err := fmt.Sscanf(text, "spi-%d.%d", &w.bus, &w.sub); n == 2 && err == nil && w.bus >= 0 && w.sub >= 0 {
		w.node, w.spi = fmt.Sprintf("spidev%d.%d", w.bus, w.sub), true
		return w, nil
	}
	return w, fmt.Errorf(`panel: %q is no bus: "i2c-1@0x3c" and "spi-0.1" are`, text)
}

// Check says what is wrong with a model's data.
func Check(p board.Panel) error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf("panel: "+format, a...)) }
	for _, b := range p.Buttons {
		_, known := evdevkeys.Named(b.Key)
		switch line := b.Chip != "" && b.Line != ""; {
		case b.Name == "":
			wrong("a button is for nothing: %+v", b)
		case b.Key != "" && !known:
			wrong("button %s: the kernel has no key %s", b.Name, b.Key)
		case line == (b.Key != ""):
			wrong("button %s: it needs a key, or a chip and a line", b.Name)
		}
	}
	for i, l := range p.LEDs {
		if l.Name == "" || l.Path == "" || slices.ContainsFunc(p.LEDs[:i], func(o board.LED) bool { return o.Name == l.Name || o.Path == l.Path }) {
			wrong("light %+v: it needs a name and a path of its own", l)
		}
	}
	if err := checkDisplay(p.Display); err != nil {
		errs = append(errs, err)
	}
	if p.Speed < 0 || p.Port != "" && !strings.HasPrefix(p.Port, "/dev/") {
		wrong("port %q at %d bit/s", p.Port, p.Speed)
	}
	return errors.Join(errs...)
}

func checkDisplay(d board.Display) error {
	var characters bool
	switch d.Driver {
	case "":
		return nil
	case "charlcd":
		characters = true
		if !strings.HasPrefix(kernelDevice(d), "/dev/") {
			return fmt.Errorf("panel: display charlcd: %q is no device", d.Bus)
		}
	case "hd44780":
		characters = true
	case string(oled.SSD1306), string(oled.SH1106):
	default:
		return fmt.Errorf("panel: display %q: ssd1306, sh1106, hd44780 and charlcd are known", d.Driver)
	}
	if d.Driver != "charlcd" {
		at, err := place(d.Bus)
		if err != nil {
			return err
		}
		if at.spi && (characters || !strings.Contains(d.DC, ":")) {
			return fmt.Errorf("panel: display %s on %s: SPI is for pixels, and needs DC (gpiochip0:25)", d.Driver, d.Bus)
		}
	}
	if !characters && (d.Columns != 128 || d.Rows != 64 && d.Rows != 32) || characters && (d.Columns < 8 || d.Rows < 1) {
		return fmt.Errorf("panel: display %s: a size of %dx%d", d.Driver, d.Columns, d.Rows)
	}
	return nil
}
