package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// node is an open device node: what video devices and subdevices share.
type node struct {
	path string
	k    kernel
	fd   atomic.Int32  // -1 once closed
	open sync.RWMutex  // held for reading by each call, so that none meets a descriptor that is another file's by now
	hook atomic.Uint32 // counts what takes the descriptor out of the pollers' sets

	mu      sync.Mutex // guards the field below
	pollers []*Poller  // that have the descriptor in their set
}

// Path the node was opened by.
func (n *node) Path() string { return n.path }

// FD is the node's descriptor, -1 once closed. It stays the node's own.
func (n *node) FD() int { return int(n.fd.Load()) }

// Close waits for calls under way and closes the node; again it does nothing.
// Calls that come later give os.ErrClosed. Queues are closed before, and no
// Poller waits for the node.
func (n *node) Close() error {
	n.open.Lock()
	defer n.open.Unlock()
	fd := n.fd.Swap(-1)
	if fd < 0 {
		return nil
	}
	n.unwatch(int(fd))
	if err := n.k.close(int(fd)); err != nil {
		return n.fail("close", err)
	}
	return nil
}

// unwatch takes the descriptor out of all sets; the next Wait adds it anew. The
// kernel asks a driver on any thread whether what a set has is ready, the one that
// looks after all of the process's sockets included. That one would wait for a
// driver that holds its lock while it stops, and would hold the file of a node that
// is closed, so that its buffers were freed some time after Close.
func (n *node) unwatch(fd int) {
	n.mu.Lock()
	pollers := n.pollers
	n.pollers = nil
	n.mu.Unlock()
	n.hook.Add(1)
	for _, p := range pollers {
		p.forget(fd)
	}
}

// watched notes that a poller has the descriptor, or has it no more.
func (n *node) watched(p *Poller, has bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pollers = slices.DeleteFunc(n.pollers, func(o *Poller) bool { return o == p })
	if has {
		n.pollers = append(n.pollers, p)
	}
}

// call is the ioctl; its error is the bare errno, or os.ErrClosed.
func (n *node) call(req uintptr, arg unsafe.Pointer) error {
	n.open.RLock()
	defer n.open.RUnlock()
	fd := n.FD()
	if fd < 0 {
		return os.ErrClosed
	}
	return n.k.ioctl(fd, req, arg)
}

// do is call with operation and device named in the error.
func (n *node) do(op string, req uintptr, arg unsafe.Pointer) error {
	if err := n.call(req, arg); err != nil {
		return n.fail(op, err)
	}
	return nil
}

func (n *node) fail(op string, err error) error {
	return fmt.Errorf("v4l2: %s on %s: %w", op, n.path, err)
}

// enumerate calls ask with 0, 1, … until it says EINVAL, the end of every
// V4L2 enumeration. What has no enumeration at all (ENOTTY, ENODATA) is empty.
// Past most items the driver is taken to be broken.
func (n *node) enumerate(op string, ask func(i uint32) error) error {
	const most = 4096
	for i := range uint32(most) {
		err := ask(i)
		switch {
		case err == nil:
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTTY), errors.Is(err, unix.ENODATA):
			return nil
		default:
			return n.fail(op, err)
		}
	}
	return n.fail(op, fmt.Errorf("the driver's list does not end after %d items", most))
}

// Device is an open video node, /dev/videoN.
type Device struct {
	node
	info Info
}

// Open opens a video node for reading and writing, without blocking, and asks
// what it can do.
func Open(path string) (*Device, error) {
	fd, err := openNode(path)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open %s: %w", path, err)
	}
	return newDevice(linux{}, path, fd)
}

