package v4l2capture

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// class ranks what kind of device it is, the best first.
type class uint8

const (
	classHDMI class = iota
	classUSB
	classCamera
)

func (c class) String() string {
	return [...]string{"hdmi", "usb", "camera"}[c]
}

// source is an open device with what stands before it. Nothing of it has been
// changed, but for the input.
type source struct {
	node  v4l2.Node
	dev   device
	typ   v4l2.BufType
	class class
	input int               // -1: it has none
	raws  []v4l2.FormatDesc // those that can be used, MJPEG among them
	// timed is where DV timings and EDID are, nil for a device without.
	timed receiver
	pipe  *pipeline // nil: the driver sees to what is before the node

	quirks Quirks
}

// name is the device for people, such as "tc358743 (platform:fe801000.csi)".
func (s *source) name() string {
	card, place := s.node.Info.Card, identify(s.node).place
	if s.pipe != nil {
		card = s.pipe.bridgeName()
	}
	return fmt.Sprintf("%s (%s)", card, place)
}

func (s *source) close() error {
	var err error
	if s.pipe != nil {
		err = s.pipe.close()
	}
	return errors.Join(err, s.dev.Close())
}

// bridge is the subdevice whose events count, nil where the node has them.
func (s *source) bridge() subdev {
	if s.pipe != nil {
		return s.pipe.bridge
	}
	return nil
}

// events are where news of the signal comes.
func (s *source) events() receiver {
	if s.pipe != nil {
		return s.pipe.bridge
	}
	return s.dev
}

// openSource opens a node and looks at it. Its error is a *capture.SignalError.
func openSource(sys system, cfg *Config, n v4l2.Node) (*source, error) {
	dev, err := sys.open(n.Path)
	if err != nil {
		return nil, lost(fmt.Sprintf("%s: %v", n.Path, cause(err)), err)
	}
	s := &source{node: n, dev: dev, input: -1}
	s.typ, _ = n.Info.CaptureType()
	if cfg.Quirks != nil {
		s.quirks = cfg.Quirks(n.Info)
	}
	if err := s.look(sys, cfg); err != nil {
		_ = s.close() // nothing hangs on it; err says what matters
		return nil, err
	}
	return s, nil
}

func (s *source) look(sys system, cfg *Config) error {
	desc, err := s.chooseInput(cfg.Input)
	if err != nil {
		return err
	}
	switch {
	case s.node.Info.Caps.Has(v4l2.CapIOMC) || s.quirks.Bridge != "":
		if s.pipe, err = findPipeline(sys, s.node, s.quirks.Bridge); err != nil {
			return err
		}
		if s.pipe.timed {
			s.timed = s.pipe.bridge
		}
	case desc.HasDVTimings:
		s.timed = s.dev
	}
	switch {
	case s.timed != nil:
		s.class = classHDMI
	case s.node.USB != nil:
		s.class = classUSB
	default:
		s.class = classCamera
	}
	return s.listFormats()
}

// chooseInput sets the input that is asked for, and describes the one that is
// set.
func (s *source) chooseInput(want string) (v4l2.InputDesc, error) {
	inputs, err := s.dev.Inputs()
	if err != nil {
		return v4l2.InputDesc{}, s.failed(err)
	}
	if len(inputs) == 0 {
		return v4l2.InputDesc{}, nil
	}
	now, err := s.dev.Input()
	if err != nil {
		return v4l2.InputDesc{}, s.failed(err)
	}
	if want == "" {
		want = strconv.Itoa(now)
	}
	i := slices.IndexFunc(inputs, func(d v4l2.InputDesc) bool {
		return strings.EqualFold(d.Name, want) || strconv.Itoa(d.Index) == want
	})
	if i < 0 {
		var names []string
		for _, d := range inputs {
			names = append(names, fmt.Sprintf("%d (%s)", d.Index, d.Name))
		}
		return v4l2.InputDesc{}, &capture.SignalError{Signal: capture.SignalUnsupported,
			Detail: fmt.Sprintf("%s has no input %q; it has %s", s.node.Path, want, strings.Join(names, ", "))}
	}
	s.input = inputs[i].Index
	if s.input == now {
		return inputs[i], nil
	}
	if err := s.dev.SetInput(s.input); err != nil {
		return v4l2.InputDesc{}, s.failed(err)
	}
	return inputs[i], nil
}

// listFormats keeps the formats that can be used, and says what is wrong with a
// device that has none.
func (s *source) listFormats() error {
	all, err := s.dev.Formats(s.typ)
	if err != nil {
		return s.failed(err)
	}
	var names []string
	bayer := len(all) > 0
	for _, d := range all {
		_, _, raw := d.FourCC.Pixel()
		if (raw || isJPEG(d.FourCC)) && s.carries(d.FourCC) {
			s.raws = append(s.raws, d)
		}
		names = append(names, d.FourCC.String())
		bayer = bayer && d.FourCC.IsBayer()
	}
	if s.pipe != nil && s.pipe.bayer() {
		bayer = true
		s.raws = nil
	}
	if len(s.raws) > 0 {
		return nil
	}
	detail := fmt.Sprintf("%s has none of the formats NV12, YU12, YUYV, UYVY and MJPG: it has %s", s.name(), strings.Join(names, ", "))
	switch {
	case bayer:
		detail = s.name() + " gives raw Bayer samples, which need an image signal processor (ISP): use a camera that has its own, USB or HDMI"
	case len(all) == 0:
		detail = s.name() + " has no picture formats"
	}
	return &capture.SignalError{Signal: capture.SignalUnsupported, Detail: detail}
}

// carries says that the bus before the node brings samples of that format: a
// receiver behind a media controller lists all that it could store.
func (s *source) carries(f v4l2.FourCC) bool {
	return s.pipe == nil || len(s.pipe.codesFor(f)) > 0
}

func isJPEG(f v4l2.FourCC) bool { return f == v4l2.MJPEG || f == v4l2.JPEG }

// failed turns an error of the device into what it means for the signal.
func (s *source) failed(err error) error { return signalOf(err, s.node.Path) }

func signalOf(err error, path string) error {
	e := &capture.SignalError{Err: err}
	if errors.As(err, new(*capture.SignalError)) {
		return err
	}
	switch {
	case errors.Is(err, v4l2.ErrNoSignal):
		e.Signal, e.Detail = capture.SignalNone, "nothing is connected, or it is switched off"
	case errors.Is(err, v4l2.ErrNoSync):
		e.Signal, e.Detail = capture.SignalUnstable, "something is connected, but its signal cannot be locked on"
	case errors.Is(err, v4l2.ErrOutOfRange), errors.Is(err, unix.ERANGE):
		e.Signal, e.Detail = capture.SignalUnsupported, "the source sends a size or rate that the receiver cannot take; set the source to 1920x1080 or less"
	case v4l2.IsGone(err):
		e.Signal, e.Detail = capture.SignalDeviceLost, path+" was unplugged or has failed"
	case errors.Is(err, unix.EBUSY):
		e.Signal, e.Detail = capture.SignalDeviceLost, path+" is in use by another program"
	case errors.Is(err, unix.ENOSPC):
		e.Signal, e.Detail = capture.SignalUnsupported, path+" finds no bandwidth on the USB bus: use another port, or a smaller size or rate"
	case errors.Is(err, unix.ENOMEM):
		e.Signal, e.Detail = capture.SignalStalled, path+" finds no memory for its pictures: give the kernel more for devices (cma=)"
	default:
		e.Signal, e.Detail = capture.SignalStalled, fmt.Sprintf("%s cannot be set up: %v", path, cause(err))
	}
	return e
}
