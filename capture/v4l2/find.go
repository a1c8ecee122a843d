package v4l2capture

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

const (
	selectAuto = "auto"
	selectUSB  = "usb:"
)

// grace is how long a device that is away is waited for before another may take
// its place: it may have been reset, or be on its way to another number.
const grace = 10 * time.Second

// identity is what a device is known by when it comes back under another number.
type identity struct {
	card string
	// place is the USB socket, or the bus.
	place string
	usb   string // vendor, product and serial number; empty where there is no serial
	node  string
	seen  time.Duration // when it was last there, CLOCK_MONOTONIC
}

func identify(n v4l2.Node) identity {
	id := identity{card: n.Info.Card, place: n.Info.Bus, node: n.Path}
	if n.USB != nil {
		id.place = selectUSB + n.USB.Path
		if n.USB.Serial != "" {
			id.usb = n.USB.Vendor + ":" + n.USB.Product + ":" + n.USB.Serial
		}
	}
	return id
}

// again says that other is the same device: in the same place, or with the same
// serial number in another.
func (id identity) again(other identity) bool {
	return id.card == other.card && (id.place == other.place || id.usb != "" && id.usb == other.usb)
}

// find opens the device that the selector means.
func (v *Video) find() (*source, error) {
	all, err := v.sys.nodes()
	if err != nil {
		return nil, lost(fmt.Sprintf("no video device can be opened: %v; let the user of this program into the group of /dev/video*", cause(err)), err)
	}
	list := captureNodes(all)
	wanted := v.matching(list)
	if len(wanted) == 0 {
		return nil, v.missing(list)
	}
	src, err := v.best(wanted)
	if err != nil {
		return nil, err
	}
	v.known = identify(src.node)
	v.known.seen = v.sys.now()
	v.parent.Store(&src.node.Parent)
	return src, nil
}

// captureNodes leaves out what gives no pictures from outside: metadata,
// outputs, codecs, and image processors between memory and memory.
func captureNodes(all []v4l2.Node) []v4l2.Node {
	return slices.DeleteFunc(slices.Clone(all), func(n v4l2.Node) bool {
		_, isCapture := n.Info.CaptureType()
		_, _, isM2M := n.Info.M2M()
		return !isCapture || isM2M || isProcessor(n.Info.Driver)
	})
}

// isProcessor names the drivers whose capture nodes only give back what an
// output node of theirs was given.
func isProcessor(driver string) bool {
	switch driver {
	case "bcm2835-isp", "bcm2835-codec", "pispbe", "rkisp1-params":
		return true
	}
	return false
}

// matching are the nodes that the selector means, the device of the last time
// before all others.
func (v *Video) matching(list []v4l2.Node) []v4l2.Node {
	if v.known.card != "" {
		known := slices.DeleteFunc(slices.Clone(list), func(n v4l2.Node) bool { return !v.known.again(identify(n)) })
		if i := slices.IndexFunc(known, func(n v4l2.Node) bool { return n.Path == v.known.node }); i >= 0 {
			return known[i : i+1] // one card may have several nodes
		}
		if len(known) > 0 {
			return known
		}
		if v.byPlace() && v.sys.now()-v.known.seen < grace {
			return nil
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(n v4l2.Node) bool { return !selects(v.cfg.Selector, n) })
}

// byPlace says that the selector may come to mean another device than it did.
func (v *Video) byPlace() bool {
	return v.cfg.Selector == selectAuto || strings.HasPrefix(v.cfg.Selector, "/")
}

func selects(selector string, n v4l2.Node) bool {
	switch {
	case selector == selectAuto:
		return true
	case strings.HasPrefix(selector, "/"):
		return selector == n.Path
	case strings.HasPrefix(selector, selectUSB):
		return n.USB != nil && n.USB.Path == selector[len(selectUSB):]
	}
	for _, name := range [...]string{n.Info.Card, n.Name, n.Info.Driver, n.Info.Bus} {
		if strings.EqualFold(name, selector) {
			return true
		}
	}
	return false
}

// missing says that the device is not there, and what is.
func (v *Video) missing(list []v4l2.Node) error {
	var there []string
	for _, n := range list {
		there = append(there, fmt.Sprintf("%s (%s)", n.Path, n.Info.Card))
	}
	what := "there is no capture device"
	switch {
	case v.known.card != "" && v.byPlace():
		what = fmt.Sprintf("%s (%s) is not there", v.known.card, v.known.place)
	case v.cfg.Selector != selectAuto:
		what = fmt.Sprintf("no capture device is %q", v.cfg.Selector)
	}
	if there != nil {
		what += "; there is " + strings.Join(there, ", ")
	}
	return lost(what, nil)
}

// best opens the best of the nodes; the others are closed again.
func (v *Video) best(nodes []v4l2.Node) (*source, error) {
	var found []*source
	var failed []error
	for _, n := range nodes {
		src, err := openSource(v.sys, &v.cfg, n)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		found = append(found, src)
		if len(nodes) > 1 {
			v.cfg.Log.Debug("capture device found", "path", n.Path, "card", n.Info.Card, "class", src.class.String())
		}
	}
	if len(found) == 0 {
		return nil, failed[0]
	}
	slices.SortStableFunc(found, func(a, b *source) int {
		return cmp.Or(cmp.Compare(v.rank(a), v.rank(b)), cmp.Compare(a.class, b.class))
	})
	for _, other := range found[1:] {
		_ = other.close() // nothing was asked of it
	}
	return found[0], nil
}

// rank is the place of a device's driver among those preferred.
func (v *Video) rank(s *source) int {
	if i := slices.Index(v.cfg.Prefer, s.node.Info.Driver); i >= 0 {
		return i
	}
	return len(v.cfg.Prefer)
}

// Found is a capture device, for people who look for the right selector.
type Found struct {
	Path, Card, Driver, Bus string
	USB                     string // socket, "1-1.4"; empty where it is no USB device
	Kind                    string // "hdmi", "usb" or "camera"
	Formats                 []string
	Problem                 string // why it cannot be used; empty where it can
}

// List looks at every capture device of the system and changes none. cfg's
// Selector and Input are not read.
func List(cfg Config) ([]Found, error) {
	cfg.Input = ""
	v := New(cfg, nil)
	return v.list()
}

func (v *Video) list() ([]Found, error) {
	all, err := v.sys.nodes()
	if err != nil {
		return nil, fmt.Errorf("list capture devices: %w", err)
	}
	var list []Found
	for _, n := range captureNodes(all) {
		f := Found{Path: n.Path, Card: n.Info.Card, Driver: n.Info.Driver, Bus: n.Info.Bus}
		if n.USB != nil {
			f.USB = n.USB.Path
		}
		src, err := openSource(v.sys, &v.cfg, n)
		if err == nil {
			f.Kind = src.class.String()
			for _, d := range src.raws {
				f.Formats = append(f.Formats, d.FourCC.String())
			}
			err = src.close()
		}
		if err != nil {
			f.Problem = err.Error()
			if e := (*capture.SignalError)(nil); errors.As(err, &e) {
				f.Problem = e.Detail
			}
		}
		list = append(list, f)
	}
	return list, nil
}

// lost is the error of a device that is not there.
func lost(detail string, err error) error {
	return &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: detail, Err: err}
}

// cause is the kernel's word for an error, where it has one.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
