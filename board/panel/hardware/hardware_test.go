package hardware

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spitest"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/oled"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
)

func TestModels(t *testing.T) {
	for _, m := range models.All {
		if err := Check(m.Panel); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for want, p := range map[string]board.Panel{
		"for nothing":         {Buttons: []board.Button{{Key: "KEY_UP"}}},
		"no key KEY_UPP":      {Buttons: []board.Button{{Name: "up", Key: "KEY_UPP"}}},
		"a chip and a line":   {Buttons: []board.Button{{Name: "up", Chip: "gpiochip0"}}},
		"needs a key":         {Buttons: []board.Button{{Name: "up", Key: "KEY_UP", Chip: "gpiochip0", Line: "4"}}},
		"of its own":          {LEDs: []board.LED{{Name: "live", Path: "a"}, {Name: "live", Path: "b"}}},
		"are known":           {Display: board.Display{Driver: "st7789"}},
		"is no bus":           {Display: board.Display{Driver: "ssd1306", Bus: "i2c-1", Columns: 128, Rows: 64}},
		"size of 128x48":      {Display: board.Display{Driver: "ssd1306", Bus: "i2c-1@0x3c", Columns: 128, Rows: 48}},
		"needs DC":            {Display: board.Display{Driver: "sh1106", Bus: "spi-0.0", Columns: 128, Rows: 64}},
		"SPI is for pixels":   {Display: board.Display{Driver: "hd44780", Bus: "spi-0.0", Columns: 16, Rows: 2, DC: "a:1"}},
		"is no device":        {Display: board.Display{Driver: "charlcd", Bus: "i2c-1@0x27", Columns: 16, Rows: 2}},
		"port \"ttyUSB0\"":    {Port: "ttyUSB0"},
		`"i2c-1@0xfff" is no`: {Display: board.Display{Driver: "hd44780", Bus: "i2c-1@0xfff", Columns: 16, Rows: 2}},
	} {
		if err := Check(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// machine is a root with files, and a host on it whose buses are records.
func machine(t *testing.T, files map[string]string) (Host, *i2ctest.Record) {
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	record := &i2ctest.Record{}
	return Host{
		Root: root,
		I2C:  func(int) (i2c.BusCloser, error) { return bus{record}, nil },
		SPI:  func(int, int) (spi.PortCloser, error) { return &spitest.Record{}, nil },
		Pin:  func(string, string) (oled.Pin, error) { return pin{}, nil },
		Port: func(path string, _ int) (serialpanel.Port, error) {
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
		},
	}, record
}

type bus struct{ *i2ctest.Record }

func (bus) Close() error { return nil }

type pin struct{}

func (pin) SetValue(int) error { return nil }
func (pin) Close() error       { return nil }

func TestNothingThere(t *testing.T) {
	host, _ := machine(t, nil)
	p := models.Pi4.Panel
	p.Port = "/dev/ttyUSB0"
	p.Buttons = append(slices.Clone(p.Buttons), board.Button{Name: panel.Left, Chip: "gpiochip0", Line: "4"})
	d, problems := Open(t.Context(), host, p)
	if d.Keys != nil || d.Lights != nil || d.Screen != nil {
		t.Errorf("%+v", d)
	}
	parts := map[string]bool{}
	for _, p := range problems {
		if !p.Absent() {
			t.Errorf("%s is broken, not absent", p)
		}
		parts[p.Part] = true
	}
	for _, part := range []string{"screen", "lights", "light live", "light alarm", "keys", "buttons", "buttons of gpiochip0", "serial panel's keys"} {
		if !parts[part] {
			t.Errorf("nothing said of %s: %v", part, problems)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if d, problems := Open(t.Context(), host, board.Panel{}); d.Screen != nil || problems != nil {
		t.Errorf("a model without a panel: %v", problems)
	}
}

func TestSomeThere(t *testing.T) {
	host, record := machine(t, map[string]string{
		"dev/i2c-1":                                      "",
		"sys/class/leds/ACT/max_brightness":              "1",
		"sys/class/leds/ACT/brightness":                  "0",
		"sys/class/leds/ACT/trigger":                     "none [mmc0]",
		"sys/class/input/event0/device/phys":             "gpio-keys/input0",
		"sys/class/input/event0/device/capabilities/key": "10000000",
		"dev/input/event0":                               "",
	})
	d, problems := Open(t.Context(), host, models.Pi4.Panel)
	if d.Screen == nil || d.Screen.Size() != (panel.Size{Width: 128, Height: 64}) || record.Ops[0].Addr != 0x3c {
		t.Errorf("screen %v", d.Screen)
	}
	if len(d.Lights) != 1 || d.Lights["live"] == nil || d.Keys != nil {
		t.Errorf("%+v", d)
	}
	if len(problems) != 2 || !problems[0].Absent() || problems[0].Part != "light alarm" || problems[1].Absent() || problems[1].Part != "keys" {
		t.Errorf("%v", problems) // a file is no input device
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(host.Root, "sys/class/leds/ACT/trigger")); !strings.HasPrefix(string(text), "mmc0") {
		t.Errorf("trigger %q", text)
	}
}

func TestDisplays(t *testing.T) {
	host, _ := machine(t, map[string]string{"dev/i2c-3": "", "dev/spidev0.1": "", "dev/lcd": ""})
	for _, d := range []board.Display{
		{Driver: "sh1106", Bus: "i2c-3@0x3d", Columns: 128, Rows: 64},
		{Driver: "ssd1306", Bus: "spi-0.1", DC: "gpiochip0:GPIO25", Reset: "gpiochip0:24", Columns: 128, Rows: 32},
		{Driver: "hd44780", Bus: "i2c-3@0x27", Columns: 20, Rows: 4},
		{Driver: "charlcd", Columns: 16, Rows: 2},
	} {
		devices, problems := Open(t.Context(), host, board.Panel{Display: d})
		if problems != nil || devices.Screen == nil {
			t.Errorf("%+v: %v", d, problems)
			continue
		}
		if s := devices.Screen.Size(); s.Columns+s.Width != d.Columns || s.Rows+s.Height != d.Rows {
			t.Errorf("%+v: %+v", d, s)
		}
		if err := devices.Close(); err != nil {
			t.Error(err)
		}
	}
	host.I2C = func(int) (i2c.BusCloser, error) { return bus{&i2ctest.Record{Bus: nobody{}}}, nil }
	_, problems := Open(t.Context(), host, board.Panel{Display: board.Display{Driver: "sh1106", Bus: "i2c-3@0x3c", Columns: 128, Rows: 64}})
	if len(problems) != 1 || !strings.Contains(problems[0].String(), "i2c-3@0x3c: no acknowledge") {
		t.Errorf("%v", problems)
	}
}

type nobody struct{ i2c.Bus }

func (nobody) Tx(uint16, []byte, []byte) error { return errors.New("no acknowledge") }

// plugs is a serial port that a panel is plugged into by in and out.
type plugs struct {
	t     *testing.T
	mu    sync.Mutex
	fake  *paneltest.Panel
	there bool
	ends  []net.Conn
	opens int
}

func (p *plugs) open(path string, _ int) (serialpanel.Port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.there {
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
	box, end := net.Pipe()
	p.ends = append(p.ends, end)
	p.opens++
	fake := paneltest.New(end, "name=T text=16x2 keys=ok,up lights=live,tally")
	p.fake = fake
	go func() { _ = fake.Run(p.t.Context()) }()
	return box, nil
}

func (p *plugs) panel() *paneltest.Panel { p.mu.Lock(); defer p.mu.Unlock(); return p.fake }

func (p *plugs) in() { p.mu.Lock(); p.there = true; p.mu.Unlock() }

func (p *plugs) out() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.there = false
	for _, e := range p.ends {
		e.Close()
	}
}

// Three parts on one port, each closed and opened by itself.
func TestSerialIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plugs{t: t}
		p.in()
		host, _ := machine(t, nil)
		host.Port = p.open
		f, err := New(host, board.Panel{Port: "/dev/ttyUSB0"}, nil)
		if err != nil || !f.HasKeys() || !f.HasLights() || !f.HasScreen() {
			t.Fatal(err)
		}
		screen, err := f.Screen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lights, err := f.Lights(t.Context())
		if err != nil || len(lights) != 2 {
			t.Fatal(lights, err)
		}
		keys, err := f.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = lights["live"].Set(1)
		_ = screen.Show(panel.Picture{Lines: []string{"hello"}})
		time.Sleep(time.Second)
		screen.Close()
		screen.Close()
		keys.Close()
		time.Sleep(time.Second)
		if p.panel().Light("live") != 255 || p.panel().Text()[0] != "" || p.opens != 1 {
			t.Errorf("light %d, text %q, opened %d times", p.panel().Light("live"), p.panel().Text(), p.opens)
		}
		p.out()
		time.Sleep(time.Second)
		if err := lights["live"].Set(0); err == nil {
			t.Error("a light that is gone")
		}
		p.in()
		if screen, err = f.Screen(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, l := range lights { // late
			_ = l.Close()
		}
		if err := screen.Show(panel.Picture{Lines: []string{"back"}}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if p.panel().Text()[0] != "back" || p.opens != 2 {
			t.Errorf("%q, opened %d times", p.panel().Text(), p.opens)
		}
		screen.Close()
		p.out()
	})
}

// Buttons that are missing do not keep a serial panel's keys from working, and that may come
// later; lights that are there work meanwhile.
func TestSerialComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plugs{t: t}
		host, _ := machine(t, map[string]string{"sys/class/leds/ACT/max_brightness": "1", "sys/class/leds/ACT/brightness": "0"})
		host.Port = p.open
		var mu sync.Mutex
		var told, got []string
		model := board.Panel{Buttons: models.Pi4.Buttons, LEDs: []board.LED{{Name: "live", Path: "ACT"}}, Port: "/dev/ttyUSB0"}
		f, err := New(host, model, func(p Problem) { mu.Lock(); told = append(told, p.Part); mu.Unlock() })
		if err != nil {
			t.Fatal(err)
		}
		lights, err := f.Lights(t.Context())
		if err != nil || len(lights) != 1 || lights["live"].Set(1) != nil {
			t.Fatal(lights, err)
		}
		keys, err := f.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- keys.Run(ctx, func(e panel.Event) {
				mu.Lock()
				got = append(got, fmt.Sprint(map[bool]string{true: "+", false: "-"}[e.Down], e.Key))
				mu.Unlock()
			})
		}()
		time.Sleep(time.Minute)
		p.in()
		time.Sleep(20 * time.Second)
		p.panel().Press("ok", true)
		time.Sleep(time.Second)
		if err := lights["live"].Set(0); !errors.Is(err, errPlugged) {
			t.Errorf("lights: %v", err)
		}
		if err := lights["live"].Close(); err != nil {
			t.Error(err)
		}
		if lights, err = f.Lights(t.Context()); err != nil || len(lights) != 2 {
			t.Error(lights, err)
		}
		_ = lights["live"].Set(1)
		time.Sleep(time.Second)
		if text, _ := os.ReadFile(filepath.Join(host.Root, "sys/class/leds/ACT/brightness")); string(text) != "1" || p.panel().Light("live") != 255 {
			t.Errorf("%q and %d", text, p.panel().Light("live"))
		}
		p.out() // while the key is down
		time.Sleep(30 * time.Second)
		p.in()
		time.Sleep(20 * time.Second)
		p.panel().Press("up", true)
		time.Sleep(time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		keys.Close()
		p.out()
		if want := []string{"+ok", "-ok", "+up"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		slices.Sort(told)
		if n := len(told); n < 4 || n > 5 || told[0] != "buttons" { // the panel: absent, unplugged, absent again
			t.Errorf("%q", told)
		}
	})
}
