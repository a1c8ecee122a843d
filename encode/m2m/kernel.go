package m2m

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// system is the kernel as this package needs it. Tests put a scripted one in
// its place.
type system interface {
	nodes() ([]v4l2.Node, error)
	open(path string) (device, error)
	poller() (poller, error)
	// closeFD ends a descriptor of queue.Export.
	closeFD(fd int) error
}

// device is an open video node, see v4l2.Device.
type device interface {
	Path() string
	Info() v4l2.Info
	Formats(v4l2.BufType) ([]v4l2.FormatDesc, error)
	FrameSizes(v4l2.FourCC) ([]v4l2.SizeRange, error)
	Format(v4l2.BufType) (v4l2.Format, error)
	SetFormat(v4l2.BufType, v4l2.Format) (v4l2.Format, error)
	SetFrameRate(v4l2.BufType, media.Rational) (media.Rational, error)
	SetSelection(v4l2.BufType, v4l2.SelectionTarget, v4l2.Rect) (v4l2.Rect, error)
	Selection(v4l2.BufType, v4l2.SelectionTarget) (v4l2.Rect, error)
	Controls() ([]v4l2.Control, error)
	Get(v4l2.ControlID) (int64, error)
	Set(v4l2.ControlID, int64) error
	EncoderCommand(v4l2.EncoderCmd) error
	Close() error

	// queue is v4l2.Device.Queue.
	queue(v4l2.BufType, v4l2.Format) queue
}

// queue is one direction of a device, see v4l2.Queue.
type queue interface {
	Request(v4l2.Memory, int) (int, error)
	Map() error
	Bytes(index, plane int) []byte
	Export(index, plane int) (fd int, err error)
	QueueBuffer(v4l2.Buffer) error
	Dequeue() (v4l2.Buffer, error)
	Start() error
	Stop() error
	Close() error
}

// poller waits for one device, see v4l2.Poller.
type poller interface {
	// wait returns what d is ready for, nothing after a wake-up or a time-out.
	wait(timeout time.Duration, d device, want v4l2.PollEvents) (v4l2.PollEvents, error)
	Wake()
	Close() error
}

// linux is the system itself.
type linux struct {
	sys fs.FS  // the root of sysfs
	dev string // the folder of the device nodes
}

func (l linux) nodes() ([]v4l2.Node, error) { return v4l2.Nodes(l.sys, l.dev) }

func (l linux) open(path string) (device, error) {
	d, err := v4l2.Open(path)
	if err != nil {
		return nil, err
	}
	return videoDevice{d}, nil
}

func (l linux) poller() (poller, error) {
	p, err := v4l2.NewPoller()
	if err != nil {
		return nil, err
	}
	return devicePoller{p}, nil
}

func (l linux) closeFD(fd int) error { return unix.Close(fd) }

type videoDevice struct{ *v4l2.Device }

func (d videoDevice) queue(t v4l2.BufType, f v4l2.Format) queue { return d.Queue(t, f) }

type devicePoller struct{ *v4l2.Poller }

func (p devicePoller) wait(timeout time.Duration, d device, want v4l2.PollEvents) (v4l2.PollEvents, error) {
	_, ready, err := p.Wait(timeout, v4l2.Want{Device: d.(videoDevice).Device, Events: want})
	return ready[0].Events, err
}
