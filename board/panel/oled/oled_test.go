package oled

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spitest"
	"periph.io/x/devices/v3/ssd1306"

	"github.com/encoderbox/encoderbox/board/panel"
)

// chip is a controller as the data sheets say: memory of 132 columns (SH1106) or 128.
type chip struct {
	columns      int
	memory       [8][132]byte
	page, column int
	on, pump     bool
	rows         int
	pins         byte
	contrast     byte
	fail         error
	sent         int
}

func (c *chip) String() string                  { return "i2c-1" }
func (c *chip) SetSpeed(physic.Frequency) error { return nil }
func (c *chip) Close() error                    { return nil }

func (c *chip) Tx(addr uint16, w, _ []byte) error {
	if c.fail != nil || addr != 0x3c {
		return errors.Join(c.fail, fmt.Errorf("nobody at %#x", addr))
	}
	c.sent += len(w)
	if w[0] == 0x40 {
		c.data(w[1:])
	} else {
		c.commands(w[1:])
	}
	return nil
}

func (c *chip) data(d []byte) {
	for _, b := range d {
		if c.column < c.columns {
			c.memory[c.page][c.column] = b
		}
		c.column++
	}
}

func (c *chip) commands(w []byte) {
	arguments := map[byte]int{0xd3: 1, 0xda: 1, 0x81: 1, 0xd5: 1, 0x8d: 1, 0xad: 1, 0xd9: 1, 0xdb: 1, 0xa8: 1, 0x20: 1, 0x21: 2, 0x22: 2}
	for i := 0; i < len(w); i += 1 + arguments[w[i]] {
		switch b := w[i]; {
		case b < 0x10:
			c.column = c.column&0xf0 | int(b)
		case b < 0x20:
			c.column = c.column&0x0f | int(b&0x0f)<<4
		case b&0xf8 == 0xb0:
			c.page = int(b & 7)
		case b&0xfe == 0xae:
			c.on = b == 0xaf
		case b == 0x8d && c.columns == 128:
			c.pump = w[i+1] == 0x14
		case b == 0xad && c.columns == 132:
			c.pump = w[i+1] == 0x8b
		case b == 0xa8:
			c.rows = int(w[i+1]) + 1
		case b == 0x81:
			c.contrast = w[i+1]
		case b == 0xda:
			c.pins = w[i+1]
		}
	}
}

// visible is what a viewer sees.
func (c *chip) visible() *image.Gray {
	picture := image.NewGray(image.Rect(0, 0, 128, c.rows))
	for y := range c.rows {
		for x := range 128 {
			if c.memory[y/8][x+(c.columns-128)/2]>>(y%8)&1 != 0 {
				picture.SetGray(x, y, color.Gray{255})
			}
		}
	}
	return picture
}

func noise() *chip {
	c := &chip{columns: 128}
	for p := range c.memory {
		for x := range c.memory[p] {
			c.memory[p][x] = 0x5a
		}
	}
	return c
}

// drawing is a picture with something at every edge.
func drawing(height int) *image.Gray {
	p := image.NewGray(image.Rect(0, 0, 128, height))
	for i := range 128 {
		p.SetGray(i, 0, color.Gray{128})
		p.SetGray(i, i%height, color.Gray{255})
		p.SetGray(i, height-1, color.Gray{200})
		p.SetGray(i, 5, color.Gray{127}) // not on
	}
	for y := range height {
		p.SetGray(127, y, color.Gray{255})
	}
	return p
}

func lit(p *image.Gray) (n int) {
	for _, v := range p.Pix {
		n += int(v >> 7)
	}
	return n
}

func same(t *testing.T, got, want *image.Gray) {
	t.Helper()
	for y := range want.Bounds().Dy() {
		for x := range 128 {
			if got.GrayAt(x, y).Y>>7 != want.GrayAt(x, y).Y>>7 {
				t.Fatalf("pixel %d,%d", x, y)
			}
		}
	}
}

