package v4l2

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// PollEvents is a set of what a device can be ready for.
type PollEvents int16

// What to wait for, and, with PollErr and PollHup, what Wait reports.
const (
	PollIn  PollEvents = unix.POLLIN  // a capture buffer is finished
	PollPri PollEvents = unix.POLLPRI // an event is pending
	PollOut PollEvents = unix.POLLOUT // an output buffer is finished
	PollErr PollEvents = unix.POLLERR // nothing queued, not streaming, or the device failed
	PollHup PollEvents = unix.POLLHUP // the device is gone
)

// Has says whether any of want are there.
func (e PollEvents) Has(want PollEvents) bool { return e&want != 0 }

// MaxWants is how many devices one Wait can watch.
const MaxWants = 8

// Want is a device and what it is waited for. PollErr and PollHup need not be
// asked for. Leave out a device with nothing queued: it would be ready at once,
// with PollErr.
type Want struct {
	Device *Device
	Subdev *Subdev // instead of Device
	Events PollEvents
}

// Ready is what a device is ready for; zero: nothing.
type Ready struct{ Events PollEvents }

// Poller waits for devices. Wait belongs to one goroutine; Wake to any.
type Poller struct {
	open sync.RWMutex // held for reading while the eventfd is written to
	wake atomic.Int32 // the eventfd, -1 once closed
	one  [8]byte      // what Wake writes, never changed
	fds  [MaxWants + 1]unix.PollFd
	sum  [8]byte // what Wait reads
}

// NewPoller makes a Poller; Close ends it.
func NewPoller() (*Poller, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("v4l2: make an eventfd: %w", err)
	}
	// Something above 0, whatever the byte order.
	p := &Poller{one: [8]byte{1, 1, 1, 1, 1, 1, 1}}
	p.wake.Store(int32(fd))
	return p, nil
}

// Close ends the poller; again it does nothing. No Wait may be under way.
func (p *Poller) Close() error {
	p.open.Lock()
	defer p.open.Unlock()
	fd := p.wake.Swap(-1)
	if fd < 0 {
		return nil
	}
	if err := unix.Close(int(fd)); err != nil {
		return fmt.Errorf("v4l2: close an eventfd: %w", err)
	}
	return nil
}

// Wake ends the Wait under way, or the next. It never blocks; several wakes
// before a Wait are one. After Close it does nothing.
func (p *Poller) Wake() {
	p.open.RLock()
	defer p.open.RUnlock()
	fd := p.wake.Load()
	if fd < 0 {
		return
	}
	// EAGAIN: the count is at its end, so the waiter is awake anyway.
	for {
		if _, err := unix.Write(int(fd), p.one[:]); err != unix.EINTR {
			return
		}
	}
}

// Wait waits until a device is ready, Wake is called, or timeout has passed
// (below zero: never). ready[i] belongs to wants[i]; all are zero after a
// time-out. It returns at once with PollErr for a device that has nothing
// queued or does not stream. It does not allocate.
func (p *Poller) Wait(timeout time.Duration, wants ...Want) (woken bool, ready [MaxWants]Ready, err error) {
	wake := p.wake.Load()
	if wake < 0 || len(wants) > MaxWants {
		return false, ready, waitError(wake, len(wants))
	}
	p.fds[0] = unix.PollFd{Fd: wake, Events: unix.POLLIN}
	for i := range wants {
		// A closed device has -1, which ppoll passes over.
		p.fds[i+1] = unix.PollFd{Fd: wants[i].fd(), Events: int16(wants[i].Events)}
	}
	if err := ppoll(p.fds[:len(wants)+1], timeout); err != nil {
		return false, ready, fmt.Errorf("v4l2: wait for devices: %w", err)
	}
	if p.fds[0].Revents != 0 {
		_, _ = unix.Read(int(wake), p.sum[:]) // resets the count; it cannot fail in a way that matters
		woken = true
	}
	for i := range wants {
		ready[i].Events = PollEvents(p.fds[i+1].Revents)
		if p.fds[i+1].Fd < 0 || ready[i].Events.Has(unix.POLLNVAL) {
			ready[i].Events = PollHup | PollErr
		}
	}
	return woken, ready, nil
}

func (w *Want) fd() int32 {
	switch {
	case w.Device != nil:
		return w.Device.fd.Load()
	case w.Subdev != nil:
		return w.Subdev.fd.Load()
	}
	return -1
}

func waitError(wake int32, n int) error {
	if wake < 0 {
		return fmt.Errorf("v4l2: wait for devices: %w", os.ErrClosed)
	}
	return fmt.Errorf("v4l2: wait for %d devices: at most %d: %w", n, MaxWants, unix.EINVAL)
}

// ppoll goes on waiting for the rest of the time after a signal.
func ppoll(fds []unix.PollFd, timeout time.Duration) error {
	var deadline time.Duration
	if timeout >= 0 {
		deadline = MonotonicNow() + timeout
	}
	for {
		var left *unix.Timespec
		if timeout >= 0 {
			t := unix.NsecToTimespec(int64(max(0, deadline-MonotonicNow())))
			left = &t
		}
		if _, err := unix.Ppoll(fds, left, nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
