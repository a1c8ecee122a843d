package m2m

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

// ErrNoDevice says that no H.264 encoder was found.
var ErrNoDevice = errors.New("no V4L2 H.264 encoder")

// Found is an encoder of the machine.
type Found struct {
	Path string
	Info v4l2.Info
	Raw  []v4l2.FourCC // what it takes, as the driver lists it
}

// Find lists the machine's H.264 encoders: memory-to-memory devices that take a
// raw format and make H.264. Their numbers say nothing, they change from boot
// to boot.
func Find(c Config) ([]Found, error) { return find(c.system()) }

func find(sys system) ([]Found, error) {
	nodes, err := sys.nodes()
	if err != nil {
		return nil, fmt.Errorf("m2m: %w", err)
	}
	var list []Found
	var failed []error
	for _, n := range nodes {
		if _, _, ok := n.Info.M2M(); !ok {
			continue
		}
		f, err := examine(sys, n.Path)
		switch {
		case err != nil:
			failed = append(failed, err)
		case f.Raw != nil:
			list = append(list, f)
		}
	}
	if list == nil {
		return nil, errors.Join(failed...)
	}
	return list, nil
}

// examine says what a device takes; Raw is nil where it is no H.264 encoder.
func examine(sys system, path string) (Found, error) {
	d, err := sys.open(path)
	if err != nil {
		return Found{}, fmt.Errorf("m2m: %w", err)
	}
	raw, err := rawFormats(d)
	return Found{Path: path, Info: d.Info(), Raw: raw}, errors.Join(err, d.Close())
}

// rawFormats are the raw formats that an H.264 encoder takes, nil for any other
// device.
func rawFormats(d device) ([]v4l2.FourCC, error) {
	out, in, ok := d.Info().M2M()
	if !ok {
		return nil, nil
	}
	coded, err := d.Formats(in)
	if err != nil || !lists(coded, v4l2.H264) {
		return nil, err
	}
	list, err := d.Formats(out)
	if err != nil {
		return nil, err
	}
	var raw []v4l2.FourCC
	for _, f := range list {
		if !f.Compressed {
			raw = append(raw, f.FourCC)
		}
	}
	return raw, nil
}

func lists(formats []v4l2.FormatDesc, f v4l2.FourCC) bool {
	for _, d := range formats {
		if d.FourCC == f {
			return true
		}
	}
	return false
}

// choose is the path of the device that the selector names: a path, a driver's
// or card's name, or "" and "auto" for the first there is.
func choose(sys system, selector string) (string, error) {
	if strings.HasPrefix(selector, "/") {
		return selector, nil
	}
	list, err := find(sys)
	if err != nil {
		return "", err
	}
	var names []string
	for _, f := range list {
		if selector == "" || selector == "auto" || selector == f.Info.Driver || selector == f.Info.Card {
			return f.Path, nil
		}
		names = append(names, f.Info.Driver+" ("+f.Path+")")
	}
	switch {
	case names != nil:
		return "", fmt.Errorf("m2m: %w is called %q; there is %s", ErrNoDevice, selector, strings.Join(names, ", "))
	default:
		return "", fmt.Errorf("m2m: %w: %w", ErrNoDevice, os.ErrNotExist)
	}
}
