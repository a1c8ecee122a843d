// Package oled drives the small one-colour OLED displays with an SSD1306 or SH1106, over I²C
// or SPI.
package oled

import (
	"errors"
	"fmt"
	"image"
	"math"
	"sync"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Chip is a display's controller.
type Chip string

// The controllers that are known. A display that shows its picture moved by two columns, with
// noise at an edge, was given the wrong one.
const (
	SSD1306 Chip = "ssd1306"
	SH1106  Chip = "sh1106" // has memory for 132 columns, of which displays show the middle
)

// Options are what a display does not tell of itself.
type Options struct {
	Chip    Chip
	Height  int  // 64 or 32; 128 columns
	Flipped bool // mounted upside down
}

const (
	width      = 128
	pageHeight = 8 // a byte of memory is a column of so many pixels
)

// Display is an OLED display. Safe for concurrent use.
type Display struct {
	options Options
	offset  int // column of the memory that is the first to be seen
	pages   int

	mu     sync.Mutex // guards the fields below, and orders what is sent
	wire   wire
	shown  []byte // page after page
	next   []byte
	known  bool // the display is set up and shows what is shown
	bright float64
}

var _ panel.Screen = (*Display)(nil)

// wire is how a display is reached.
type wire interface {
	fmt.Stringer
	reset() error // where there is a line for it
	command(c []byte) error
	data(d []byte) error
	Close() error
}

// open sets the display up; an error is that nobody answers, and closes the wire.
func open(w wire, o Options) (*Display, error) {
	d := &Display{options: o, wire: w, pages: o.Height / pageHeight, bright: 1}
	err := d.check()
	if err == nil {
		d.shown, d.next = make([]byte, d.pages*width), make([]byte, d.pages*width)
		err = d.start()
	}
	if err != nil {
		_ = w.Close() // the error that counts is the first
		return nil, err
	}
	return d, nil
}

func (d *Display) check() error {
	switch d.options.Chip {
	case SSD1306:
	case SH1106:
		d.offset = 2
	default:
		return fmt.Errorf("oled: %s: controller %q is not known: %s and %s are", d.wire, d.options.Chip, SSD1306, SH1106)
	}
	if d.options.Height != 64 && d.options.Height != 32 {
		return fmt.Errorf("oled: %s: a height of %d: displays have 64 or 32", d.wire, d.options.Height)
	}
	return nil
}

// start sets the display up and shows it once its memory, noise when it comes from power-off,
// is empty.
func (d *Display) start() error {
	err := d.wire.reset()
	if err == nil {
		err = d.wire.command(d.setUp())
	}
	clear(d.shown)
	for page := 0; page < d.pages && err == nil; page++ {
		err = d.send(page, 0, d.shown[page*width:(page+1)*width])
	}
	if err == nil {
		err = d.wire.command(d.light())
	}
	if err != nil {
		return fmt.Errorf("oled: set up %s: %w", d.wire, err)
	}
	d.known = true
	return nil
}

// setUp are the commands before the display is on.
func (d *Display) setUp() []byte {
	pins := byte(0x12) // how rows are wired: every other
	if d.options.Height == 32 {
		pins = 0x02 // one after the other
	}
	remap, scan := byte(0xa1), byte(0xc8) // with the flat cable at the top
	if d.options.Flipped {
		remap, scan = 0xa0, 0xc0
	}
	c := []byte{
		0xae,                             // off
		0xd5, 0x80, 0xa8, d.height() - 1, // clock, rows
		0xd3, 0x00, 0x40, // no offset, first line 0
		remap, scan, 0xda, pins,
		0xd9, 0xf1, 0xdb, 0x40, // pre-charge, deselect level
		0xa4, 0xa6, // its memory, not inverted
	}
	if d.options.Chip == SH1106 {
		return append(c, 0xad, 0x8b) // voltage converter on
	}
	return append(c, 0x8d, 0x14, 0x20, 0x02, 0x2e) // charge pump on, page addressing, no scrolling
}

// light are the commands for its brightness. The highest contrast would shorten its life.
func (d *Display) light() []byte {
	const contrast = 0x8f
	on := byte(0xaf)
	if d.bright == 0 {
		on = 0xae
	}
	return []byte{0x81, byte(math.Round(contrast * d.bright)), on}
}

// Dim makes the display darker, 0 (off) to 1. The picture stays.
func (d *Display) Dim(brightness float64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bright = min(1, max(0, brightness)); math.IsNaN(brightness) {
		d.bright = 1
	}
	if !d.known {
		return nil // Show sets it up so
	}
	if err := d.wire.command(d.light()); err != nil {
		d.known = false
		return fmt.Errorf("oled: dim %s: %w", d.wire, err)
	}
	return nil
}

func (d *Display) height() byte { return byte(d.options.Height) }

// Size is in pixels.
func (d *Display) Size() panel.Size { return panel.Size{Width: width, Height: d.options.Height} }

// Show sends of each page from the first to the last column that has changed. After an error
// the display is set up anew: it may have been without power.
func (d *Display) Show(p panel.Picture) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	pack(d.next, p.Pixels)
	if !d.known {
		if err := d.start(); err != nil {
			return err
		}
	}
	for page := range d.pages {
		shown, next := d.shown[page*width:(page+1)*width], d.next[page*width:(page+1)*width]
		from, to := change(shown, next)
		if from == to {
			continue
		}
		if err := d.send(page, from, next[from:to]); err != nil {
			d.known = false
			return fmt.Errorf("oled: write to %s: %w", d.wire, err)
		}
		copy(shown, next)
	}
	return nil
}

func (d *Display) send(page, column int, data []byte) error {
	at := byte(column + d.offset)
	if err := d.wire.command([]byte{0xb0 | byte(page), at & 0x0f, 0x10 | at>>4}); err != nil {
		return err
	}
	return d.wire.data(data)
}

// change is what two pages differ in; from == to: in nothing.
func change(before, after []byte) (from, to int) {
	to = len(after)
	for to > 0 && before[to-1] == after[to-1] {
		to--
	}
	for from < to && before[from] == after[from] {
		from++
	}
	return from, to
}

// pack makes pages of a picture. What the picture does not cover is dark.
func pack(pages []byte, picture *image.Gray) {
	clear(pages)
	if picture == nil {
		return
	}
	from := picture.Bounds().Min
	for y := range min(picture.Bounds().Dy(), len(pages)/width*pageHeight) {
		row := pages[y/pageHeight*width:]
		line := picture.Pix[picture.PixOffset(from.X, from.Y+y):]
		for x := range min(picture.Bounds().Dx(), width) {
			row[x] |= line[x] >> 7 << (y % pageHeight)
		}
	}
}

// Close leaves the display dark.
func (d *Display) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = false
	if err := errors.Join(d.wire.command([]byte{0xae}), d.wire.Close()); err != nil {
		return fmt.Errorf("oled: close %s: %w", d.wire, err)
	}
	return nil
}
