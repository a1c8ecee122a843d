package v4l2

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

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
//
// The devices are watched by an epoll of the poller's own, and that by the
// runtime's: a goroutine that waits holds no thread. With a blocking ppoll the
// runtime watches for 10 ms whether the call returns, waking up many times: more
// work than there is in passing a picture on.
type Poller struct {
	set     *os.File // the epoll
	epoll   int      // its descriptor, for what does not wait
	conn    syscall.RawConn
	look    func(uintptr) bool // p.found, made once
	watched [MaxWants]watch    // what the set has
	made    time.Time
	alarm   time.Duration // since made: when the deadline of the set ends a read; 0: never
	events  [MaxWants + 1]unix.EpollEvent
	n       int           // of events that are found
	all     unix.Sigset_t // every signal

	open sync.RWMutex // held for reading while a descriptor is used by others than Wait
	wake atomic.Int32 // the eventfd, -1 once closed
	one  uint64       // what Wake writes, never changed
}

// watch is a place of the set. A descriptor may be another device's by now.
type watch struct {
	node   *node // nil: none
	fd     int32
	hook   uint32 // the node's, when it was added
	events PollEvents
}

// NewPoller makes a Poller; Close ends it.
func NewPoller() (*Poller, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("v4l2: make an eventfd: %w", err)
	}
	p := &Poller{one: 1, made: time.Now()}
	p.wake.Store(int32(fd))
	if err := p.makeSet(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("v4l2: make an epoll: %w", err), unix.Close(fd))
	}
	p.look = p.found
	for i := range p.all.Val {
		p.all.Val[i] = ^p.all.Val[i]
	}
	return p, nil
}

func (p *Poller) makeSet(wake int) error {
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	err = unix.SetNonblock(set, true) // os.NewFile has the runtime watch what does not block
	p.set, p.epoll = os.NewFile(uintptr(set), "epoll"), set
	if err == nil { // each write is news, so that nobody has to read
		err = unix.EpollCtl(set, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET})
	}
	if err == nil {
		err = p.set.SetReadDeadline(time.Time{})
	}
	if err == nil {
		p.conn, err = p.set.SyscallConn()
	}
	if err != nil {
		return errors.Join(err, p.set.Close())
	}
	return nil
}

// Close ends the poller; again it does nothing. No Wait may be under way.
func (p *Poller) Close() error {
	p.open.Lock()
	defer p.open.Unlock()
	fd := p.wake.Swap(-1)
	if fd < 0 {
		return nil
	}
	for i := range p.watched {
		p.drop(i)
	}
	if err := errors.Join(p.set.Close(), unix.Close(int(fd))); err != nil {
		return fmt.Errorf("v4l2: close a poller: %w", err)
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
	for { // it does not block, and the count has room for centuries
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p.one)), unsafe.Sizeof(p.one))
		if errno != unix.EINTR {
			return
		}
	}
}

// Wait waits until a device is ready, Wake is called, or timeout has passed
// (below zero: never). ready[i] belongs to wants[i]; all are zero after a
// time-out. It returns at once with PollErr for a device that has nothing
// queued or does not stream, and with PollHup for one that is closed. A device
// is in wants once. It does not allocate.
func (p *Poller) Wait(timeout time.Duration, wants ...Want) (woken bool, ready [MaxWants]Ready, err error) {
	wake := p.wake.Load()
	if wake < 0 || len(wants) > MaxWants {
		return false, ready, waitError(wake, len(wants))
	}
	closed, err := p.watch(wants)
	if err == nil {
		if closed {
			timeout = 0
		}
		err = p.await(timeout)
	}
	if err != nil {
		return false, ready, fmt.Errorf("v4l2: wait for devices: %w", err)
	}
	for _, e := range p.events[:p.n] {
		if e.Fd == 0 {
			woken = true
			continue
		}
		ready[e.Fd-1].Events = PollEvents(e.Events)
	}
	p.n = 0
	for i := range wants {
		if p.watched[i].node == nil {
			ready[i].Events = PollHup | PollErr
		}
	}
	return woken, ready, nil
}

