package hardware

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ReportSound is a sound card that can capture.
type ReportSound struct {
	Card   string `json:"card"` // "hw:1,0"
	ID     string `json:"id"`   // short name
	Name   string `json:"name"`
	Device string `json:"device"` // of sysfs, to tell which video device it belongs to
}

// ReportPanel is what a front panel can be made of.
type ReportPanel struct {
	Buttons []string `json:"buttons"` // input devices: "gpio-keys (/dev/input/event0)"
	LEDs    []string `json:"leds"`
	Missing []string `json:"missing"` // LEDs that the model names and that are not there
}

// deviceFiles lists the files of a folder whose names are a prefix and a number.
func (b *Box) deviceFiles(dir, prefix string) (list []string) {
	entries, err := fs.ReadDir(b.root, dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), prefix)
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			list = append(list, "/"+path.Join(dir, e.Name()))
		}
	}
	return list
}

// serialPorts lists the ports with a driver behind them: 8250 makes nodes for
// ports that are not there.
func (b *Box) serialPorts() (list []string) {
	entries, err := fs.ReadDir(b.root, "sys/class/tty")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		dir := path.Join("sys/class/tty", e.Name())
		if _, err := fs.Stat(b.root, path.Join(dir, "device/driver")); err != nil {
			continue
		}
		if kind, err := b.read(path.Join(dir, "type")); err == nil && kind == "0" {
			continue // PORT_UNKNOWN
		}
		list = append(list, "/dev/"+e.Name())
	}
	return list
}

func (b *Box) soundCards() (list []ReportSound) {
	entries, err := fs.ReadDir(b.root, "sys/class/sound")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "pcmC")
		number, capture := strings.CutSuffix(number, "c")
		card, device, split := strings.Cut(number, "D")
		if !ok || !capture || !split {
			continue
		}
		proc := path.Join("proc/asound", "card"+card)
		id, _ := b.read(path.Join(proc, "id"))
		info, _ := b.read(path.Join(proc, "pcm"+device+"c", "info"))
		list = append(list, ReportSound{
			Card: "hw:" + card + "," + device, ID: id, Name: field(info, "name"),
			Device: b.link(path.Join("sys/class/sound", "card"+card, "device")),
		})
	}
	return list
}

func (b *Box) panel() (p ReportPanel) {
	entries, _ := fs.ReadDir(b.root, "sys/class/input")
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "event") {
			continue
		}
		name, _ := b.read(path.Join("sys/class/input", e.Name(), "device/name"))
		p.Buttons = append(p.Buttons, name+" (/dev/input/"+e.Name()+")")
	}
	entries, _ = fs.ReadDir(b.root, "sys/class/leds")
	for _, e := range entries {
		p.LEDs = append(p.LEDs, e.Name())
	}
	for _, l := range b.model.LEDs {
		if !slices.Contains(p.LEDs, l.Path) {
			p.Missing = append(p.Missing, l.Path)
		}
	}
	return p
}

// read is a small file's text without the newline at its end.
func (b *Box) read(name string) (string, error) {
	text, err := fs.ReadFile(b.root, name)
	return strings.TrimSpace(string(text)), err
}

// link is where a symbolic link points, without the dots before it.
func (b *Box) link(name string) string {
	target, err := fs.ReadLink(b.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimLeft(target, "./")
}

// field is the value of a line "key: value".
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
