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
}

// Change says whether a running encoder made with s can take next: nil where
// only the bit rate differs, and MaxBitrate holds it; ErrRestart for all else
// that is valid. A MaxBitrate of zero in next leaves it as it was.
func (s Settings) Change(next Settings) error {
	switch {
	case next.Bitrate <= 0:
		return fmt.Errorf("bit rate %d is not positive", next.Bitrate)
	case next.Format != s.Format,
		next.MaxBitrate != 0 && next.MaxBitrate != s.MaxBitrate,
		next.Bitrate > s.MaxBitrate:
		return ErrRestart
	}
	return nil
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
// Update changes the bit rate while Run runs; the next picture is coded with
// it. It does not make a key picture. The same settings again do nothing.
// Anything but Bitrate changed, or a Bitrate above MaxBitrate, is ErrRestart.
//
// RequestKey makes the next picture an IDR picture. Several calls before that
// picture ask for one. Update and RequestKey may be called from any goroutine,
// before, during and after Run, and do not block.
type Encoder interface {
	Run(ctx context.Context, frames <-chan media.Frame, w media.Writer) error
	Update(Settings) error
	RequestKey()
}
