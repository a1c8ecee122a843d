package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// How often a port is looked for, where the kernel does not tell of it, and tried again.
const (
	every      = 2 * time.Second
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// Ports has somebody talk on the board's serial port and on USB serial adapters, as
// they come and go.
type Ports struct {
	Device string   // the board's: "/dev/ttyS0"; "" for none
	Baud   int      // of all; 0 is 115200
	USB    bool     // adapters (ttyUSB*, ttyACM*) and the box's own gadget port (ttyGS*) too
	Except []string // devices that belong to something else, such as a front panel
	// Run talks on one line until ctx or the line ends, and closes it: Console.Run.
	Run func(ctx context.Context, name string, rw io.ReadWriteCloser) error
	// Open opens a device; nil is OpenPort.
	Open func(device string, baud int) (io.ReadWriteCloser, error)
	Dev  string // where devices are; "" is /dev
	Log  *slog.Logger
}

// Serve runs until ctx ends and all it started has ended. A port that cannot be opened
// is logged once, and tried again.
func (p Ports) Serve(ctx context.Context) error {
	p = p.withDefaults()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	running, ended := map[string]chan struct{}{}, make(chan string)
	plugged, stop := p.plugged(ctx)
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	if plugged != nil {
		tick.Stop()
	}
	for {
		for _, device := range p.devices() {
			if running[device] != nil {
				continue
			}
			wake := make(chan struct{}, 1)
			running[device] = wake
			sessions.Go(func() {
				p.serve(ctx, device, wake)
				select {
				case ended <- device:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case device := <-ended:
			delete(running, device)
		case <-tick.C:
		case _, ok := <-plugged:
			if !ok {
				plugged = nil
				tick.Reset(every)
			}
			for _, wake := range running {
				select {
				case wake <- struct{}{}:
				default:
				}
			}
		}
	}
}

func (p Ports) withDefaults() Ports {
	if p.Baud == 0 {
		p.Baud = 115200
	}
	if p.Dev == "" {
		p.Dev = "/dev"
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Open == nil {
		p.Open = func(device string, baud int) (io.ReadWriteCloser, error) { return OpenPort(device, baud) }
	}
	return p
}

// plugged has one when a serial device may have come, or may be opened now; nil where
// the kernel does not tell, then they are found by looking.
func (p Ports) plugged(ctx context.Context) (<-chan struct{}, func()) {
	f, err := watchFolder(p.Dev, "tty")
	if err != nil {
		p.Log.InfoContext(ctx, "console: serial adapters are found by looking for them", "err", err)
		return nil, func() {}
	}
	return f.C, func() { _ = f.Close() }
}

// devices are those to talk on now.
func (p Ports) devices() (all []string) {
	if p.Device != "" {
		all = append(all, p.Device)
	}
	if !p.USB {
		return all
	}
	for _, pattern := range []string{"ttyUSB*", "ttyACM*", "ttyGS*"} {
		found, _ := filepath.Glob(filepath.Join(p.Dev, pattern)) // fails for a bad pattern alone
		for _, f := range found {
			same := func(other string) bool { return resolved(other) == resolved(f) }
			if !slices.ContainsFunc(p.Except, same) && !slices.ContainsFunc(all, same) {
				all = append(all, f)
			}
		}
	}
	return all
}

// resolved is a path behind symbolic links, such as those of /dev/serial/by-id.
func resolved(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	return filepath.Clean(path)
}

// serve opens a device again and again, until ctx ends or an adapter is gone.
func (p Ports) serve(ctx context.Context, device string, wake <-chan struct{}) {
	pause, said := firstPause, ""
	for ctx.Err() == nil {
		begun := time.Now()
		err := p.once(ctx, device)
		if ctx.Err() != nil {
			return
		}
		if _, gone := os.Stat(device); errors.Is(gone, os.ErrNotExist) && device != p.Device {
			p.Log.InfoContext(ctx, "console: the serial adapter is gone", "device", device)
			return
		}
		if time.Since(begun) > maxPause {
			pause, said = firstPause, ""
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			p.Log.WarnContext(ctx, "console: the serial port is tried again", "device", device, "err", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
			pause = min(maxPause, 2*pause)
		case <-wake:
			pause = firstPause
		}
		timer.Stop()
	}
}

// once opens a device and has somebody talk on it until it ends.
func (p Ports) once(ctx context.Context, device string) error {
	port, err := p.Open(device, p.Baud)
	if err != nil {
		return err
	}
	p.Log.InfoContext(ctx, "console: a serial port is open", "device", device, "baud", p.Baud)
	return p.Run(ctx, filepath.Base(device), port)
}
