package models

import "github.com/encoderbox/encoderbox/board"

// RadxaNIO12L takes pictures in multi-plane formats only, and knows constant
// bit rate only.
var RadxaNIO12L = board.Model{
	Name:       "radxanio12l",
	Title:      "Radxa NIO 12L (MediaTek MT8395)",
	Compatible: []string{"radxa,nio-12l"},
	Capture:    board.Capture{Drivers: []string{"uvcvideo"}},
	Encoders:   []board.Encoder{mediatek},
	Panel: board.Panel{
		Buttons: panelKeys,
	},
	Serial: "/dev/ttyS0",
	Update: board.Update{
		Compatible: "encoderbox-radxanio12l", Bootloader: "uboot",
		Slots: []string{"/dev/mmcblk0p2", "/dev/mmcblk0p3"},
	},
	Sources: []string{"arch/arm64/boot/dts/mediatek/mt8395-radxa-nio-12l.dts"},
}
