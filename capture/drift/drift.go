// Package drift brings the sound of a card, which runs by a crystal of its own,
// onto the stream's clock.
//
// The stream's clock (CLOCK_MONOTONIC) is the master. A card that is 100 ppm
// off would be 8.6 s away from the picture after a day; counting its samples
// does not do. Here a robust regression over pairs of (frames captured, time)
// tells when each frame was captured (Line), and an interpolator whose ratio
// can be any number at any sample (Converter) makes from the card's frames the
// samples of an exact grid: sample n of the output is what sounded at n/rate
// seconds on the clock. Runs follow each other to the sample for as long as the
// card delivers.
//
// The same interpolator converts the card's nominal rate, whatever it is, to
// the stream's, in the same pass. Its prototype is a Kaiser-windowed sinc in 256
// phases with linear interpolation between them; measured by the tests at 48 to
// 48 kHz and +200 ppm: SINAD of 1 kHz at -1 dBFS 96 dB (the 16-bit rounding of
// the result is its limit), flat to 18 kHz within 0.01 dB.
//
// tphakala/go-audio-resampler v1.0.0, which would be at hand, was measured and
// is not used: its ratio is fixed when it is made (no method sets another); a
// ratio near 1 is rounded away (48000 to 48009.6 Hz gave 480000 samples for
// 480000, not 480096); and Process allocates 1324 times for 10 ms of one channel
// (44100 to 48000). With the ratio free, a second stage for the nominal rates
// would only add delay.
package drift

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// MaxDrift is how far a card's rate may be off, relative to its nominal one. It
// bounds the ratio at all times, corrections included. A card further off
// cannot be followed; see Stats.Skips and Holes.
const MaxDrift = 500e-6

// Config of a Converter.
type Config struct {
	Rate     int // the card's nominal rate, Hz
	Channels int // the card's
	// Out is the format of the result: 1 or 2 channels. A mono card is heard in
	// both channels; of a card with more than two, the first two are taken
	// (front left and right), and become their mean where Out is mono.
	Out media.AudioFormat
}

// Rates that a Converter takes, in and out, Hz.
const (
	MinRate = 8000
	MaxRate = 192000
)

func (c Config) check() error {
	switch {
	case c.Rate < MinRate || c.Rate > MaxRate:
		return fmt.Errorf("drift: the card's rate of %d Hz is outside %d to %d", c.Rate, MinRate, MaxRate)
	case c.Channels < 1 || c.Channels > 64:
		return fmt.Errorf("drift: the card's %d channels are outside 1 to 64", c.Channels)
	case c.Out.SampleRate < MinRate || c.Out.SampleRate > MaxRate:
		return fmt.Errorf("drift: the stream's rate of %d Hz is outside %d to %d", c.Out.SampleRate, MinRate, MaxRate)
	case c.Out.Channels != 1 && c.Out.Channels != 2:
		return fmt.Errorf("drift: %d channels for the stream; it takes 1 or 2", c.Out.Channels)
	}
	return nil
}

// Stats of a Converter.
type Stats struct {
	// Drift is how fast the card runs against the clock: +100e-6 is 100 ppm fast.
	Drift float64
	// Error is how far the sound is from where the regression says it belongs:
	// above zero it comes late. It is on its way to zero.
	Error time.Duration
	// Moves count how often the card's line jumped without its driver saying so.
	Moves uint64
	// Skips count how often sound was cut, Holes how often some was missing,
	// because the error had grown beyond maxError. Neither happens with a card
	// within MaxDrift that loses nothing.
	Skips, Holes uint64
	// Lost counts frames dropped because nobody read.
	Lost uint64
}
