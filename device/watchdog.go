package device

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/status"
)

// health says whether the hardware that the streams need still works. While it
// does not, no watchdog is fed: what a restart of the daemon or the board would
// cure is cured by it. Safe for concurrent use.
type health struct {
	mu   sync.Mutex      // guards the field below
	dead map[string]bool // streams whose hardware encoder does not come back
}

// set reports a stream's hardware.
func (h *health) set(stream string, dead bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !dead {
		delete(h.dead, stream)
		return
	}
	if h.dead == nil {
		h.dead = map[string]bool{}
	}
	h.dead[stream] = true
}

func (h *health) good() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.dead) == 0
}

// watchdogTimeout is after how long without food the hardware watchdog resets
// the board: several times the interval at which the loop feeds it.
const (
	watchdogTimeout  = 15 // seconds
	watchdogInterval = time.Second
)

// hardwareWatchdog is an open watchdog device.
type hardwareWatchdog struct{ file *os.File }

// openWatchdog starts a watchdog: from here on the board resets unless it is
// fed. Drivers that cannot do the wanted time-out keep their own.
func openWatchdog(path string) (*hardwareWatchdog, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	w := &hardwareWatchdog{file}
	err = unix.IoctlSetPointerInt(int(file.Fd()), unix.WDIOC_SETTIMEOUT, watchdogTimeout)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTTY) {
		return nil, errors.Join(fmt.Errorf("watchdog: set the time-out of %s: %w", path, err), w.stop())
	}
	return w, nil
}

func (w *hardwareWatchdog) feed() error {
	_, err := w.file.Write([]byte{0})
	return err
}

// stop ends the watch, where the driver lets it.
func (w *hardwareWatchdog) stop() error {
	_, err := w.file.WriteString("V") // "magic close", Documentation/watchdog/watchdog-api.rst
	return errors.Join(err, w.file.Close())
}

// followWatchdog opens or closes the hardware watchdog as the configuration
// says. The loop's alone.
func (d *box) followWatchdog(path string) {
	if path == d.watchdogPath {
		return
	}
	d.stopWatchdog() // also while it is to bite: it is not wanted any more
	d.watchdogPath, d.watchdogErr = path, ""
	d.store.Clear(conditionWatchdog)
	d.startWatchdog()
}

// startWatchdog opens the configured watchdog, if it is not open. It is called
// again as long as that fails: its driver may come late.
func (d *box) startWatchdog() {
	if d.watchdog != nil || d.watchdogPath == "" {
		return
	}
	w, err := openWatchdog(d.watchdogPath)
	if err != nil {
		if err.Error() != d.watchdogErr {
			d.watchdogErr = err.Error()
			d.log.Error("no hardware watchdog", "err", err)
			d.store.Raise(status.Condition{Code: conditionWatchdog, Severity: status.Warning, Message: err.Error() + ": see board.watchdog"})
		}
		return
	}
	d.watchdogErr = ""
	d.store.Clear(conditionWatchdog)
	d.watchdog = w
	d.log.Info("hardware watchdog started", "device", d.watchdogPath, "timeout_s", watchdogTimeout)
}

// stopWatchdog ends the watch: nothing resets the board.
func (d *box) stopWatchdog() {
	if d.watchdog == nil {
		return
	}
	if err := d.watchdog.stop(); err != nil {
		d.log.Warn("the hardware watchdog could not be stopped", "err", err)
	}
	d.watchdog = nil
}

// leaveWatchdog is stopWatchdog at the daemon's end. Where the hardware needs a
// reset it leaves the watch on, and that comes.
func (d *box) leaveWatchdog() {
	if d.watchdog == nil || d.health.good() {
		d.stopWatchdog()
		return
	}
	if err := d.watchdog.file.Close(); err != nil {
		d.log.Warn("the hardware watchdog could not be closed", "err", err)
	}
	d.watchdog = nil
}

// feedWatchdog tells the board that the loop is alive and the hardware works.
func (d *box) feedWatchdog() {
	d.startWatchdog()
	if d.watchdog == nil || !d.health.good() {
		return
	}
	if err := d.watchdog.feed(); err != nil {
		d.log.Warn("the hardware watchdog takes no food", "err", err)
	}
}

// conditionWatchdog (a warning): the configured watchdog cannot be used.
const conditionWatchdog = "board.watchdog"
