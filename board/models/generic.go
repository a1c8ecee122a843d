package models

import "github.com/encoderbox/encoderbox/board"

// Generic is any machine that no other model describes: a PC with a USB
// grabber, or a new board before it has a file here. Drivers are taken at
// their word; those that are known for more have it said here.
var Generic = board.Model{
	Name:  "generic",
	Title: "any other machine",
	Capture: board.Capture{
		Drivers:  []string{"tc358743", "unicam", "uvcvideo"},
		EDIDWait: hotPlugWait,
		Quirks:   captureQuirks,
	},
	Encoders: []board.Encoder{bcm2835, venus, wave5, mediatek, coda, amphion, s5pMFC},
	Tried:    "a PC with the test pattern and files",
}
