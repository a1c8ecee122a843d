package charlcd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/encoderbox/encoderbox/board/panel"
)

// chip is an HD44780 as its data sheet says, by four pins.
type chip struct {
	ddram    [128]byte
	cgram    [64]byte
	at       byte
	inGlyphs bool
	on       bool
	light    bool
	fourPins bool
	half     int // of a byte that is begun; -1: none
	pins     byte
	fail     error
	sent     int
}

func (c *chip) String() string                  { return "i2c-1" }
func (c *chip) SetSpeed(physic.Frequency) error { return nil }
func (c *chip) Close() error                    { return nil }
func (c *chip) Tx(addr uint16, w, _ []byte) error {
	if c.fail != nil || addr != 0x27 {
		return errors.Join(c.fail, fmt.Errorf("nobody at %#x", addr))
	}
	for _, b := range w {
		c.sent++
		if c.pins&pinPulse != 0 && b&pinPulse == 0 {
			c.take(c.pins>>4, c.pins&pinData != 0)
		}
		c.pins, c.light = b, b&pinLight != 0
	}
	return nil
}

func (c *chip) take(h byte, data bool) {
	if !c.fourPins {
		if h == 2 {
			c.fourPins, c.half = true, -1
		}
		return
	}
	if c.half < 0 {
		c.half = int(h)
		return
	}
	b := byte(c.half)<<4 | h
	c.half = -1
	switch {
	case data && c.inGlyphs:
		c.cgram[c.at&63] = b
		c.at++
	case data:
		c.ddram[c.at&127] = b
		c.at++
	case b&0x80 != 0:
		c.at, c.inGlyphs = b&0x7f, false
	case b&0x40 != 0:
		c.at, c.inGlyphs = b&0x3f, true
	case b == 0x33: // the first steps of a set-up, seen by four pins
		c.fourPins = false
	case b&0x08 != 0 && b < 0x10:
		c.on = b&0x04 != 0
	case b == 1:
		for i := range c.ddram {
			c.ddram[i] = ' '
		}
		c.at, c.inGlyphs = 0, false
	}
}

func (c *chip) lines(columns, rows int) (lines []string) {
	for row := range rows {
		from := row%2*0x40 + row/2*columns
		lines = append(lines, readable(c.ddram[from:from+columns]))
	}
	return lines
}

// readable shows own characters by the first that they stand for.
func readable(codes []byte) string {
	var s strings.Builder
	for _, b := range codes {
		if b < 8 {
			s.WriteRune([]rune(glyphs[b].runes)[0])
		} else {
			s.WriteByte(b)
		}
	}
	return s.String()
}

func show(t *testing.T, d *Display, lines ...string) {
	t.Helper()
	if err := d.Show(panel.Picture{Lines: lines}); err != nil {
		t.Error(err)
	}
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("shows %q, want %q", got, want)
	}
}

func TestI2C(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chip{half: 3, fourPins: true} // left in the middle of a byte
		d, err := OpenI2C(c, 0x27, 20, 4)
		if err != nil {
			t.Fatal(err)
		}
		if s := d.Size(); s != (panel.Size{Columns: 20, Rows: 4}) {
			t.Error(s)
		}
		if !c.on || !c.light || c.cgram[4*8+3] != 0b10110 {
			t.Errorf("on %v, light %v, check mark %b", c.on, c.light, c.cgram[32:40])
		}
		show(t, d, "ON AIR ● 3.2 Mb/s", "→ Küche\\~", "three", "the fourth line is too long")
		same(t, c.lines(20, 4), "ON AIR ● 3.2 Mb/s   ", "→ K?che?-           ", "three               ", "the fourth line is t")
		before := c.sent
		show(t, d, "ON AIR ● 3.2 Mb/s", "→ Küche\\~", "three", "the fourth line is too long")
		if c.sent != before {
			t.Error("the same picture was sent again")
		}
		show(t, d, "ON AIR ● 3.4 Mb/s", "→ Küche\\~", "three", "the fourth line is too long")
		if n := c.sent - before; n != 10 { // the cursor and one character
			t.Errorf("%d bytes for one character", n)
		}
		show(t, d)
		same(t, c.lines(20, 4), strings.Repeat(" ", 20), strings.Repeat(" ", 20), strings.Repeat(" ", 20), strings.Repeat(" ", 20))
		if err := d.Dim(0.1); err != nil || c.light || !c.on {
			t.Errorf("dimmed: light %v, %v", c.light, err)
		}
		show(t, d, "still dark")
		if c.light || !strings.HasPrefix(c.lines(20, 4)[0], "still dark") {
			t.Errorf("light %v, %q", c.light, c.lines(20, 4))
		}
		if err := d.Dim(1); err != nil || !c.light {
			t.Errorf("light %v, %v", c.light, err)
		}
		if err := d.Close(); err != nil || c.on || c.light {
			t.Errorf("after Close: on %v, light %v, %v", c.on, c.light, err)
		}
	})
}

