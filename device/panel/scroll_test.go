package panel

import (
	"errors"
	"image"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Who scrolls on behind the end has not to scroll back from there, on any screen.
func TestScrollingEndsWithTheText(t *testing.T) {
	long := errors.New(strings.Repeat("encoder /dev/video11 does not answer: unplug the box. ", 4) + "The end.")
	for _, size := range []panel.Size{oled, small, {Columns: 20, Rows: 4}, {Columns: 16, Rows: 2}} {
		for name, open := range map[string]func(h *hand){
			"message": func(h *hand) { h.b.fail = long; menuTo("Go on air")(t, h); h.do("hold") },
			"hold": func(h *hand) {
				h.ui.push(&hold{title: "Reset?", question: long.Error(), key: panel.OK, need: holdFor, yes: func(*ui, scene) {}})
			},
		} {
			h := newHand(offAir())
			h.ui.grid = newArtist(size).grid()
			open(h)
			text := func() string {
				var b strings.Builder
				for _, l := range h.ui.grid.lay(h.ui.view(h.s)) {
					b.WriteString(l.text + "|")
				}
				return b.String()
			}
			first, before, seen, steps := text(), "", "", 0
			for ; text() != before; steps++ {
				before = text()
				seen += before
				h.do("down")
			}
			require.Contains(t, seen, "end.", "%s on %v", name, size)
			for range 20 {
				h.do("down")
			}
			require.Equal(t, before, text(), "%s on %v", name, size)
			h.do("up")
			require.NotEqual(t, before, text(), "%s on %v: one step back is one", name, size)
			for range steps {
				h.do("up")
			}
			require.Equal(t, first, text(), "%s on %v", name, size)
		}
	}
}

// The help of a value that is entered is shown whole, piece by piece where there is no room.
func TestTheHelpOfAValueIsWhole(t *testing.T) {
	const help = "address and length of its net, such as 192.168.1.20/24, which nobody else may have"
	for _, size := range []panel.Size{oled, small, {Columns: 20, Rows: 4}} {
		a := newArtist(size)
		w := &wheel{title: "Static", name: "address", help: help, value: strip}
		w.set("192.168.001.020/24", digits)
		var seen []string
		for turn := range 8 {
			v := w.view(nil, scene{})
			v.turn = turn
			lines := a.draw(v, image.Point{}).Lines
			if size.Width > 0 {
				lines = nil
				for _, l := range a.grid().lay(v) {
					lines = append(lines, l.text)
				}
			}
			seen = append(seen, strings.Join(lines, " "))
		}
		for _, word := range strings.Fields(help) {
			require.Contains(t, strings.Join(seen, " "), word, "on %v: %q", size, seen)
		}
	}
}