func TestShow(t *testing.T) {
	for _, o := range []Options{{SSD1306, 64, false}, {SSD1306, 32, true}, {SH1106, 64, false}, {SH1106, 32, false}} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			c := noise()
			if o.Chip == SH1106 {
				c.columns = 132
			}
			d, err := OpenI2C(c, 0x3c, o)
			if err != nil {
				t.Fatal(err)
			}
			if d.Size() != (panel.Size{Width: 128, Height: o.Height}) || c.rows != o.Height || !c.on || !c.pump || c.pins != map[int]byte{64: 0x12, 32: 0x02}[o.Height] {
				t.Errorf("%v: %d rows, on %v, pump %v, pins %#x", d.Size(), c.rows, c.on, c.pump, c.pins)
			}
			if lit(c.visible()) != 0 {
				t.Error("noise to be seen")
			}
			p := drawing(o.Height)
			show(t, d, p)
			same(t, c.visible(), p)
			before := c.sent
			show(t, d, p)
			if c.sent != before {
				t.Error("the same picture was sent again")
			}
			p.SetGray(17, 20, color.Gray{255})
			p.SetGray(20, 21, color.Gray{255})
			show(t, d, p)
			same(t, c.visible(), p)
			if n := c.sent - before; n != 4+5 {
				t.Errorf("%d bytes for four columns of a page", n)
			}
			if err := d.Dim(0.25); err != nil || c.contrast != 36 || !c.on {
				t.Errorf("dimmed: %d, %v, %v", c.contrast, c.on, err)
			}
			if err := d.Dim(0); err != nil || c.on {
				t.Error("not dark", err)
			}
			if err := d.Dim(math.NaN()); err != nil || c.contrast != 0x8f || !c.on {
				t.Errorf("%d, %v, %v", c.contrast, c.on, err)
			}
			same(t, c.visible(), p)
			if err := d.Close(); err != nil || c.on {
				t.Error("lit after Close", err)
			}
		})
	}
}

func show(t *testing.T, d *Display, p *image.Gray) {
	t.Helper()
	if err := d.Show(panel.Picture{Pixels: p}); err != nil {
		t.Error(err)
	}
}

// A picture of another size or place is cut, or leaves the rest dark.
func TestOddPictures(t *testing.T) {
	c := noise()
	d, err := OpenI2C(c, 0x3c, Options{Chip: SSD1306, Height: 64})
	if err != nil {
		t.Fatal(err)
	}
	small := drawing(32).SubImage(image.Rect(100, 8, 128, 32)).(*image.Gray)
	show(t, d, small)
	if got := c.visible(); got.GrayAt(27, 0).Y == 0 || got.GrayAt(28, 0).Y != 0 {
		t.Error("not at the corner")
	}
	big := image.NewGray(image.Rect(-10, -10, 400, 400))
	for i := range big.Pix {
		big.Pix[i] = 255
	}
	show(t, d, big)
	if n := lit(c.visible()); n != 128*64 {
		t.Errorf("%d pixels lit", n)
	}
	show(t, d, nil)
	if lit(c.visible()) != 0 {
		t.Error("no picture is not dark")
	}
}

// What periph.io's driver makes of a picture is what ours makes of it.
func TestLikePeriph(t *testing.T) {
	ours, theirs := noise(), noise()
	d, err := OpenI2C(ours, 0x3c, Options{Chip: SSD1306, Height: 64})
	if err != nil {
		t.Fatal(err)
	}
	dev, err := ssd1306.NewI2C(theirs, &ssd1306.DefaultOpts)
	if err != nil {
		t.Fatal(err)
	}
	p := drawing(64)
	show(t, d, p)
	for i, v := range p.Pix { // they take the half for on, too, but round otherwise
		p.Pix[i] = v >> 7 * 255
	}
	if err := dev.Draw(p.Bounds(), p, image.Point{}); err != nil {
		t.Fatal(err)
	}
	same(t, ours.visible(), theirs.visible())
}

// A display that was unplugged is set up when it is there again, and shows all of the picture.
func TestBackAfterAnError(t *testing.T) {
	c := noise()
	d, err := OpenI2C(c, 0x3c, Options{Chip: SSD1306, Height: 64})
	if err != nil {
		t.Fatal(err)
	}
	p := drawing(64)
	c.fail = errors.New("no acknowledge")
	if err := d.Show(panel.Picture{Pixels: p}); !errors.Is(err, c.fail) {
		t.Error(err)
	}
	*c = *noise()
	show(t, d, p)
	same(t, c.visible(), p)
	if !c.on {
		t.Error("dark")
	}
}