// A display that was unplugged is set up when it is there again.
func TestBackAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chip{}
		d, err := OpenI2C(c, 0x27, 16, 2)
		if err != nil {
			t.Fatal(err)
		}
		show(t, d, "one", "two")
		c.fail = errors.New("no acknowledge")
		if err := d.Show(panel.Picture{Lines: []string{"three"}}); !errors.Is(err, c.fail) {
			t.Error(err)
		}
		*c = chip{} // without power meanwhile
		show(t, d, "three", "four")
		same(t, c.lines(16, 2), "three           ", "four            ")
	})
}

func TestNobodyThere(t *testing.T) {
	c := &chip{}
	if _, err := OpenI2C(c, 0x3f, 16, 2); err == nil || !strings.Contains(err.Error(), "i2c-1@0x3f") {
		t.Error(err)
	}
	for _, size := range [][2]int{{0, 2}, {16, 0}, {40, 4}, {-1, 2}, {16, 5}} {
		if _, err := OpenI2C(c, 0x27, size[0], size[1]); err == nil {
			t.Errorf("%v is a size", size)
		}
	}
	if _, err := OpenKernel(t.TempDir()+"/lcd", 16, 2); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// What goes over the bus, as it was when the chip above understood it.
func TestRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record := &i2ctest.Record{}
		d, err := OpenI2C(closer{record}, 0x27, 16, 2)
		if err != nil {
			t.Fatal(err)
		}
		record.Ops = nil
		show(t, d, "", "   Hi")
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			// The cursor to 0x43, H, i.
			{Addr: 0x27, W: []byte{
				0xc8, 0xcc, 0xc8, 0x3c, 0x38,
				0x49, 0x4d, 0x49, 0x8d, 0x89,
				0x69, 0x6d, 0x69, 0x9d, 0x99,
			}},
		}}
		for _, op := range record.Ops {
			if err := bus.Tx(op.Addr, op.W, nil); err != nil {
				t.Error(err)
			}
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
}

type closer struct{ *i2ctest.Record }

func (closer) Close() error { return nil }

// driver reads as charlcd_write_char of the kernel does.
type driver struct {
	cells   [2][16]byte
	x, y    int
	escape  string // begun; "": none
	flags   map[byte]bool
	glyphs  map[byte]string
	unknown []string
}

func (k *driver) Close() error { return nil }

func (k *driver) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case c == '\n':
			k.escape = ""
		case k.escape != "":
			k.escape += string(rune(c))
			k.sequence()
		case c == 0x1b:
			k.escape = "\x1b"
		case k.x < 16:
			k.cells[k.y][k.x] = c
			k.x++
		}
	}
	return len(p), nil
}

func (k *driver) sequence() {
	s := k.escape
	switch {
	case s == "\x1b[2J":
		for y := range k.cells {
			copy(k.cells[y][:], strings.Repeat(" ", 16))
		}
		k.x, k.y = 0, 0
	case s == "\x1b[H":
		k.x, k.y = 0, 0
	case len(s) == 4 && strings.ContainsRune("cbdD+-", rune(s[3])):
		k.flags[s[3]] = true
	case strings.HasSuffix(s, ";") && s[3] == 'G':
		k.glyphs[s[4]] = s[5 : len(s)-1]
	case strings.HasSuffix(s, ";") && s[3] == 'x':
		fmt.Sscanf(s[3:], "x%dy%d;", &k.x, &k.y)
	case len(s) > 24:
		k.unknown = append(k.unknown, s)
	default:
		return
	}
	k.escape = ""
}

func TestKernel(t *testing.T) {
	k := &driver{escape: "\x1b[LG0", flags: map[byte]bool{}, glyphs: map[byte]string{}}
	d, err := open(&kernel{k, "/dev/lcd"}, 16, 2)
	if err != nil {
		t.Fatal(err)
	}
	show(t, d, "✓ ready", "192.168.1.20")
	same(t, []string{readable(k.cells[0][:]), readable(k.cells[1][:])}, "✓ ready         ", "192.168.1.20    ")
	show(t, d, "✓ ready", "192.168.1.27 ↓")
	same(t, []string{readable(k.cells[0][:]), readable(k.cells[1][:])}, "✓ ready         ", "192.168.1.27 ↓  ")
	if !k.flags['c'] || !k.flags['b'] || !k.flags['+'] || k.flags['d'] || len(k.glyphs) != 8 || k.glyphs['4'] != "000103161c080000" || k.unknown != nil {
		t.Errorf("flags %v, glyphs %v, unknown %q", k.flags, k.glyphs, k.unknown)
	}
	if err := d.Close(); err != nil || !k.flags['d'] || !k.flags['-'] {
		t.Errorf("after Close: %v, %v", k.flags, err)
	}
	same(t, []string{readable(k.cells[0][:])}, strings.Repeat(" ", 16))
}

func TestKernelDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lcd")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := OpenKernel(path, 16, 2)
	if err != nil {
		t.Fatal(err)
	}
	show(t, d, "hello")
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte("\x1b[Lx0y0;hello")) {
		t.Errorf("%q, %v", text, err)
	}
}