// watch makes the set that of wants. closed says that one of them is. What goes
// goes first: a descriptor may be another device's now, in another place.
func (p *Poller) watch(wants []Want) (closed bool, err error) {
	for i := range p.watched {
		if i >= len(wants) || p.watched[i] != wants[i].watch() {
			p.drop(i)
		}
	}
	for i := range wants {
		if want := wants[i].watch(); p.watched[i] != want {
			if err := p.add(i, want); err != nil {
				return closed, err
			}
		}
		closed = closed || p.watched[i].node == nil
	}
	return closed, nil
}

func (p *Poller) drop(i int) {
	if has := p.watched[i]; has.node != nil {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, int(has.fd), nil) // one that was closed is gone already
		has.node.watched(p, false)
		p.watched[i] = watch{}
	}
}

// forget takes a descriptor out of the set that is about to be closed.
func (p *Poller) forget(fd int) {
	p.open.RLock()
	defer p.open.RUnlock()
	if p.wake.Load() >= 0 {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil) // it may be gone
	}
}

// add fills an empty place. A descriptor is always added anew, never modified:
// some drivers hook a waiter only to the queues it asks for at first.
func (p *Poller) add(i int, want watch) error {
	err := p.hook(int(want.fd), &unix.EpollEvent{Events: uint32(uint16(want.events)), Fd: int32(i + 1)})
	switch {
	case errors.Is(err, unix.EBADF): // closed just now
		return nil
	case err == nil:
		p.watched[i] = want
		want.node.watched(p, true)
	}
	return err
}

// hook adds a descriptor with no signal in between: a driver that is interrupted
// while it waits for its lock (vb2_fop_poll, by the runtime's SIGURG) says EPOLLERR,
// and never hooks the waiter to its queue. Nothing would wake it.
func (p *Poller) hook(fd int, e *unix.EpollEvent) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &p.all, &before); err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_CTL, uintptr(p.epoll), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(e)), 0, 0)
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// await waits until the set has something or the time is over.
func (p *Poller) await(timeout time.Duration) error {
	if timeout == 0 {
		p.found(0)
		return nil
	}
	var until time.Duration
	if timeout >= 0 {
		until = time.Since(p.made) + timeout
	}
	for {
		if timeout >= 0 {
			if err := p.arm(until); err != nil {
				return err
			}
		}
		err := p.conn.Read(p.look)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		// It may be the deadline of an earlier Wait.
		if err := p.disarm(); err != nil {
			return err
		}
		if timeout >= 0 && time.Since(p.made) >= until {
			p.found(0)
			return nil
		}
	}
}

// arm has the read end by then, or earlier: a deadline that is there is left
// alone where it can be, since most waits end long before theirs.
func (p *Poller) arm(until time.Duration) error {
	if p.alarm != 0 && p.alarm <= until {
		return nil
	}
	p.alarm = until
	return p.set.SetReadDeadline(p.made.Add(until))
}

func (p *Poller) disarm() error {
	p.alarm = 0
	return p.set.SetReadDeadline(time.Time{})
}

// found looks what is ready. It asks the drivers, each of which takes a lock: the
// scheduler is told, and no signal has one say EPOLLERR (see hook).
func (p *Poller) found(uintptr) bool {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0,
			uintptr(unsafe.Pointer(&p.all)), kernelSigset)
		if errno == unix.EINTR {
			continue
		}
		p.n = 0
		if errno == 0 {
			p.n = int(n)
		}
		return p.n > 0
	}
}

// kernelSigset is the size of the kernel's signal set in bytes.
const kernelSigset = 8

func (w *Want) watch() watch {
	n := w.node()
	if n == nil {
		return watch{}
	}
	fd := n.fd.Load()
	if fd < 0 {
		return watch{}
	}
	return watch{node: n, fd: fd, hook: n.hook.Load(), events: w.Events}
}

func (w *Want) node() *node {
	switch {
	case w.Device != nil:
		return &w.Device.node
	case w.Subdev != nil:
		return &w.Subdev.node
	}
	return nil
}

func waitError(wake int32, n int) error {
	if wake < 0 {
		return fmt.Errorf("v4l2: wait for devices: %w", os.ErrClosed)
	}
	return fmt.Errorf("v4l2: wait for %d devices: at most %d: %w", n, MaxWants, unix.EINVAL)
}
