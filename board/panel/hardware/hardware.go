// Package hardware opens a model's front panel: whatever of it is there.
package hardware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/host/v3/sysfs"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/oled"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel"
)

// Host is the machine.
type Host struct {
	Root string // of its files: "/"
	I2C  func(bus int) (i2c.BusCloser, error)
	SPI  func(bus, chip int) (spi.PortCloser, error)
	Pin  func(chip, line string) (oled.Pin, error) // an output
	Port func(path string, speed int) (serialpanel.Port, error)
}

// Linux is this machine.
func Linux() Host {
	return Host{
		Root: "/",
		I2C:  func(bus int) (i2c.BusCloser, error) { return sysfs.NewI2C(bus) },
		SPI:  func(bus, chip int) (spi.PortCloser, error) { return sysfs.NewSPI(bus, chip) },
		Pin:  output,
		Port: serialpanel.OpenPort,
	}
}

// Problem is a part of a panel that is not there, or does not work.
type Problem struct {
	Part string // "light live", "display ssd1306", "buttons"
	Err  error
}

// Absent says that it is not there, which is no fault: a model lists what a box may have, and
// a serial panel may be a display alone.
func (p Problem) Absent() bool {
	return errors.Is(p.Err, fs.ErrNotExist) || errors.Is(p.Err, panel.ErrNone)
}

func (p Problem) String() string { return p.Part + ": " + p.Err.Error() }

// Front is the front panel of a model on a host. Its parts are opened one by one, and again
// when they fail; closing one leaves the others. Safe for concurrent use.
type Front struct {
	host   Host
	panel  board.Panel
	report func(Problem)
	serial *shared

	mu   sync.Mutex // guards the fields below
	told map[string]string
}

// New makes a Front; nothing is opened. report is told of parts that are left out because the
// others go on without them, once until they are there; nil: nobody is. It must not block. What
// keeps a function below from returning anything is its error.
func New(host Host, p board.Panel, report func(Problem)) (*Front, error) {
	if err := Check(p); err != nil {
		return nil, err
	}
	if report == nil {
		report = func(Problem) {}
	}
	return &Front{
		host: host, panel: p, report: report, told: map[string]string{},
		serial: newShared(func(ctx context.Context) (*serialpanel.Panel, error) { return openSerial(ctx, host, p) }),
	}, nil
}

// HasKeys says whether the model names keys: without, there is nothing to open.
func (f *Front) HasKeys() bool { return len(f.panel.Buttons) > 0 || f.panel.Port != "" }

// HasLights says whether the model names lights.
func (f *Front) HasLights() bool { return len(f.panel.LEDs) > 0 || f.panel.Port != "" }

// HasScreen says whether the model names a screen.
func (f *Front) HasScreen() bool { return f.panel.Display.Driver != "" || f.panel.Port != "" }

// tell reports a part's state: an error once, until it is nil or another.
func (f *Front) tell(part string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	f.mu.Lock()
	before := f.told[part]
	f.told[part] = text
	f.mu.Unlock()
	if err != nil && text != before {
		f.report(Problem{part, err})
	}
}

// Devices are what of a panel is there; nil what is not.
type Devices struct {
	Keys   panel.Keys
	Lights map[string]panel.Light
	Screen panel.Screen
}

// Open opens all that is there, and says what is not. Nothing there is no error. Of a serial
// panel it waits for the hello until ctx ends.
func Open(ctx context.Context, host Host, p board.Panel) (d Devices, problems []Problem) {
	f, err := New(host, p, func(p Problem) { problems = append(problems, p) })
	if err != nil {
		return d, []Problem{{"model", err}}
	}
	if f.HasScreen() {
		if d.Screen, err = f.Screen(ctx); err != nil {
			problems = append(problems, Problem{"screen", err})
		}
	}
	if f.HasLights() {
		if d.Lights, err = f.Lights(ctx); err != nil {
			problems = append(problems, Problem{"lights", err})
		}
	}
	if f.HasKeys() {
		if d.Keys, err = f.keysThere(ctx); err != nil {
			problems = append(problems, Problem{"keys", err})
		}
	}
	return d, problems
}

// Close closes them all.
func (d Devices) Close() error {
	var errs []error
	if d.Keys != nil {
		errs = append(errs, d.Keys.Close())
	}
	for name, l := range d.Lights {
		if err := l.Close(); err != nil {
			errs = append(errs, fmt.Errorf("light %s: %w", name, err))
		}
	}
	if d.Screen != nil {
		errs = append(errs, d.Screen.Close())
	}
	return errors.Join(errs...)
}
