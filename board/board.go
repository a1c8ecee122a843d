// Package board says what is known of box models before anybody asks their
// kernel: which capture device and which encoder to take, the limits and quirks
// of their drivers, what an HDMI source is told, and where buttons, LEDs,
// display, serial port and update slots are. Data only; folder models has one
// file a model.
//
// The kernel is asked first: what a driver enumerates holds. A model adds what
// a driver does not tell, or tells wrongly, each with the source of the claim.
package board

import (
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Model is one box model.
type Model struct {
	// Name is the value of board.model and the name of the file in models.
	Name  string
	Title string // for people
	// Compatible are entries of the device tree's compatible list, any of which
	// marks the model. None: the model is taken by name only.
	Compatible []string
	Capture    Capture
	Encoders   []Encoder // the first whose driver is there is taken
	EDID       EDID      // zero: an HDMI source's EDID is left alone
	Panel
	Serial   string // port of the console, such as "/dev/ttyS0"; "" for none
	Watchdog string // hardware watchdog, for people: whether it is used is configured
	Update   Update
	// Sources are where the facts come from, for those that have no source of
	// their own.
	Sources []string
	// Tried says on what the model was seen to work; "" means on nothing yet.
	Tried string
}

// Capture is how a model's pictures and sound come in.
type Capture struct {
	// Drivers are the capture drivers, best first. Others are taken after them.
	Drivers []string
	// Sound are the names of sound cards that carry the sound of an HDMI input;
	// a USB grabber's card is found by its port.
	Sound []string
	// EDIDWait is how long after an EDID was set the source may take to show up
	// (the hot-plug line is released and raised again).
	EDIDWait time.Duration
	// MaxPixelRate is how many pixels a second the wires between bridge and SoC
	// carry; 0: as the driver says.
	MaxPixelRate float64
	Quirks       []CaptureQuirk
}

// CaptureQuirk is one thing that a capture driver does not tell of itself, or
// that only this board's wiring asks for.
type CaptureQuirk struct {
	Driver string // as VIDIOC_QUERYCAP tells, or a prefix of it
	Is     CaptureQuirkKind
	Value  int    // of those that are a number
	Text   string // of those that are words
	Source string
}

// CaptureQuirkKind is what a quirk of a capture driver is about.
type CaptureQuirkKind string

// The quirks that the capture code knows.
const (
	CaptureStrideAlign CaptureQuirkKind = "stride-align" // DMA wants rows of a multiple of Value bytes, and the driver does not say so
	CaptureForceCopy   CaptureQuirkKind = "force-copy"   // never the encoder's memory; Text is why, for people
	CaptureBridge      CaptureQuirkKind = "bridge"       // of several entities the one whose name begins with Text has the signal
	CaptureBusCode     CaptureQuirkKind = "bus-code"     // the bridge sends in media bus format Value
	CaptureMinQueued   CaptureQuirkKind = "min-queued"   // begins with Value pictures queued; default 2
	CaptureArrivalTime CaptureQuirkKind = "arrival-time" // its timestamps are wrong: pictures are stamped as they come
)

// Encoder is a hardware encoder by its driver.
type Encoder struct {
	Driver              string // as VIDIOC_QUERYCAP tells, or a prefix of it
	Card                string // where one driver has several devices; "" for any
	MaxWidth, MaxHeight int    // of a picture; 0: as the driver says
	MaxRate             int    // pictures a second at that size, for people
	MaxLevel            string // "4.0"; "": as the driver says
	Quirks              []Quirk
}

// Quirk is one thing that a driver does otherwise than the kernel's
// documentation of stateful encoders says, or that it does not tell.
type Quirk struct {
	Is     QuirkKind
	Value  int // what it means stands at the kind
	Source string
}

// QuirkKind is what a quirk is about.
type QuirkKind string

// The quirks that the encoder's driver code knows.
const (
	NoForceKey        QuirkKind = "no-force-key"       // no key picture on request: restart
	NoLiveBitrate     QuirkKind = "no-live-bitrate"    // a bit rate takes effect at a start only
	Reopen            QuirkKind = "reopen"             // a new stream begins with a new open only
	NoDrain           QuirkKind = "no-drain"           // STOP is taken and never answered
	IntegerFrameRate  QuirkKind = "integer-frame-rate" // fractional rates are cut down: give the next whole one
	StreamOffBlocks   QuirkKind = "streamoff-blocks"   // STREAMOFF takes up to Value ms
	StrideAlign       QuirkKind = "stride-align"       // rows of planar formats are aligned to Value bytes
	RowAlign          QuirkKind = "row-align"          // rows in memory are a multiple of Value
	MaxGOP            QuirkKind = "max-gop"            // longest GOP, in pictures
	MinBitrate        QuirkKind = "min-bitrate"        // below Value bit/s pictures are skipped
	MultiPlanarOnly   QuirkKind = "multi-planar-only"  // NV12M and the like only; for people
	LowLevelStalls    QuirkKind = "low-level-stalls"   // a level too low for size and rate stalls it
	CaptureBufferSize QuirkKind = "capture-buffer"     // coded buffers of Value bytes at least
	DeadlineMS        QuirkKind = "deadline"           // ms after which a picture is late; default 1000
)

// EDID is what an HDMI source is told. The sink's bytes are built from it.
type EDID struct {
	Name  string // at most 13 characters
	Modes []Mode // what the box can take, preferred first
	Sound bool   // 2-channel PCM at 48 kHz
}

// Mode is a video timing by its CTA-861 code.
type Mode struct {
	VIC  int
	Text string // "1920x1080p30"
}

// Panel is a front panel by what drives it; board/panel/hardware opens it. Of what is named
// here, what is not there is left out.
type Panel struct {
	Buttons []Button
	// Inputs are the input devices that have the buttons with a Key; none: those that the
	// kernel's gpio-keys makes.
	Inputs  []Input
	LEDs    []LED
	Display Display
	Port    string // of a serial front panel (docs/panel-protocol.md); "" for none
	Speed   int    // of Port; 0: 115200
}

// Button is a key of the front panel, by evdev or on a GPIO line.
type Button struct {
	Name panel.Key // what it is for
	// Key is the kernel's name of the key: "KEY_ENTER". Keys that say by their names what they
	// are for (KEY_OK, KEY_BACK) need not be listed beside.
	Key string
	// Chip and Line are instead of Key, where no device tree names the key: "gpiochip0" and a
	// line's name or offset. A pressed key connects it to ground, or, with ActiveHigh, to the
	// supply.
	Chip, Line string
	ActiveHigh bool
}

// Input says how an input device is recognised: by its name, or how its place begins
// ("gpio-keys/"), or both.
type Input struct{ Name, Phys string }

// LED is a lamp below /sys/class/leds.
type LED struct {
	Name string // what it shows: "live", and a colour where a lamp has several: "status:red"
	Path string // folder's name
}

// Display is the panel's display; Driver "" means none.
type Display struct {
	// Driver is "ssd1306" or "sh1106" (pixels), "hd44780" (characters, behind a PCF8574) or
	// "charlcd" (characters, by the kernel).
	Driver string
	// Bus is "i2c-1@0x3c", "spi-0.1", or charlcd's device, "" for /dev/lcd.
	Bus           string
	Columns, Rows int    // characters, or pixels
	Flipped       bool   // of pixels: mounted upside down
	DC, Reset     string // lines of SPI: "gpiochip0:25", by offset or name; Reset "" for none
}

// Update says where firmware images go; no slots means that the model is not
// updated by RAUC.
type Update struct {
	Compatible string   // RAUC's system compatible
	Slots      []string // block devices, in order A, B
	Bootloader string   // "uboot", "grub", "raspberrypi"
}
