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

const defaultWait = 3 * time.Second

// The format of a stream whose input had no signal when it was opened.
const defaultWidth, defaultHeight, defaultRate = 1280, 720, 30

// Open returns the input as soon as it knows the stream's format: at once where
// Format says all of it, else when the device has a signal, or after Wait. That
// there is no signal, or no device, is no error; a Config that cannot be is one,
// and the end of ctx.
//
// Frames of the input is a *Frames, Samples (with Audio) a *Samples. Video.Pixel
// is I420, which is what comes unless a pool of another format is given to
// Frames.UsePool.
func Open(ctx context.Context, cfg Config, clock *media.Clock) (*capture.Input, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("live input: %w", err)
	}
	session, reason, err := first(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("live input: %w", err)
	}
	format := cfg.Format
	if session != nil {
		format = fill(format, session.Format())
	}
	format = fill(format, media.VideoFormat{
		Width: defaultWidth, Height: defaultHeight, FrameRate: media.Rational{Num: defaultRate, Den: 1},
		Color: media.Color{Primaries: 1, Transfer: 1, Matrix: 1},
	})
	format.Pixel = media.I420
	frames := newFrames(cfg, format, clock, session, reason)
	in := &capture.Input{Frames: frames, Video: format, Description: summary(format, session, reason), Close: frames.close}
	if cfg.Audio != nil {
		in.Samples, in.Audio = newSamples(cfg, clock), cfg.AudioFormat
		in.Description += fmt.Sprintf(", %d Hz %d ch", in.Audio.SampleRate, in.Audio.Channels)
	}
	return in, nil
}

// complete checks the configuration and sets what has a default.
func (c *Config) complete() error {
	f := c.Format
	switch {
	case c.Video == nil:
		return errors.New("no picture device is given")
	case (f.Width == 0) != (f.Height == 0):
		return fmt.Errorf("size %dx%d: give width and height, or neither", f.Width, f.Height)
	case f.Width < 0 || f.Height < 0 || f.Width%2 != 0 || f.Height%2 != 0:
		return fmt.Errorf("size %dx%d: width and height must be even", f.Width, f.Height)
	case f.FrameRate.Num < 0 || f.FrameRate.Den < 0:
		return fmt.Errorf("frame rate %v: must be positive", f.FrameRate)
	}
	if c.AudioFormat == (media.AudioFormat{}) {
		c.AudioFormat = media.AudioFormat{SampleRate: 48000, Channels: 2}
	}
	if a := c.AudioFormat; a.SampleRate <= 0 || a.Channels <= 0 {
		return fmt.Errorf("sound of %d Hz, %d channels: give both, or neither", a.SampleRate, a.Channels)
	}
	if c.Wait == 0 {
		c.Wait = defaultWait
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// first opens the device, trying again for as long as Open may wait. Where the
// format is known without it, one try is enough.
func first(ctx context.Context, cfg Config) (VideoSession, *capture.SignalError, error) {
	known := cfg.Format.Width != 0 && !cfg.Format.FrameRate.IsZero()
	limited, cancel := context.WithTimeout(ctx, cfg.Wait)
	defer cancel()
	again := newRetry(limited, cfg.Wake)
	reason := &capture.SignalError{Signal: capture.SignalStarting}
	for {
		session, err := cfg.Video.Open(limited)
		switch {
		case err == nil && ctx.Err() != nil:
			return nil, nil, errors.Join(ctx.Err(), session.Close())
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case err == nil:
			return session, nil, nil
		case limited.Err() == nil:
			reason = why(err)
		}
		if known || again.wait(limited) != nil {
			return nil, reason, ctx.Err()
		}
	}
}

// fill sets what a format leaves open.
func fill(f, from media.VideoFormat) media.VideoFormat {
	if f.Width == 0 {
		f.Width, f.Height = from.Width&^1, from.Height&^1
	}
	if f.FrameRate.IsZero() {
		f.FrameRate = from.FrameRate
	}
	if f.Color == (media.Color{}) {
		f.Color = from.Color
	}
	return f
}

// summary is the input's description.
func summary(stream media.VideoFormat, session VideoSession, reason *capture.SignalError) string {
	if session == nil {
		return fmt.Sprintf("capture: no picture yet (%v), %s", reason, describe(stream))
	}
	s := fmt.Sprintf("capture: %s, %s", session.Device(), describe(session.Format()))
	if in := session.Format(); in.Width != stream.Width || in.Height != stream.Height || in.FrameRate != stream.FrameRate {
		s += " as " + describe(stream)
	}
	return s
}
