// Package panel is the vocabulary of a box's front panel: keys that are pressed, lights,
// and a screen. Folders below it drive the hardware; device/panel decides what they show.
//
// Drivers are given what they open (an fs.FS or root folder, a bus, a port) and keep no
// state of the product. Where hardware goes away, a driver's method fails, and its owner
// opens it anew.
package panel

import (
	"context"
	"errors"
	"image"
	"time"
)

// ErrNone says that a panel that is there has none of something, keys or lights: no fault, it
// is made so.
var ErrNone = errors.New("it is made without")

// Key is what a key is for. A board model says which of its keys is which.
type Key string

// The keys that the menu knows. A panel has some of them: OK alone is enough for the
// status pages, Down and OK for all of the menu.
const (
	Up     Key = "up"
	Down   Key = "down"
	Left   Key = "left"
	Right  Key = "right"
	OK     Key = "ok"
	Back   Key = "back"
	Stream Key = "stream" // go on and off the air
	Record Key = "record"
)

// Event is a key that went down or up. Contacts do not bounce any more.
type Event struct {
	Key  Key
	Down bool
	// At is when, by the kernel's monotonic clock where the driver is told, else when it
	// was read.
	At time.Time
}

// Keys delivers events.
type Keys interface {
	// Run delivers until ctx ends, then returns nil; an error is that of hardware that
	// is gone. deliver is called from one goroutine and does not block. Keys that are
	// down at the beginning are delivered as going down then; at the end no key is down
	// any more, without an event.
	Run(ctx context.Context, deliver func(Event)) error
	Close() error
}

// Light is one light, or one colour of it.
type Light interface {
	// Set sets its brightness, 0 (off) to 1. The same as before does nothing.
	Set(brightness float64) error
	Close() error // leaves it off, or to whom it belonged before
}

// Size is what a screen shows: characters, or pixels of one colour, on or off.
type Size struct {
	Columns, Rows int // of a character display; else 0
	Width, Height int // of a display of pixels; else 0
}

// Picture is a screen full: of the two, what the screen's Size says.
type Picture struct {
	// Lines are Rows lines of at most Columns characters (runes); shorter ones are filled
	// with spaces. What the display cannot show is a question mark.
	Lines []string
	// Pixels are Width × Height, on where they are brighter than half; nil for characters.
	Pixels *image.Gray
}

// Screen shows pictures.
type Screen interface {
	Size() Size
	// Show draws a picture; only what has changed is sent. It returns when all of it is
	// on its way, within a frame's time of the bus.
	Show(Picture) error
	Close() error // leaves it dark
}
