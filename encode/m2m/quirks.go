package m2m

import (
	"time"
)

// Quirks are what a driver needs and does not say. They are data of the board
// model, each with its source there; the zero value is a driver that keeps to
// the kernel's stateful encoder contract.
type Quirks struct {
	// NoLiveBitrate: BITRATE is taken while streaming and comes to nothing
	// (wave5, s5p-mfc). A change restarts the encoder at a key picture.
	NoLiveBitrate bool
	// NoForceKey: FORCE_KEY_FRAME is there and does nothing. A key picture that
	// is asked for restarts the encoder.
	NoForceKey bool
	// Reopen: stopping both queues does not begin a new stream with the controls
	// as they are then; only closing the device does.
	Reopen bool
	// NoDrain: the STOP command is taken and never answered.
	NoDrain bool

	// MaxWidth and MaxHeight are the largest picture, where the driver does not
	// list it or lists more than the hardware does.
	MaxWidth, MaxHeight int
	// MaxLevel is the highest level_idc that the hardware reaches (40 is level
	// 4.0), by picture size and rate.
	MaxLevel int
	// StrideAlign is what a row's length must be a multiple of, in bytes, where
	// the driver takes others and codes garbage (bcm2835, I420: 64).
	StrideAlign int
	// RowAlign is what the number of rows is a multiple of in memory, where the
	// format's height does not show it.
	RowAlign int
	// IntegerFrameRates: the frame rate is cut to an integer (venus refuses
	// others, wave5 makes 29 of 30000/1001); it is rounded before it is set.
	IntegerFrameRates bool
	// MinBitrate is the lowest bit rate at which no pictures are left out.
	MinBitrate int
	// StripFiller leaves the NAL units out with which the encoder fills a plain
	// picture up to the bit rate.
	StripFiller bool

	// Deadline is how long a picture may stay in the encoder before it counts as
	// hung; zero means 1 s.
	Deadline time.Duration
	// BuffersOut is how many pictures the encoder's input holds, BuffersIn how
	// many coded ones wait; zero means what the driver needs and some more.
	BuffersOut, BuffersIn int
	// CodedSize is the least size of a buffer for a coded picture, in bytes; zero
	// means half of the raw picture.
	CodedSize int
}

func (q Quirks) deadline() time.Duration {
	if q.Deadline > 0 {
		return q.Deadline
	}
	return time.Second
}
