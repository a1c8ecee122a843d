package models

import (
	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
)

// Pi4 is the reference: a Raspberry Pi 4 or CM4 with a Toshiba TC358743 HDMI
// bridge on CSI (Auvidea B101, Geekworm C779/X1300 and their kin).
var Pi4 = board.Model{
	Name:       "pi4",
	Title:      "Raspberry Pi 4 or Compute Module 4 with a TC358743 HDMI bridge",
	Compatible: []string{"raspberrypi,4-model-b", "raspberrypi,4-compute-module", "raspberrypi,400"},
	Capture: board.Capture{
		Drivers:  []string{"unicam", "uvcvideo"},
		Sound:    []string{"tc358743"}, // the overlay tc358743-audio
		EDIDWait: hotPlugWait,
	},
	Encoders: []board.Encoder{bcm2835},
	// Two CSI lanes carry 1080p50 as UYVY, but the encoder codes 1080p30.
	EDID: board.EDID{
		Name:  "Encoder Box",
		Modes: []board.Mode{{VIC: 34, Text: "1920x1080p30"}, {VIC: 33, Text: "1920x1080p25"}, {VIC: 4, Text: "1280x720p60"}, {VIC: 19, Text: "1280x720p50"}},
		Sound: true,
	},
	Panel: board.Panel{
		Buttons: panelKeys,
		LEDs:    []board.LED{{Name: "live", Path: "ACT"}, {Name: "alarm", Path: "PWR"}},
		Display: board.Display{Driver: "ssd1306", Bus: "i2c-1@0x3c", Columns: 128, Rows: 64},
	},
	Serial:   "/dev/ttyS0",
	Watchdog: "/dev/watchdog0", // bcm2835_wdt, at most 15 s
	Update: board.Update{
		Compatible: "encoderbox-pi4", Bootloader: "uboot",
		Slots: []string{"/dev/mmcblk0p2", "/dev/mmcblk0p3"},
	},
	Sources: []string{
		"https://www.raspberrypi.com/documentation/computers/configuration.html (serial port, watchdog)",
		"arch/arm/boot/dts/overlays/tc358743-overlay.dts and tc358743-audio-overlay.dts of the Raspberry Pi kernel",
	},
}

// panelKeys are the keys of the front panel that the product documents: buttons
// on GPIOs, which a gpio-keys overlay names so. A box may have fewer.
var panelKeys = []board.Button{
	{Name: panel.Up, Key: "KEY_UP"},
	{Name: panel.Down, Key: "KEY_DOWN"},
	{Name: panel.OK, Key: "KEY_ENTER"},
	{Name: panel.Back, Key: "KEY_ESC"},
	{Name: panel.Stream, Key: "KEY_PLAY"},
	{Name: panel.Record, Key: "KEY_RECORD"},
}