// newDevice owns fd, also when it fails.
func newDevice(k kernel, path string, fd int) (*Device, error) {
	d := &Device{node: node{path: path, k: k}}
	d.fd.Store(int32(fd))
	var c v4l2Capability
	if err := d.do("query capabilities", vidiocQueryCap, unsafe.Pointer(&c)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.info = Info{
		Driver:  cString(c.driver[:]),
		Card:    cString(c.card[:]),
		Bus:     cString(c.busInfo[:]),
		Version: version(c.version),
		Caps:    Caps(c.capabilities),
	}
	if d.info.Caps.Has(capDeviceCaps) {
		d.info.Caps = Caps(c.deviceCaps)
	}
	return d, nil
}

// Info is what the driver said when the device was opened.
func (d *Device) Info() Info { return d.info }

// Info says who drives a node and what the node can do.
type Info struct {
	Driver, Card, Bus string
	Version           [3]int // of the kernel, for drivers in its tree
	Caps              Caps   // of this node, not of the whole device
}

// Caps is a set of capabilities.
type Caps uint32

// The capabilities.
const (
	CapVideoCapture       Caps = 0x00000001
	CapVideoOutput        Caps = 0x00000002
	CapVideoCaptureMplane Caps = 0x00001000
	CapVideoOutputMplane  Caps = 0x00002000
	CapVideoM2MMplane     Caps = 0x00004000
	CapVideoM2M           Caps = 0x00008000
	CapMetaCapture        Caps = 0x00800000
	CapReadWrite          Caps = 0x01000000
	CapStreaming          Caps = 0x04000000
	CapMetaOutput         Caps = 0x08000000
	CapIOMC               Caps = 0x20000000 // its pipeline is set up by the media controller

	capDeviceCaps Caps = 0x80000000
)

// Has says whether all of want are there.
func (c Caps) Has(want Caps) bool { return c&want == want }

// CaptureType is the buffer type of a node that streams pictures in, and false
// for any other; a memory-to-memory device is no capture node.
func (i Info) CaptureType() (BufType, bool) {
	if _, _, m2m := i.M2M(); m2m || !i.Caps.Has(CapStreaming) {
		return 0, false
	}
	switch {
	case i.Caps.Has(CapVideoCapture):
		return VideoCapture, true
	case i.Caps.Has(CapVideoCaptureMplane):
		return VideoCaptureMplane, true
	}
	return 0, false
}

// M2M gives the buffer types of a memory-to-memory device: output takes what
// is to be processed, capture returns the results.
func (i Info) M2M() (output, capture BufType, ok bool) {
	switch {
	case !i.Caps.Has(CapStreaming):
		return 0, 0, false
	case i.Caps.Has(CapVideoM2MMplane), i.Caps.Has(CapVideoCaptureMplane | CapVideoOutputMplane):
		return VideoOutputMplane, VideoCaptureMplane, true
	case i.Caps.Has(CapVideoM2M):
		return VideoOutput, VideoCapture, true
	}
	return 0, 0, false
}

// The sentinels of Queue.Dequeue and DequeueEvent, returned bare.
var (
	ErrAgain = errors.New("v4l2: nothing to dequeue yet")
	ErrLast  = errors.New("v4l2: the last buffer has been dequeued")
)

// IsGone says that the device was unplugged or died: only closing it helps.
// An encoder may also say EIO when its hardware failed; there too it is to be
// closed and opened again.
func IsGone(err error) bool {
	for _, e := range [...]error{unix.ENODEV, unix.ENXIO, unix.EIO, unix.ESHUTDOWN, os.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// MonotonicNow is CLOCK_MONOTONIC now, the clock of Buffer.Timestamp.
func MonotonicNow() time.Duration {
	var t unix.Timespec
	// It does not block, so the scheduler need not know of it.
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		panic("v4l2: CLOCK_MONOTONIC: " + errno.Error()) // POSIX has it always
	}
	return time.Duration(t.Nano())
}

// cString is the text up to the NUL, or all of it where a driver forgot the
// NUL; what is not printable ASCII or UTF-8 is replaced.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	b = bytes.ToValidUTF8(b, []byte("?"))
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, b))
}

func version(v uint32) [3]int {
	return [3]int{int(v >> 16 & 0xffff), int(v >> 8 & 0xff), int(v & 0xff)}
}
