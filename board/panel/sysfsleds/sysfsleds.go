// Package sysfsleds drives the lights that the kernel lists in /sys/class/leds.
package sysfsleds

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Light is one of them. Safe for concurrent use.
type Light struct {
	dir     string
	max     float64
	trigger string // whose it was before; "" or "none": nobody's

	mu  sync.Mutex // guards the fields below, and orders writes
	now int        // brightness; -1: not known
}

var _ panel.Light = (*Light)(nil)

// Open takes the light of that name, a folder's below root's sys/class/leds, from whatever
// triggers it (heartbeat, mmc0), and switches it off.
func Open(root, name string) (*Light, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("leds: %q is no name of a light", name)
	}
	l := &Light{dir: filepath.Join(root, "sys/class/leds", name), now: -1}
	text, err := l.read("max_brightness")
	if err != nil {
		return nil, fmt.Errorf("leds: no light %s: %w", name, err)
	}
	if l.max, err = strconv.ParseFloat(text, 64); err != nil || l.max < 1 {
		return nil, fmt.Errorf("leds: %s: max_brightness is %q", name, text)
	}
	if l.trigger, err = l.active(); err != nil {
		return nil, fmt.Errorf("leds: trigger of %s: %w", name, err)
	}
	if l.triggered() {
		if err := l.write("trigger", "none"); err != nil {
			return nil, fmt.Errorf("leds: take %s from its trigger %s: %w", name, l.trigger, err)
		}
	}
	if err := l.Set(0); err != nil {
		return nil, errors.Join(err, l.restore())
	}
	return l, nil
}

// Set sets the brightness; a light that can only be on or off is on from half. The same as
// before does nothing.
func (l *Light) Set(brightness float64) error {
	value := int(math.Round(min(max(brightness, 0), 1) * l.max)) // NaN is 0 below
	if math.IsNaN(brightness) {
		value = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if value == l.now {
		return nil
	}
	l.now = -1
	if err := l.write("brightness", strconv.Itoa(value)); err != nil {
		return fmt.Errorf("leds: set %s: %w", filepath.Base(l.dir), err)
	}
	l.now = value
	return nil
}

// Close switches the light off, or gives it back to its trigger.
func (l *Light) Close() error { return errors.Join(l.Set(0), l.restore()) }

func (l *Light) restore() error {
	if !l.triggered() {
		return nil
	}
	if err := l.write("trigger", l.trigger); err != nil {
		return fmt.Errorf("leds: give %s back to its trigger %s: %w", filepath.Base(l.dir), l.trigger, err)
	}
	return nil
}

func (l *Light) triggered() bool { return l.trigger != "" && l.trigger != "none" }

// active is the trigger in brackets: "none mmc0 [heartbeat]". A kernel without triggers has
// no such file.
func (l *Light) active() (string, error) {
	text, err := l.read("trigger")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	_, text, _ = strings.Cut(text, "[")
	text, _, _ = strings.Cut(text, "]")
	return text, nil
}

func (l *Light) read(file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(l.dir, file))
	return strings.TrimSpace(string(text)), err
}

// write never creates a file: sysfs refuses that with an error that explains nothing.
func (l *Light) write(file, text string) error {
	f, err := os.OpenFile(filepath.Join(l.dir, file), os.O_WRONLY, 0)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrPermission):
			err = fmt.Errorf("%w: the daemon's user may not write it (a udev rule gives the group)", err)
		case errors.Is(err, syscall.EROFS):
			err = fmt.Errorf("%w: /sys is read-only for the daemon (ProtectKernelTunables= of its unit?)", err)
		}
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
