package push

import "errors"

// Why a command was not taken.
var (
	ErrNotEnabled = errors.New("the destination is disabled by the configuration: set enabled there")
	ErrPaused     = errors.New("the destination is paused: resume it")
	ErrHeld       = errors.New("the destination is held back by its group")
)

// Pause ends the connection until Resume, a change of Spec.Enabled, or the end of
// the Destination: it is for the moment, the configuration is what lasts. by says
// who wants it. Of a paused destination it changes nothing.
func (d *Destination) Pause(by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.spec.Enabled:
		return ErrNotEnabled
	case d.paused == "":
		d.paused = "paused by " + by
		d.again()
	}
	return nil
}

// Resume takes back a Pause. Of a destination that is not paused it changes
// nothing.
func (d *Destination) Resume() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.spec.Enabled:
		return ErrNotEnabled
	case d.paused != "":
		d.paused = ""
		d.again()
	}
	return nil
}

// Retry forgets the failures so far, the circuit breaker's too, and makes the
// next attempt now. While connected it changes nothing.
func (d *Destination) Retry() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.spec.Enabled:
		return ErrNotEnabled
	case d.paused != "":
		return ErrPaused
	case d.held != "":
		return ErrHeld
	case d.status.State == Failed:
		d.again()
	case d.status.State == Connecting, d.status.State == Reconnecting:
		select {
		case d.retry <- struct{}{}:
		default: // asked for already
		}
	}
	return nil
}

// Hold ends the connection and makes none until it is called with "". reason is
// shown in the status.
func (d *Destination) Hold(reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held != reason {
		d.held = reason
		d.again()
	}
}

// again ends the running life, so that the next follows what has changed. d.mu is
// held.
func (d *Destination) again() {
	if d.restart != nil {
		d.restart()
	}
}
