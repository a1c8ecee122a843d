package v4l2

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Node is a video node found in the system.
type Node struct {
	Path   string // "/dev/video0"
	Name   string // what sysfs calls it, often the same as Info.Card
	Info   Info
	Parent string // sysfs path of the physical device, such as a USB interface, below the root of sysfs
	USB    *USBID // nil where it is no USB device
}

// USBID names a USB device by its place and by itself.
type USBID struct {
	Path            string // bus and ports, "1-1.4": the same socket, the same path
	Vendor, Product string // four hexadecimal digits
	Serial          string // "" where it has none; many makers give all the same
}

// Nodes lists the video nodes that answer, in the order of their numbers. sys
// is the root of sysfs, os.DirFS("/sys"), dev the folder of device nodes,
// "/dev". A node that cannot be opened is left out; if that is so of all, the
// error says why.
func Nodes(sys fs.FS, dev string) ([]Node, error) {
	return nodes(sys, dev, func(p string) (Info, error) {
		d, err := Open(p)
		if err != nil {
			return Info{}, err
		}
		return d.Info(), d.Close()
	})
}

func nodes(sys fs.FS, dev string, query func(path string) (Info, error)) ([]Node, error) {
	const class = "class/video4linux"
	entries, err := fs.ReadDir(sys, class)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // no driver is loaded
	case err != nil:
		return nil, fmt.Errorf("v4l2: list video devices: %w", err)
	}
	var list []Node
	var failed []error
	for _, name := range byNumber(entries, "video") {
		dir := path.Join(class, name)
		n := Node{Path: path.Join(dev, devName(sys, dir, name)), Name: readLine(sys, dir+"/name")}
		if n.Info, err = query(n.Path); err != nil {
			failed = append(failed, err)
			continue
		}
		n.Parent = parent(sys, dir)
		n.USB = usbID(sys, n.Parent)
		list = append(list, n)
	}
	if list == nil {
		return nil, errors.Join(failed...)
	}
	return list, nil
}

// byNumber is the names of prefix and a number, sorted by the number.
func byNumber(entries []fs.DirEntry, prefix string) []string {
	var names []string
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	return names
}

// devName is the device node's name below /dev.
func devName(sys fs.FS, dir, otherwise string) string {
	if name := property(sys, dir+"/uevent", "DEVNAME"); name != "" && fs.ValidPath(name) {
		return name
	}
	return otherwise
}

// property is the value of KEY=value in a uevent file.
func property(sys fs.FS, file, key string) string {
	b, err := fs.ReadFile(sys, file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, key+"="); ok {
			return cString([]byte(strings.TrimSpace(v)))
		}
	}
	return ""
}

// readLine is a file's text, "" where there is none.
func readLine(sys fs.FS, file string) string {
	b, err := fs.ReadFile(sys, file)
	if err != nil {
		return ""
	}
	return cString([]byte(strings.TrimSpace(string(b))))
}

// parent is where the link "device" of a class's entry leads, whose folder is
// itself a link.
func parent(sys fs.FS, dir string) string {
	if to, err := fs.ReadLink(sys, dir); err == nil {
		dir = path.Join(path.Dir(dir), to)
	}
	to, err := fs.ReadLink(sys, dir+"/device")
	if err != nil {
		return ""
	}
	p := path.Join(dir, to)
	if !fs.ValidPath(p) {
		return ""
	}
	return p
}

// usbID looks for the USB device that dir is, or is an interface of.
func usbID(sys fs.FS, dir string) *USBID {
	for ; dir != "." && dir != "" && dir != "devices"; dir = path.Dir(dir) {
		if vendor := readLine(sys, dir+"/idVendor"); vendor != "" {
			return &USBID{Path: path.Base(dir), Vendor: vendor,
				Product: readLine(sys, dir+"/idProduct"), Serial: readLine(sys, dir+"/serial")}
		}
	}
	return nil
}

// DevNode is the device node of a number pair of the media controller, such as
// "/dev/v4l-subdev0".
func DevNode(sys fs.FS, dev string, major, minor uint32) (string, error) {
	name := property(sys, fmt.Sprintf("dev/char/%d:%d/uevent", major, minor), "DEVNAME")
	if name == "" || !fs.ValidPath(name) {
		return "", fmt.Errorf("v4l2: no device node has the number %d:%d: %w", major, minor, fs.ErrNotExist)
	}
	return path.Join(dev, name), nil
}