func TestRefused(t *testing.T) {
	for _, o := range []Options{{Chip: "st7789", Height: 64}, {Chip: SSD1306, Height: 48}, {Chip: SH1106}} {
		if _, err := OpenI2C(noise(), 0x3c, o); err == nil {
			t.Errorf("%+v is a display", o)
		}
	}
	if _, err := OpenI2C(noise(), 0x3d, Options{Chip: SSD1306, Height: 64}); err == nil {
		t.Error("nobody is there")
	}
	if _, err := OpenSPI(&spitest.Record{}, Pins{}, Options{Chip: SSD1306, Height: 64}); err == nil {
		t.Error("three wires")
	}
}

// What goes over I²C, as it was when the chip above understood it.
func TestRecordedI2C(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x3c, W: []byte{
		0x00, 0xae, 0xd5, 0x80, 0xa8, 0x1f, 0xd3, 0x00, 0x40, 0xa1, 0xc8, 0xda, 0x02, 0xd9, 0xf1, 0xdb, 0x40, 0xa4, 0xa6, 0xad, 0x8b,
	}}}}
	add := func(w ...byte) { bus.Ops = append(bus.Ops, i2ctest.IO{Addr: 0x3c, W: w}) }
	for page := range byte(4) {
		add(0x00, 0xb0|page, 0x02, 0x10)
		add(append([]byte{0x40}, make([]byte, 128)...)...)
	}
	add(0x00, 0x81, 0x8f, 0xaf)
	add(0x00, 0xb1, 0x05, 0x14) // page 1, column 67+2
	add(0x40, 0x02)
	add(0x00, 0xae)
	d, err := OpenI2C(bus, 0x3c, Options{Chip: SH1106, Height: 32})
	if err != nil {
		t.Fatal(err)
	}
	p := image.NewGray(image.Rect(0, 0, 128, 32))
	p.SetGray(67, 9, color.Gray{255})
	show(t, d, p)
	if err := d.Close(); err != nil { // which says what was left out
		t.Error(err)
	}
}

// pin writes down its levels among the traffic's.
type pin struct {
	name string
	log  *[]string
}

func (p *pin) SetValue(v int) error {
	*p.log = append(*p.log, fmt.Sprint(p.name, v))
	return nil
}

func (p *pin) Close() error {
	*p.log = append(*p.log, p.name+" closed")
	return nil
}

type port struct {
	spitest.Playback
	log *[]string
}

func (p *port) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if f != speed || mode != spi.Mode0 || bits != 8 {
		return nil, errors.New("odd mode")
	}
	return p.Playback.Connect(f, mode, bits)
}

// SPI has the same bytes as I²C, with a line for what they are.
func TestRecordedSPI(t *testing.T) {
	var log []string
	p := &port{log: &log}
	p.DontPanic = true
	add := func(w ...byte) { p.Ops = append(p.Ops, conntest.IO{W: w}) }
	add(0xae, 0xd5, 0x80, 0xa8, 0x1f, 0xd3, 0x00, 0x40, 0xa1, 0xc8, 0xda, 0x02, 0xd9, 0xf1, 0xdb, 0x40, 0xa4, 0xa6, 0x8d, 0x14, 0x20, 0x02, 0x2e)
	for page := range byte(4) {
		add(0xb0|page, 0x00, 0x10)
		add(make([]byte, 128)...)
	}
	add(0x81, 0x8f, 0xaf)
	add(0xb3, 0x0f, 0x17)
	add(0x80)
	add(0xae)
	d, err := OpenSPI(p, Pins{DC: &pin{"dc", &log}, Reset: &pin{"reset", &log}}, Options{Chip: SSD1306, Height: 32})
	if err != nil {
		t.Fatal(err)
	}
	picture := image.NewGray(image.Rect(0, 0, 128, 32))
	picture.SetGray(127, 31, color.Gray{255})
	show(t, d, picture)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	want := "[reset0 reset1 dc0 dc0 dc1 dc0 dc1 dc0 dc1 dc0 dc1 dc0 dc0 dc1 dc0 dc closed reset closed]"
	if fmt.Sprint(log) != want {
		t.Errorf("%v", log)
	}
}
