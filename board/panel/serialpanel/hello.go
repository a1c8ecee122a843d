package serialpanel

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Hello is what a panel says of itself.
type Hello struct {
	Name   string // for people
	Size   panel.Size
	Keys   []panel.Key
	Lights []string
	UTF8   bool // its text may be UTF-8; else it is ASCII
}

// The most that a panel can have.
const (
	maxColumns, maxRows  = 40, 8
	maxWidth, maxHeight  = 512, 256
	maxKeys, maxName     = 32, 16
	pageHeight, maxChunk = 8, 64
)

// readHello reads what stands behind the word hello: "1 name=Acme text=20x4 keys=ok". What
// it does not know it passes over.
func readHello(rest string) (h Hello, err error) {
	fields := strings.Fields(rest)
	if len(fields) == 0 || fields[0] != "1" {
		return h, errors.New("the panel does not speak version 1 of the protocol")
	}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "name":
			h.Name = value
		case "text":
			h.Size.Columns, h.Size.Rows, err = size(value, maxColumns, maxRows)
		case "pixels":
			h.Size.Width, h.Size.Height, err = size(value, maxWidth, maxHeight)
			if err == nil && h.Size.Height%pageHeight != 0 {
				err = fmt.Errorf("%s: the height is no multiple of %d", value, pageHeight)
			}
		case "keys":
			var names []string
			names, err = list(value)
			for _, n := range names {
				h.Keys = append(h.Keys, panel.Key(n))
			}
		case "lights":
			h.Lights, err = list(value)
		case "charset":
			h.UTF8 = value == "utf8"
		}
		if err != nil {
			return h, fmt.Errorf("the panel's %s: %w", key, err)
		}
	}
	if h.Size.Width > 0 { // it may show text as well: pixels show all
		h.Size.Columns, h.Size.Rows = 0, 0
	}
	return h, nil
}

func size(text string, maxX, maxY int) (x, y int, err error) {
	left, right, _ := strings.Cut(text, "x")
	x, errX := strconv.Atoi(left)
	y, errY := strconv.Atoi(right)
	if errX != nil || errY != nil || x < 1 || y < 1 || x > maxX || y > maxY {
		return 0, 0, fmt.Errorf("%q is no size of at most %dx%d", text, maxX, maxY)
	}
	return x, y, nil
}

// list reads names with commas between them; "-" or nothing is none.
func list(text string) ([]string, error) {
	if text == "" || text == "-" {
		return nil, nil
	}
	names := strings.Split(text, ",")
	if len(names) > maxKeys {
		return nil, fmt.Errorf("%d names: %d are the most", len(names), maxKeys)
	}
	for i, n := range names {
		if n == "" || len(n) > maxName || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789-:") != "" {
			return nil, fmt.Errorf("%q is no name: a-z, 0-9, - and : are what one is made of", n)
		}
		if slices.Contains(names[:i], n) {
			return nil, fmt.Errorf("%q twice", n)
		}
	}
	return names, nil
}

func (h Hello) equal(o Hello) bool {
	return h.Name == o.Name && h.Size == o.Size && h.UTF8 == o.UTF8 && slices.Equal(h.Keys, o.Keys) && slices.Equal(h.Lights, o.Lights)
}
