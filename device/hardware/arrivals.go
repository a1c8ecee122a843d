package hardware

import (
	"context"
	"errors"
	"sync"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Arrivals tells those who wait for a device that one came. The zero value is
// ready; it is safe for concurrent use.
type Arrivals struct {
	mu      sync.Mutex // guards the field below
	waiting map[chan struct{}]bool
}

// wake returns a channel that receives when a device came, until ctx ends.
func (a *Arrivals) wake(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[chan struct{}]bool{}
	}
	a.waiting[c] = true
	context.AfterFunc(ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, c)
	})
	return c
}

func (a *Arrivals) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.waiting {
		select {
		case c <- struct{}{}:
		default: // it has word of an earlier one
		}
	}
}

// Watch listens to the kernel's word of devices that come, until ctx ends. Those
// who wait for a device look for it by time too; with Watch they look at once.
func (a *Arrivals) Watch(ctx context.Context) error {
	events, err := v4l2.ListenUevents()
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), events.Close())
		case e, ok := <-events.C:
			if !ok {
				return errors.Join(errors.New("hardware: the kernel's events ended"), events.Close())
			}
			if announces(e) {
				a.tell()
			}
		}
	}
}

func announces(e v4l2.Uevent) bool {
	return e.Action == v4l2.UeventsLost ||
		(e.Action == "add" || e.Action == "change") && (e.Subsystem == "video4linux" || e.Subsystem == "sound")
}
