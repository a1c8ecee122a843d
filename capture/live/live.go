// Package live is the input that never ends: pictures and sound of devices that
// come and go, with a slate and silence in their place while they are away, on
// one unbroken time line. Nothing behind it, no encoder and no destination, sees
// more of a pulled cable than other pictures.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// Video finds and opens a picture device. Each Open looks for it anew: it may
// have been unplugged and be another node now.
//
// Open blocks a few seconds at most, and not after ctx has ended. Where there is
// no picture to be had it returns a *capture.SignalError that says why.
type Video interface {
	Open(ctx context.Context) (VideoSession, error)
}

// VideoSession is an open device with a signal, until that is lost or changes.
type VideoSession interface {
	// Format is what arrives: size, rate and colour; Pixel is the raw format as
	// delivered (of MJPEG: as decoded). FrameRate may be zero: not known. It does
	// not change during a session.
	Format() media.VideoFormat
	// Pixels are the raw formats the device can give, best first.
	Pixels() []media.PixelFormat
	// Device names it for people: "tc358743 (platform:fe801000.csi)".
	Device() string
	// Run streams until ctx ends (it returns ctx's error), or the signal is lost
	// (a *capture.SignalError) or changes in size or rate (a *Changed).
	//
	// It emits pictures of the pool's size and format, scaled where that is not
	// what arrives, one at a time, with the capture time on the stream's clock as
	// PTS; emit takes over the reference and does not block. Every buffer that Run
	// took from the pool and did not emit is back in it when Run returns.
	//
	// When no picture has come for a second, Run returns capture.SignalStalled.
	// When the pool's generation has changed it returns capture.SignalRecovering;
	// after that one, Run is called again on the same session. After any other
	// error the session is closed.
	Run(ctx context.Context, pool capture.Pool, emit func(media.Frame)) error
	// Status is how pictures go into the encoder, why not by the shortest way,
	// and how many of this session had no memory or were damaged. It may be
	// called from any goroutine, also after Close.
	Status() (t capture.Transfer, reason string, skipped uint64)
	// Close is called once, when no Run is running.
	Close() error
}

// Chooser is a VideoSession that can leave a picture out before it has worked
// on it. Choose is called before Run; wanted, which is called from Run's
// goroutine alone, tells whether the stream has a place for a picture of that
// time. To ask is voluntary: what comes unasked and has no place is dropped.
type Chooser interface {
	Choose(wanted func(pts time.Duration) bool)
}

// Audio finds and opens a sound card, under the contract of Video.
type Audio interface {
	Open(ctx context.Context) (AudioSession, error)
}

// AudioSession is an open sound card.
type AudioSession interface {
	// Format is what Run emits; it does not change during a Run.
	Format() media.AudioFormat
	// Device names it for people.
	Device() string
	// Run emits runs of sound in rising PTS until ctx ends (it returns ctx's
	// error) or the card fails (a *capture.SignalError, or any error). PTS is the
	// capture time on the stream's clock, and the samples keep step with that
	// clock. Data is not changed after it was emitted.
	Run(ctx context.Context, emit func(media.Samples)) error
	// Close is called once, when no Run is running.
	Close() error
}

// Converter is an AudioSession that can deliver another format than the card's.
// Convert is called before Run where Format is not the stream's, and changes
// what Format returns; an error means that it cannot.
type Converter interface {
	Convert(to media.AudioFormat) error
}

// Config of a live input.
type Config struct {
	Video Video // needed
	Audio Audio // nil: no sound
	// Format of the stream. Zero fields are taken from the device as Open finds
	// it, and where there is no signal then: 1280x720, 30 frames a second. Width
	// and Height are given both or not at all. Pixel is not read.
	Format media.VideoFormat
	// AudioFormat of the stream; zero: 48000 Hz, 2 channels.
	AudioFormat media.AudioFormat
	// Follow ends Frames.Run with ErrChanged when another size or rate arrives,
	// in the fields that Format leaves to the device. Otherwise the stream keeps
	// what it has: pictures are scaled, surplus ones left out.
	Follow bool
	// Wait is how long Open waits for a first signal; zero: 3 s.
	Wait time.Duration
	// Wake returns a channel that receives when a device may have come (a
	// uevent): what waits to try again tries at once. The channel ends with ctx.
	// It is called once by Open and by each Run; nil: by time alone.
	Wake func(ctx context.Context) <-chan struct{}
	// OnChange is called at each transition of the picture's status, in order,
	// one call at a time, from any goroutine. It must not block. May be nil.
	OnChange func(capture.LiveStatus)
	// Stream and Address are shown on the slate: the stream's name, and where the
	// box's page is found now. Address must not block. Both may be empty.
	Stream  string
	Address func() string
	Log     *slog.Logger // nil: none
}

// Changed is why a VideoSession ended that has to be opened anew: the signal is
// there, in another size or rate.
type Changed struct { //nolint:errname // it reads live.Changed, and is news rather than a failure
	To media.VideoFormat // zero where it is not known yet
}

func (c *Changed) Error() string {
	if c.To.Width == 0 {
		return "the input's format changed"
	}
	return "the input changed to " + describe(c.To)
}

// ErrChanged is what Frames.Run returns, wrapped, under Config.Follow when
// pictures of another size or rate arrive than the stream has: the input is
// to be closed and opened anew, for a new track.
var ErrChanged = errors.New("input format changed")

// describe is a format in words: "1920x1080 50 fps".
func describe(f media.VideoFormat) string {
	if f.FrameRate.IsZero() {
		return fmt.Sprintf("%dx%d", f.Width, f.Height)
	}
	return fmt.Sprintf("%dx%d %v fps", f.Width, f.Height, f.FrameRate)
}
