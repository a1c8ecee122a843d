// Package hardware is what the box has: which model it is, and with that which
// capture device, sound card and encoder a stream gets. It is the one place
// that knows board models and drivers both.
package hardware

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Box is the hardware that the daemon runs on. Safe for concurrent use.
type Box struct {
	model board.Model
	how   string // how the model was found, for people
	root  fs.FS  // the file system, for /sys and /proc
	log   *slog.Logger
	came  *Arrivals
}

// Auto stands for "find it out" in the configuration.
const Auto = "auto"

// New returns the hardware of this machine. name is a model's, or Auto. Those
// who wait for a device are woken by came.
func New(name string, came *Arrivals, log *slog.Logger) (*Box, error) {
	b := &Box{root: os.DirFS("/"), came: came, log: log}
	return b, b.choose(name)
}

// Known says what is wrong with the name of a model, or Auto; nil: nothing.
func Known(name string) error {
	if _, ok := models.Named(name); !ok && name != Auto {
		return fmt.Errorf("board.model: %q is not a model; encoderd -probe lists them", name)
	}
	return nil
}

func (b *Box) choose(name string) error {
	if name != Auto {
		m, _ := models.Named(name)
		b.model, b.how = m, "configured"
		return Known(name)
	}
	compatible := deviceTreeCompatible(b.root)
	if m, entry := models.Detect(compatible); entry != "" {
		b.model, b.how = m, "device tree: "+entry
		return nil
	}
	b.model, b.how = models.Generic, "no model is known for this machine"
	return nil
}

// Model is the box model that holds.
func (b *Box) Model() board.Model { return b.model }

// How says how the model was found, for people.
func (b *Box) How() string { return b.how }

// sub is a part of the file system.
func (b *Box) sub(dir string) fs.FS {
	s, err := fs.Sub(b.root, dir)
	if err != nil { // the names are constants
		panic(err)
	}
	return s
}

// nodes lists the video devices there are now.
func (b *Box) nodes() ([]v4l2.Node, error) { return v4l2.Nodes(b.sub("sys"), "/dev") }
