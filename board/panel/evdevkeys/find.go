package evdevkeys

import (
	"fmt"
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Want says which input devices are the panel's. What is left empty does not matter; all of
// the rest must be so.
type Want struct {
	Name string // as the kernel names it, whole
	Phys string // how its place begins: "gpio-keys/", "usb-0000:01:00.0-1.3/"
	Keys []Code // it has one of them at least
}

// Found is an input device.
type Found struct {
	Event string // "event0", in /dev/input
	Name  string
	Phys  string
}

// Find lists the input devices that are wanted, in order of their numbers. root is the file
// system's root. No /sys/class/input is no devices.
func Find(root fs.FS, want Want) ([]Found, error) {
	const class = "sys/class/input"
	entries, err := fs.ReadDir(root, class)
	if err != nil {
		return nil, nil //nolint:nilerr // a kernel without input devices has no such folder
	}
	var found []Found
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "event") {
			continue
		}
		dir := path.Join(class, e.Name(), "device")
		f := Found{Event: e.Name(), Name: line(root, path.Join(dir, "name")), Phys: line(root, path.Join(dir, "phys"))}
		has, err := codes(line(root, path.Join(dir, "capabilities/key")))
		if err != nil {
			return nil, fmt.Errorf("evdev: capabilities of %s (%s): %w", f.Event, f.Name, err)
		}
		if want.matches(f, has) {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b Found) int { return number(a.Event) - number(b.Event) })
	return found, nil
}

func (w Want) matches(f Found, has map[Code]bool) bool {
	return (w.Name == "" || w.Name == f.Name) &&
		(w.Phys == "" || strings.HasPrefix(f.Phys, w.Phys)) &&
		(len(w.Keys) == 0 || slices.ContainsFunc(w.Keys, func(c Code) bool { return has[c] }))
}

// codes reads the kernel's text of a bit map: words in hex, the highest first, each as wide
// as a long of the process that reads it.
func codes(text string) (map[Code]bool, error) {
	words := strings.Fields(text)
	slices.Reverse(words)
	has := map[Code]bool{}
	for i, w := range words {
		word, err := strconv.ParseUint(w, 16, bits.UintSize)
		if err != nil {
			return nil, err
		}
		for ; word != 0; word &= word - 1 {
			has[Code(i*bits.UintSize+bits.TrailingZeros64(word))] = true
		}
	}
	return has, nil
}

func number(event string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(event, "event"))
	return n
}

func line(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return "" // not every device has a place
	}
	return strings.TrimSpace(string(text))
}
