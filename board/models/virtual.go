package models

import "github.com/encoderbox/encoderbox/board"

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
	Panel: board.Panel{
		Buttons: panelKeys,
		// What a test makes by uinput, and gpio-keys on gpio-sim.
		Inputs: []board.Input{{Name: "encoderbox panel"}, {Phys: "gpio-keys/"}},
	},
	Serial:   "/dev/ttyAMA0",
	Watchdog: "/dev/watchdog0", // i6300esb
	Tried:    "itself: make lab-box-test",
}
