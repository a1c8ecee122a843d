package models

import "github.com/encoderbox/encoderbox/board"

// captureQuirks are those of the drivers themselves, whatever board they are on.
// Kernel sources are of Linux 6.1.
var captureQuirks = []board.CaptureQuirk{
	{Driver: "cal", Is: board.CaptureMinQueued, Value: 3, Source: "drivers/media/platform/ti/cal/cal-video.c: min_buffers_needed"},
	{Driver: "rcar_vin", Is: board.CaptureMinQueued, Value: 4, Source: "drivers/media/platform/renesas/rcar-vin/rcar-dma.c: min_buffers_needed"},
}
