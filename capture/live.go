package capture

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Signal is the state of a live input.
type Signal uint8

// The states of a live input.
const (
	SignalStarting    Signal = iota // not known yet
	SignalOK                        // pictures arrive
	SignalNone                      // nothing is connected, or it is switched off
	SignalUnstable                  // something is there, but there is no lock on it
	SignalUnsupported               // a timing or format that the device or the stream cannot take
	SignalStalled                   // the device is there and claims a signal, but no picture comes
	SignalDeviceLost                // the device is not there
	SignalRecovering                // the encoder was reopened; the capture device follows
)

// String is the stable code of the state, for status and logs.
func (s Signal) String() string {
	switch s {
	case SignalStarting:
		return "starting"
	case SignalOK:
		return "ok"
	case SignalNone:
		return "no_signal"
	case SignalUnstable:
		return "unstable"
	case SignalUnsupported:
		return "unsupported"
	case SignalStalled:
		return "stalled"
	case SignalDeviceLost:
		return "device_lost"
	case SignalRecovering:
		return "encoder_recovering"
	}
	return fmt.Sprintf("signal %d", uint8(s))
}

// SignalError is why a live input stopped. It is not a failure of the stream:
// whoever runs the input shows it and tries again.
type SignalError struct {
	Signal Signal
	Detail string // for people, such as "1920x1080p120: at most 60 frames a second"; may be empty
	Err    error  // what the device said; may be nil
}

func (e *SignalError) Error() string {
	s := e.Signal.String()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *SignalError) Unwrap() error { return e.Err }

// Transfer is how pictures get from the device into the encoder.
type Transfer uint8

// The ways of a picture.
const (
	TransferNone Transfer = iota // no picture has come yet
	ZeroCopy                     // the device writes the encoder's own memory
	OneCopy                      // the process converts or copies each picture once
)

func (t Transfer) String() string {
	switch t {
	case ZeroCopy:
		return "zero-copy"
	case OneCopy:
		return "one copy"
	}
	return ""
}

// LiveStatus is what a live source tells of itself.
type LiveStatus struct {
	Signal Signal
	Detail string        // why, for people
	Since  time.Duration // on the stream's clock
	// Device is what delivers, or delivered last: "tc358743 (platform:fe801000.csi)".
	Device   string
	Arriving media.VideoFormat // what comes in, before it is fitted to the stream; zero without signal
	Transfer Transfer
	Reason   string // why Transfer is not ZeroCopy: "uvcvideo: MJPEG is decoded"
	Slate    bool   // the slate is on the air
	Losses   uint64 // times the signal was lost
	Slates   uint64 // slate pictures sent
	Frames   uint64 // pictures of the device sent
	Skipped  uint64 // pictures of the device that had no free memory, or were damaged
}

// LiveReporter is a source that tells of its signal. Live may be called from
// any goroutine.
type LiveReporter interface{ Live() LiveStatus }
