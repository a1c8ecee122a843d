package models

import "github.com/encoderbox/encoderbox/board"

// DragonBoard410c is the smallest board with Qualcomm's venus, whose mainline
// driver needs the vendor's firmware blob.
var DragonBoard410c = board.Model{
	Name:       "dragonboard410c",
	Title:      "DragonBoard 410c (Qualcomm APQ8016)",
	Compatible: []string{"qcom,apq8016-sbc"},
	Capture:    board.Capture{Drivers: []string{"uvcvideo", "qcom-camss"}},
	Encoders:   []board.Encoder{venus8916()},
	Panel: board.Panel{
		Buttons: panelKeys,
		LEDs:    []board.LED{{Name: "live", Path: "green:user1"}, {Name: "alarm", Path: "green:user2"}},
	},
	Serial: "/dev/ttyMSM0",
	Update: board.Update{
		Compatible: "encoderbox-dragonboard410c", Bootloader: "uboot",
		Slots: []string{"/dev/mmcblk0p10", "/dev/mmcblk0p11"},
	},
	Sources: []string{"arch/arm64/boot/dts/qcom/apq8016-sbc.dts (LEDs, serial port)"},
}

// venus8916 is the venus of the MSM8916, the smallest there is.
func venus8916() board.Encoder {
	e := venus
	e.MaxWidth, e.MaxHeight, e.MaxRate, e.MaxLevel = 1920, 1088, 30, "4.0"
	return e
}
