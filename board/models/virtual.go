package models

import (
	"slices"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
)

// Virtual is the virtual ARM box of lab/box: vivid captures, vh264 encodes,
// both without silicon.
var Virtual = board.Model{
	Name:       "virtual",
	Title:      "virtual ARM box (QEMU virt)",
	Compatible: []string{"linux,dummy-virt"},
	Capture: board.Capture{
		Drivers: []string{"vivid", "uvcvideo"},
		Sound:   []string{"Loopback"},
	},
	Encoders: []board.Encoder{{Driver: "vh264"}},
	EDID: board.EDID{
		Name:  "Encoder Box",
		Modes: []board.Mode{{VIC: 1, Text: "640x480p59.94"}, {VIC: 4, Text: "1280x720p60"}, {VIC: 34, Text: "1920x1080p30"}},
		Sound: true,
	},
	// What tests make: keys by uinput and on lines of gpio-sim, whose chip is the second of the
	// box, and lights by uleds.
	Panel: board.Panel{
		Buttons: slices.Concat(panelKeys, []board.Button{
			{Name: panel.Down, Chip: "gpiochip1", Line: "PANEL_DOWN"},
			{Name: panel.OK, Chip: "gpiochip1", Line: "PANEL_OK"},
			{Name: panel.Stream, Chip: "gpiochip1", Line: "PANEL_STREAM", ActiveHigh: true},
		}),
		Inputs: []board.Input{{Name: "encoderbox panel"}, {Phys: "gpio-keys/"}},
		LEDs: []board.LED{
			{Name: "status:red", Path: "virtual:red:status"},
			{Name: "status:green", Path: "virtual:green:status"},
			{Name: "status:blue", Path: "virtual:blue:status"},
			{Name: "live", Path: "virtual:white:live"},
		},
	},
	Serial:   "/dev/ttyAMA0",
	Watchdog: "/dev/watchdog0", // i6300esb
	Tried:    "itself: make lab-box-test",
}
