package v4l2capture

import (
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// What the package needs of the kernel. media/v4l2 is behind it; in tests, a
// device that does what a script says.
type (
	system interface {
		nodes() ([]v4l2.Node, error)
		open(path string) (device, error)
		// controllers are the paths of the media controllers.
		controllers() ([]string, error)
		openMedia(path string) (mediaDevice, error)
		openSubdev(path string) (subdev, error)
		// devNode is the path of a number pair.
		devNode(major, minor uint32) (string, error)
		poller() (poller, error)
		mapBuffer(b *media.Buffer) (mapping, error)
		now() time.Duration // CLOCK_MONOTONIC
	}

	// receiver has DV timings, EDID, controls and events: a video node or a
	// subdevice.
	receiver interface {
		QueryDVTimings() (v4l2.DVTimings, error)
		DVTimings() (v4l2.DVTimings, error)
		SetDVTimings(t v4l2.DVTimings) error
		EDID(pad int) ([]byte, error)
		SetEDID(pad int, edid []byte) error
		Get(id v4l2.ControlID) (int64, error)
		Subscribe(t v4l2.EventType, id uint32) error
		DequeueEvent() (v4l2.Event, error)
		Path() string
		Close() error
	}

	device interface {
		receiver
		Info() v4l2.Info
		Formats(t v4l2.BufType) ([]v4l2.FormatDesc, error)
		FrameSizes(f v4l2.FourCC) ([]v4l2.SizeRange, error)
		FrameRates(f v4l2.FourCC, w, h int) ([]media.Rational, error)
		Format(t v4l2.BufType) (v4l2.Format, error)
		SetFormat(t v4l2.BufType, f v4l2.Format) (v4l2.Format, error)
		FrameRate(t v4l2.BufType) (media.Rational, error)
		SetFrameRate(t v4l2.BufType, r media.Rational) (media.Rational, error)
		Selection(t v4l2.BufType, target v4l2.SelectionTarget) (v4l2.Rect, error)
		SetSelection(t v4l2.BufType, target v4l2.SelectionTarget, r v4l2.Rect) (v4l2.Rect, error)
		Inputs() ([]v4l2.InputDesc, error)
		Input() (int, error)
		SetInput(index int) error
		queue(t v4l2.BufType, f v4l2.Format) queue
	}

	subdev interface {
		receiver
		Format(pad int) (v4l2.BusFormat, error)
		SetFormat(pad int, f v4l2.BusFormat) (v4l2.BusFormat, error)
		BusCodes(pad int) ([]v4l2.BusCode, error)
		FrameRate(pad int) (media.Rational, error)
	}

	mediaDevice interface {
		Topology() (v4l2.Topology, error)
		SetupLink(t *v4l2.Topology, l v4l2.Link, enable bool) error
		Close() error
	}

	queue interface {
		Request(m v4l2.Memory, n int) (int, error)
		Map() error
		Bytes(index, plane int) []byte
		QueueBuffer(b v4l2.Buffer) error
		Dequeue() (v4l2.Buffer, error)
		Start() error
		Stop() error
		Close() error
	}

	poller interface {
		// Wait waits for events on the video node, and for PollPri on the bridge,
		// if that is another.
		Wait(timeout time.Duration, dev device, events v4l2.PollEvents, bridge subdev) (got, ofBridge v4l2.PollEvents, err error)
		Wake()
		Close() error
	}

	mapping interface {
		planes() [3]media.Plane
		Begin(write bool) error
		End() error
		Close() error
	}
)

// linux is the real one.
type linux struct {
	sys fs.FS
	dev string
}

func (l linux) nodes() ([]v4l2.Node, error) { return v4l2.Nodes(l.sys, l.dev) }

func (linux) open(path string) (device, error) {
	d, err := v4l2.Open(path)
	if err != nil {
		return nil, err
	}
	return videoNode{d}, nil
}

func (l linux) controllers() ([]string, error) {
	entries, err := fs.ReadDir(l.sys, "bus/media/devices")
	if err != nil {
		return nil, nil //nolint:nilerr // a kernel without media controllers has none
	}
	var list []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "media") {
			list = append(list, path.Join(l.dev, e.Name()))
		}
	}
	return list, nil
}

func (linux) openMedia(path string) (mediaDevice, error) {
	m, err := v4l2.OpenMedia(path)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (linux) openSubdev(path string) (subdev, error) {
	s, err := v4l2.OpenSubdev(path)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l linux) devNode(major, minor uint32) (string, error) {
	return v4l2.DevNode(l.sys, l.dev, major, minor)
}

func (linux) now() time.Duration { return v4l2.MonotonicNow() }

func (linux) poller() (poller, error) {
	p, err := v4l2.NewPoller()
	if err != nil {
		return nil, err
	}
	return nodePoller{p}, nil
}

func (linux) mapBuffer(b *media.Buffer) (mapping, error) {
	m, err := v4l2.MapBuffer(b)
	if err != nil {
		return nil, err
	}
	return bufferMapping{m}, nil
}

type videoNode struct{ *v4l2.Device }

func (d videoNode) queue(t v4l2.BufType, f v4l2.Format) queue { return d.Queue(t, f) }

type bufferMapping struct{ *v4l2.Mapping }

func (m bufferMapping) planes() [3]media.Plane { return m.Planes }

type nodePoller struct{ *v4l2.Poller }

func (p nodePoller) Wait(timeout time.Duration, dev device, events v4l2.PollEvents, bridge subdev) (got, ofBridge v4l2.PollEvents, err error) {
	node, _ := dev.(videoNode)
	wants := [2]v4l2.Want{{Device: node.Device, Events: events}}
	n := 1
	if sub, ok := bridge.(*v4l2.Subdev); ok {
		wants[1] = v4l2.Want{Subdev: sub, Events: v4l2.PollPri}
		n = 2
	}
	_, ready, err := p.Poller.Wait(timeout, wants[:n]...)
	return ready[0].Events, ready[1].Events, err
}
