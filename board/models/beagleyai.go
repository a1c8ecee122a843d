package models

import "github.com/encoderbox/encoderbox/board"

// BeagleYAI has an encoder whose driver lacks controls (wave5): key pictures
// and bit rates cost a restart.
var BeagleYAI = board.Model{
	Name:       "beagleyai",
	Title:      "BeagleY-AI (TI AM67A)",
	Compatible: []string{"beagle,am67a-beagley-ai", "ti,j722s"},
	Capture: board.Capture{
		Drivers:  []string{"j721e-csi2rx", "uvcvideo"},
		Sound:    []string{"tc358743"},
		EDIDWait: hotPlugWait,
	},
	Encoders: []board.Encoder{wave5},
	EDID: board.EDID{
		Name:  "Encoder Box",
		Modes: []board.Mode{{VIC: 16, Text: "1920x1080p60"}, {VIC: 31, Text: "1920x1080p50"}, {VIC: 34, Text: "1920x1080p30"}, {VIC: 4, Text: "1280x720p60"}},
		Sound: true,
	},
	Panel: board.Panel{
		Buttons: panelKeys,
		Display: board.Display{Driver: "ssd1306", Bus: "i2c-1@0x3c", Columns: 128, Rows: 64},
	},
	Serial: "/dev/ttyS2",
	Update: board.Update{
		Compatible: "encoderbox-beagleyai", Bootloader: "uboot",
		Slots: []string{"/dev/mmcblk1p2", "/dev/mmcblk1p3"},
	},
	Sources: []string{"arch/arm64/boot/dts/ti/k3-am67a-beagley-ai.dts (serial port main_uart0 is ttyS2)"},
}
