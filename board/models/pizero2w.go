package models

import "github.com/encoderbox/encoderbox/board"

// PiZero2W is the same encoder as Pi4's on less machine: a camera or a USB
// grabber, or the HDMI bridge on two CSI lanes.
var PiZero2W = board.Model{
	Name:       "pizero2w",
	Title:      "Raspberry Pi Zero 2 W or Pi 3",
	Compatible: []string{"raspberrypi,model-zero-2-w", "raspberrypi,3-model-b", "raspberrypi,3-model-b-plus", "raspberrypi,3-model-a-plus"},
	Capture: board.Capture{
		Drivers:  []string{"unicam", "uvcvideo"},
		Sound:    []string{"tc358743"},
		EDIDWait: hotPlugWait,
		// Two CSI lanes of 972 Mbit/s, 16 bits a pixel, end at 1080p50.
		MaxPixelRate: 1920 * 1080 * 50,
	},
	Encoders: []board.Encoder{bcm2835},
	EDID: board.EDID{
		Name:  "Encoder Box",
		Modes: []board.Mode{{VIC: 4, Text: "1280x720p60"}, {VIC: 19, Text: "1280x720p50"}, {VIC: 34, Text: "1920x1080p30"}, {VIC: 33, Text: "1920x1080p25"}},
		Sound: true,
	},
	Panel: board.Panel{
		Buttons: panelKeys,
		LEDs:    []board.LED{{Name: "live", Path: "ACT"}},
		Display: board.Display{Driver: "ssd1306", Bus: "i2c-1@0x3c", Columns: 128, Rows: 64},
	},
	Serial:   "/dev/ttyS0",
	Watchdog: "/dev/watchdog0",
	Update: board.Update{
		Compatible: "encoderbox-pizero2w", Bootloader: "uboot",
		Slots: []string{"/dev/mmcblk0p2", "/dev/mmcblk0p3"},
	},
	Sources: []string{"https://www.raspberrypi.com/documentation/computers/configuration.html (serial port, watchdog)"},
}
