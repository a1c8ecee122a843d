// Package encode turns raw pictures and sound into packets. Its folders hold
// the encoders; package encodetest holds the contract they all pass.
package encode

import (
	"context"
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/media"
)

// Settings of a video encoder.
type Settings struct {
	Format  media.VideoFormat // of the frames that come in
	Bitrate int               // target, bits per second
	// MaxBitrate is the highest Bitrate a later Update may set, so that level and
	// buffers are chosen once and the track stays the same through every change.
	// Zero means Bitrate.
	MaxBitrate int
	// Divider says that only every Divider-th picture of Format.FrameRate comes, as
	// after Feed.Thin, so that the rate control gives each so much more. Zero means 1.
	Divider int
}

// MaxDivider is the largest Divider there may be.
const MaxDivider = 4

// Change says whether a running encoder made with s can take next: nil where
// only the bit rate and the divider differ, and MaxBitrate holds the rate;
// ErrRestart for all else that is valid. A MaxBitrate of zero in next leaves it
// as it was.
func (s Settings) Change(next Settings) error {
	switch {
	case next.Bitrate <= 0:
		return fmt.Errorf("bit rate %d is not positive", next.Bitrate)
	case next.Divider < 0 || next.Divider > MaxDivider:
		return fmt.Errorf("divider %d is outside 1 to %d", next.Divider, MaxDivider)
	case next.Format != s.Format,
		next.MaxBitrate != 0 && next.MaxBitrate != s.MaxBitrate,
		next.Bitrate > s.MaxBitrate:
		return ErrRestart
	}
	return nil
}

// Rate is Bitrate and Divider as one number for those who keep them in an atomic:
// what an encoder that believes in Format.FrameRate is to be told, for the pictures
// that do come to make Bitrate. It is no more than the highest.
func (s Settings) Rate(highest int) int {
	return min(s.Bitrate*max(1, s.Divider), highest)
}

// ErrRestart is returned by Update when a change cannot be made while the
// encoder runs: nothing was changed, and the caller makes a new encoder.
var ErrRestart = errors.New("change needs a new encoder")

// Encoder codes the pictures of one stream.
//
// Run takes frames until the channel is closed (it then drains what it holds
// and returns nil) or ctx ends (it returns ctx's error at once). It releases
// every frame it receives, and writes packets in decoding order with the PTS of
// the frame each came from. The first picture, and each with ForceKey, becomes
// an IDR picture. One track serves the whole run, whatever Update does.
// Run is called once.
//
// Update changes the bit rate, and the divider, while Run runs; the next picture
// is coded with them. It does not make a key picture. The same settings again do
// nothing. Anything else changed, or a Bitrate above MaxBitrate, is ErrRestart.
//
// RequestKey makes the next picture an IDR picture. Several calls before that
// picture ask for one. Update and RequestKey may be called from any goroutine,
// before, during and after Run, and do not block.
type Encoder interface {
	Run(ctx context.Context, frames <-chan media.Frame, w media.Writer) error
	Update(Settings) error
	RequestKey()
}
