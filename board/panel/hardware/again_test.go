package hardware

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
)

// A port on which no panel answers does not keep the model's own display away, which had
// failed once.
func TestADisplayComesBackBesideASilentPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, record := machine(t, map[string]string{"dev/i2c-1": ""})
		host.Port = func(string, int) (serialpanel.Port, error) {
			box, end := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, end) }()
			return box, nil
		}
		broken := true
		host.I2C = func(int) (i2c.BusCloser, error) {
			if broken {
				return bus{&i2ctest.Record{Bus: nobody{}}}, nil
			}
			return bus{record}, nil
		}
		f, err := New(host, board.Panel{Port: "/dev/ttyS1", Display: board.Display{Driver: "ssd1306", Bus: "i2c-1@0x3c", Columns: 128, Rows: 64}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun := time.Now()
		if _, err := f.Screen(ctx); err == nil || time.Since(begun) > time.Minute {
			t.Fatalf("after %s: %v", time.Since(begun), err)
		}
		broken = false
		screen, err := f.Screen(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = screen.Close()
	})
}

// A board that is reset by opening its port, and spends three seconds in its boot loader and
// with its display, has its lights beside the box's own.
func TestABoardThatIsResetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, _ := machine(t, map[string]string{"sys/class/leds/ACT/max_brightness": "1", "sys/class/leds/ACT/brightness": "0"})
		opened := 0
		host.Port = func(string, int) (serialpanel.Port, error) {
			opened++
			box, end := net.Pipe()
			fake := paneltest.New(end, "name=Uno text=16x2 keys=ok lights=tally")
			fake.Deaf(true)
			time.AfterFunc(3*time.Second, func() { fake.Deaf(false) })
			go func() { _ = fake.Run(t.Context()) }()
			return box, nil
		}
		f, err := New(host, board.Panel{LEDs: []board.LED{{Name: "live", Path: "ACT"}}, Port: "/dev/ttyUSB0"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		lights, err := f.Lights(t.Context())
		if err != nil || lights["live"] == nil || lights["tally"] == nil || opened != 1 {
			t.Errorf("%v, %v, opened %d times", lights, err, opened)
		}
		for _, l := range lights {
			_ = l.Close()
		}
	})
}

type failing struct{}

func (failing) Run(context.Context, func(panel.Event)) error { return errors.New("input/output error") }
func (failing) Close() error                                 { return nil }

// Keys that can be opened and then fail are tried more and more rarely, and told once.
func TestKeysThatFailAtOnceAreNotOpenedAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, opened := 0, 0
		f, err := New(Host{}, board.Panel{}, func(Problem) { told++ })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		f.again(ctx, source{"buttons", func(context.Context) (panel.Keys, error) { opened++; return failing{}, nil }}, func(panel.Event) {})
		if opened > 80 || told != 1 {
			t.Errorf("in ten minutes opened %d times, told %d times", opened, told)
		}
	})
}

// A serial panel that is only a display is one: what it has none of is no fault, by itself and
// beside a model's own keys.
func TestADisplayAloneIsAPanel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, _ := machine(t, nil)
		host.Port = func(string, int) (serialpanel.Port, error) {
			box, end := net.Pipe()
			fake := paneltest.New(end, "name=Display text=20x4")
			go func() { _ = fake.Run(t.Context()) }()
			return box, nil
		}
		for _, buttons := range [][]board.Button{nil, {{Name: panel.OK, Key: "KEY_OK"}}} {
			d, problems := Open(t.Context(), host, board.Panel{Port: "/dev/ttyS1", Buttons: buttons})
			if d.Screen == nil || d.Keys != nil || d.Lights != nil {
				t.Errorf("%+v", d)
			}
			without := 0
			for _, p := range problems {
				if !p.Absent() {
					t.Errorf("%s is broken, not absent", p)
				}
				if errors.Is(p.Err, panel.ErrNone) {
					without++
				}
			}
			if without < 2 { // keys and lights
				t.Errorf("%v", problems)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
