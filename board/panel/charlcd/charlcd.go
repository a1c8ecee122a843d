// Package charlcd drives character displays with an HD44780 or one of its many copies: by the
// kernel's device (/dev/lcd), and over I²C behind a PCF8574.
package charlcd

import (
	"fmt"
	"sync"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Display is a character display. Safe for concurrent use.
type Display struct {
	columns, rows int

	mu    sync.Mutex // guards the fields below, and orders what is sent: a display has one cursor
	wire  wire
	shown [][]byte // codes; nil: not known, the display is to be set up
	next  [][]byte
	dark  bool // without light
}

var _ panel.Screen = (*Display)(nil)

// wire is how a display is reached.
type wire interface {
	fmt.Stringer
	// start sets the display up, dark before or not: empty, on, without a cursor, and with
	// the glyphs.
	start() error
	write(column, row int, codes []byte) error
	light(on bool) error // of the display's back
	stop() error         // switches display and light off
	Close() error
}

// open sets the display up; an error is that nobody answers, and closes the wire.
func open(w wire, columns, rows int) (*Display, error) {
	if columns < 8 || columns > 40 || rows < 1 || rows > 4 || columns*rows > 80 {
		return nil, fmt.Errorf("charlcd: %s: no display has %d rows of %d characters", w, rows, columns)
	}
	d := &Display{columns: columns, rows: rows, wire: w, next: make([][]byte, rows)}
	for i := range d.next {
		d.next[i] = make([]byte, columns)
	}
	if err := d.start(); err != nil {
		_ = w.Close() // the error that counts is the first
		return nil, err
	}
	return d, nil
}

func (d *Display) start() error {
	if err := d.wire.start(); err != nil {
		return fmt.Errorf("charlcd: set up %s: %w", d.wire, err)
	}
	if d.dark {
		if err := d.wire.light(false); err != nil {
			return fmt.Errorf("charlcd: dim %s: %w", d.wire, err)
		}
	}
	d.shown = make([][]byte, d.rows)
	for i := range d.shown {
		d.shown[i] = blank(d.columns)
	}
	return nil
}

func blank(columns int) []byte {
	line := make([]byte, columns)
	fill(line, "")
	return line
}

// Size is what it was opened with.
func (d *Display) Size() panel.Size { return panel.Size{Columns: d.columns, Rows: d.rows} }

// Show sends what has changed. After an error the display is set up anew: it may have been
// without power.
func (d *Display) Show(p panel.Picture) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for row := range d.next {
		text := ""
		if row < len(p.Lines) {
			text = p.Lines[row]
		}
		fill(d.next[row], text)
	}
	if d.shown == nil {
		if err := d.start(); err != nil {
			return err
		}
	}
	for row, next := range d.next {
		for from, to := range changes(d.shown[row], next) {
			if err := d.wire.write(from, row, next[from:to]); err != nil {
				d.shown = nil
				return fmt.Errorf("charlcd: write to %s: %w", d.wire, err)
			}
		}
		copy(d.shown[row], next)
	}
	return nil
}

// Dim switches the light behind the text off below half, and on from there.
func (d *Display) Dim(brightness float64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dark = brightness < 0.5
	if d.shown == nil {
		return nil // Show sets it up so
	}
	if err := d.wire.light(!d.dark); err != nil {
		d.shown = nil
		return fmt.Errorf("charlcd: dim %s: %w", d.wire, err)
	}
	return nil
}

// fill makes a line of codes of a text, cut or filled up with spaces.
func fill(line []byte, text string) {
	i := 0
	for _, r := range text {
		if i == len(line) {
			return
		}
		line[i] = code(r)
		i++
	}
	for ; i < len(line); i++ {
		line[i] = ' '
	}
}

// changes yields where two lines differ. A gap of up to two is sent along: moving the cursor
// costs as much.
func changes(before, after []byte) func(yield func(from, to int) bool) {
	const gap = 2
	return func(yield func(from, to int) bool) {
		from, to := -1, -1
		for i := range after {
			switch {
			case before[i] == after[i]:
				continue
			case from >= 0 && i-to > gap:
				if !yield(from, to) {
					return
				}
				from = i
			case from < 0:
				from = i
			}
			to = i + 1
		}
		if from >= 0 {
			yield(from, to)
		}
	}
}

// Close leaves the display dark.
func (d *Display) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown = nil
	err := d.wire.stop()
	if cerr := d.wire.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("charlcd: close %s: %w", d.wire, err)
	}
	return nil
}
