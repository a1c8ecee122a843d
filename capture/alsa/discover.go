package alsa

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/capture"
)

// Card is a sound card that captures.
type Card struct {
	Number int
	ID     string // "Grabber": unique, kept over a replug where the name is
	Driver string // "USB-Audio"
	Name   string // "USB3.0 HD Video Capture"
	Device int    // its (first) device that captures
	Parent string // sysfs path of the physical device, below the root of sysfs; "" for a virtual card
	USB    string // bus and ports of a USB device, "1-1.4"; else ""
}

// String names the card for people: "USB3.0 HD Video Capture (hw:1,0)".
func (c Card) String() string { return fmt.Sprintf("%s (hw:%d,%d)", c.Name, c.Number, c.Device) }

var (
	cardLine = regexp.MustCompile(`^\s*(\d+) \[([^\]]*)\]: (.*?) - (.*)$`)
	pcmLine  = regexp.MustCompile(`^(\d+)-(\d+):.*: capture \d+`)
	usbName  = regexp.MustCompile(`^\d+-\d+(\.\d+)*$`)
)

// Cards lists the cards that capture, in the order of their numbers. proc is
// the root of /proc/asound, sys that of sysfs.
func Cards(proc, sys fs.FS) ([]Card, error) {
	text, err := fs.ReadFile(proc, "cards")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // no driver is loaded
	case err != nil:
		return nil, fmt.Errorf("alsa: list cards: %w", err)
	}
	devices, err := captures(proc)
	if err != nil {
		return nil, err
	}
	var list []Card
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		m := cardLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		c := Card{ID: strings.TrimSpace(m[2]), Driver: m[3], Name: strings.TrimSpace(m[4])}
		if c.Number, err = strconv.Atoi(m[1]); err != nil {
			continue
		}
		d, ok := devices[c.Number]
		if !ok {
			continue
		}
		c.Device = d
		c.Parent = parent(sys, c.Number)
		c.USB = usbDevice(c.Parent)
		list = append(list, c)
	}
	return list, nil
}

// captures is the first device of each card that captures.
func captures(proc fs.FS) (map[int]int, error) {
	text, err := fs.ReadFile(proc, "pcm")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("alsa: list devices: %w", err)
	}
	first := map[int]int{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		m := pcmLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		card, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		device, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		if d, ok := first[card]; !ok || device < d {
			first[card] = device
		}
	}
	return first, nil
}

// parent is where the link class/sound/cardN/device leads; class/sound/cardN
// is itself a link.
func parent(sys fs.FS, card int) string {
	dir := fmt.Sprintf("class/sound/card%d", card)
	if to, err := fs.ReadLink(sys, dir); err == nil {
		dir = path.Join(path.Dir(dir), to)
	}
	to, err := fs.ReadLink(sys, dir+"/device")
	if err != nil {
		return ""
	}
	if p := path.Join(dir, to); fs.ValidPath(p) {
		return p
	}
	return ""
}

// usbDevice is the innermost USB device in a sysfs path, "1-1.4" of
// "…/usb1/1-1/1-1.4/1-1.4:1.2"; "" where there is none.
func usbDevice(p string) string {
	for ; p != "." && p != "/" && p != ""; p = path.Dir(p) {
		if name := path.Base(p); usbName.MatchString(name) {
			return name
		}
	}
	return ""
}

// choose finds the card that the configuration means, as things are now.
func (a *Audio) choose() (Card, error) {
	c := a.config
	if c.Selector == None {
		return Card{}, &capture.SignalError{Signal: capture.SignalNone, Detail: "sound is switched off"}
	}
	cards, err := Cards(c.Proc, c.Sys)
	if err != nil {
		return Card{}, err
	}
	if c.Selector != "" && c.Selector != "auto" {
		return named(cards, c.Selector)
	}
	video := ""
	if c.Video != nil {
		video = usbDevice(c.Video())
	}
	return paired(cards, video, c.Hints)
}

// paired is the card that belongs to the picture.
func paired(cards []Card, usb string, hints []string) (Card, error) {
	for _, c := range cards {
		if usb != "" && c.USB == usb {
			return c, nil
		}
	}
	for _, hint := range hints {
		for _, c := range cards {
			if c.matches(hint) {
				return c, nil
			}
		}
	}
	switch len(cards) {
	case 0:
		return Card{}, &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: "no sound card captures"}
	case 1:
		return cards[0], nil
	}
	return Card{}, &capture.SignalError{
		Signal: capture.SignalDeviceLost,
		Detail: "no sound card belongs to the picture; set audio_device to one of " + names(cards),
	}
}

// named is the card that a selector names: by hw:CARD,DEVICE, by its whole id
// or name, or by a part of it.
func named(cards []Card, selector string) (Card, error) {
	if hw, ok := strings.CutPrefix(selector, "hw:"); ok {
		card, device, _ := strings.Cut(hw, ",")
		for _, c := range cards {
			if card != strconv.Itoa(c.Number) && card != c.ID {
				continue
			}
			if device != "" {
				d, err := strconv.Atoi(device)
				if err != nil || d < 0 {
					return Card{}, fmt.Errorf(`alsa: audio device %q: the device must be a number, as in "hw:1,0"`, selector)
				}
				c.Device = d
			}
			return c, nil
		}
	} else {
		for _, c := range cards {
			if c.ID == selector || c.Name == selector {
				return c, nil
			}
		}
		for _, c := range cards {
			if c.matches(selector) {
				return c, nil
			}
		}
	}
	detail := fmt.Sprintf("no sound card %q", selector)
	if len(cards) > 0 {
		detail += "; there is " + names(cards)
	}
	return Card{}, &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: detail}
}

func (c Card) matches(part string) bool {
	part = strings.ToLower(part)
	for _, s := range []string{c.ID, c.Name, c.Driver} {
		if strings.Contains(strings.ToLower(s), part) {
			return true
		}
	}
	return false
}

func names(cards []Card) string {
	var list []string
	for _, c := range cards {
		list = append(list, fmt.Sprintf("%q (%s)", c.ID, c.Name))
	}
	return strings.Join(list, ", ")
}
