// Package pattern is the built-in test source: colour bars, a sweep, a clock,
// a frame number, and once a second a flash and a beep that coincide. It needs
// no hardware and shows at a glance whether a chain moves, how far it lags,
// and whether sound keeps with the picture.
//
// # Flash and beep
//
// The first frame at or after each whole second of the stream's clock begins
// a flash: the band across the picture, over a third of its height, turns from
// near-black to white for at least two frames and about 80 ms. The beep, 1 kHz
// for 80 ms with edges of 1 ms, begins at the sample nearest to that frame's
// PTS; at 48 kHz that is within 11 µs. Everything else is silence.
//
// # Timing
//
// Frame n and sample n lie at exact multiples of their periods from one
// origin, set by Open and shared by both parts, so neither drifts and either
// may start, stop and start again on its own.
package pattern

import (
	"fmt"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// Config chooses the formats. Zero fields take the defaults: 1280x720, 30
// frames a second, 48000 Hz, 2 channels.
type Config struct {
	Width, Height int
	FrameRate     media.Rational
	SampleRate    int
	Channels      int
	NoSound       bool // pictures only
}

// The limits of Config.
const (
	minSide, maxWidth, maxHeight = 64, 7680, 4320
	minRate, maxRate             = 2, 120 // below 2 a flash could not be told from the frames beside it
	minSampleRate, maxSampleRate = 8000, 96000
	maxChannels                  = 8
)

// bt709 is the colour of the pattern: ITU-R BT.709, limited range.
var bt709 = media.Color{Primaries: 1, Transfer: 1, Matrix: 1}

// Open checks the configuration, draws what does not move, and fixes the
// origin of both time lines at clock.Now(). Nothing needs closing.
//
// Frames of the returned input is a *FrameSource and Samples a *SampleSource;
// their Skipped counters tell what could not be delivered.
func Open(cfg Config, clock *media.Clock) (*capture.Input, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	line := timeline{clock: clock, origin: clock.Now(), rate: cfg.FrameRate}
	pic, err := newPainter(cfg)
	if err != nil {
		return nil, fmt.Errorf("pattern: prepare the font: %w", err)
	}
	in := &capture.Input{
		Frames: &FrameSource{line: line, pic: pic, pool: capture.NewPool(pic.format, pic.back)},
		Video:  pic.format,
		Description: fmt.Sprintf("pattern: %dx%d %v fps, no sound",
			cfg.Width, cfg.Height, cfg.FrameRate),
		Close: func() error { return nil },
	}
	if cfg.NoSound {
		return in, nil
	}
	in.Audio = media.AudioFormat{SampleRate: cfg.SampleRate, Channels: cfg.Channels}
	in.Samples = newSampleSource(line, in.Audio)
	in.Description = fmt.Sprintf("pattern: %dx%d %v fps, %d Hz %d ch",
		cfg.Width, cfg.Height, cfg.FrameRate, cfg.SampleRate, cfg.Channels)
	return in, nil
}

func (c Config) withDefaults() Config {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 1280, 720
	}
	if c.FrameRate == (media.Rational{}) {
		c.FrameRate = media.Rational{Num: 30, Den: 1}
	}
	if c.SampleRate == 0 {
		c.SampleRate = 48000
	}
	if c.Channels == 0 {
		c.Channels = 2
	}
	return c
}

func (c Config) check() error {
	switch r := c.FrameRate; {
	case c.Width < minSide || c.Height < minSide || c.Width > maxWidth || c.Height > maxHeight:
		return fmt.Errorf("size %dx%d: must be between %dx%d and %dx%d",
			c.Width, c.Height, minSide, minSide, maxWidth, maxHeight)
	case c.Width%2 != 0 || c.Height%2 != 0:
		return fmt.Errorf("size %dx%d: width and height must be even", c.Width, c.Height)
	case r.Num <= 0 || r.Den <= 0 || r.Num > 1e7 || r.Den > 1e6 || r.Float() < minRate || r.Float() > maxRate:
		return fmt.Errorf("frame rate %v: must be between %d and %d", r, minRate, maxRate)
	case c.NoSound:
		return nil
	case c.SampleRate < minSampleRate || c.SampleRate > maxSampleRate:
		return fmt.Errorf("sample rate %d: must be between %d and %d", c.SampleRate, minSampleRate, maxSampleRate)
	case c.Channels < 1 || c.Channels > maxChannels:
		return fmt.Errorf("%d channels: must be between 1 and %d", c.Channels, maxChannels)
	}
	return nil
}
