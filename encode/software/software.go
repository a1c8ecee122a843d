// Package software is the H.264 encoder that runs on the CPU: openh264, as
// pion/mediadevices bundles it, behind encode.Encoder. It codes Constrained
// Baseline, without B-frames: one packet for each frame, at once.
//
// What openh264 does of its own accord and this package settles:
//
//   - It raises the ids of its parameter sets at every IDR picture. They are
//     normalised to constant sets, with the level that MaxBitrate needs.
//   - It puts IDR pictures at scene cuts, which the bundled bridge cannot turn
//     off. Packet.Key marks only those that were asked for, so that segments and
//     renditions are cut where the caller said, and nowhere else.
//   - It writes no colour description. The track carries that of the settings,
//     for the containers that can say it.
//   - It keeps quantiser steps from 12 to 42: footage that needs coarser ones
//     comes out above the bit rate, and very plain footage far below it.
//   - It writes a line of warning to standard error at the start and at every
//     change of the bit rate, since no pictures may be skipped.
package software

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

// Encoder is encode.Encoder by openh264.
type Encoder struct {
	settings encode.Settings // as made, MaxBitrate filled in
	slices   int
	started  atomic.Bool

	bitrate atomic.Int64 // openh264's, which goes by Format.FrameRate: wanted from the next picture on
	key     atomic.Bool  // the next picture is to be an IDR picture
}

var _ encode.Encoder = (*Encoder)(nil)

// The limits of openh264 v2.1.
const (
	minSide    = 16
	maxWidth   = 3840
	maxHeight  = 2160
	maxBitrate = 240_000_000 // level 5.2
)

// defaultRate stands in for an unknown frame rate: rate control needs one.
var defaultRate = media.Rational{Num: 30, Den: 1}

// New checks the settings and returns an encoder for them.
func New(s encode.Settings) (*Encoder, error) {
	if s.MaxBitrate == 0 {
		s.MaxBitrate = s.Bitrate
	}
	f := s.Format
	switch {
	case f.Width < minSide || f.Height < minSide || f.Width > maxWidth || f.Height > maxHeight:
		return nil, fmt.Errorf("software encoder: picture size %dx%d is outside %dx%d to %dx%d", f.Width, f.Height, minSide, minSide, maxWidth, maxHeight)
	case f.Width%2 != 0 || f.Height%2 != 0:
		return nil, fmt.Errorf("software encoder: picture size %dx%d is odd; 4:2:0 video needs even sides", f.Width, f.Height)
	case f.Pixel != media.I420 && f.Pixel != media.NV12:
		return nil, fmt.Errorf("software encoder: pixel format %d is neither I420 nor NV12", f.Pixel)
	case !f.FrameRate.IsZero() && (f.FrameRate.Float() <= 0 || f.FrameRate.Float() > 240):
		return nil, fmt.Errorf("software encoder: frame rate %v is outside 0 to 240", f.FrameRate)
	case s.Bitrate <= 0 || s.Bitrate > maxBitrate:
		return nil, fmt.Errorf("software encoder: bit rate %d is outside 1 to %d bit/s", s.Bitrate, maxBitrate)
	case s.Divider < 0 || s.Divider > encode.MaxDivider:
		return nil, fmt.Errorf("software encoder: divider %d is outside 1 to %d", s.Divider, encode.MaxDivider)
	case s.MaxBitrate < s.Bitrate || s.MaxBitrate > maxBitrate:
		return nil, fmt.Errorf("software encoder: highest bit rate %d is outside %d (the bit rate) to %d bit/s", s.MaxBitrate, s.Bitrate, maxBitrate)
	}
	e := &Encoder{settings: s, slices: slices(f.Height, runtime.GOMAXPROCS(0))}
	e.bitrate.Store(int64(s.Rate(s.MaxBitrate)))
	return e, nil
}

// slices is the number of slices a picture, each coded by a thread of its own:
// 40 % less latency with two on two cores, for the same CPU time. A slice below
// eight macroblock rows costs more in prediction than it gains.
func slices(height, cpus int) int {
	const most, rows = 4, 8
	return max(1, min(cpus, most, height/16/rows))
}

// Update implements encode.Encoder. A MaxBitrate of zero leaves it as it was.
func (e *Encoder) Update(s encode.Settings) error {
	if err := e.settings.Change(s); err != nil {
		return fmt.Errorf("software encoder: %w", err)
	}
	e.bitrate.Store(int64(s.Rate(e.settings.MaxBitrate)))
	return nil
}

// RequestKey implements encode.Encoder.
func (e *Encoder) RequestKey() { e.key.Store(true) }

// Run implements encode.Encoder. Frames may be I420 or NV12, whatever the
// settings say.
func (e *Encoder) Run(ctx context.Context, frames <-chan media.Frame, w media.Writer) error {
	if e.started.Swap(true) {
		return errors.New("software encoder: Run is called a second time")
	}
	c, err := openCoder(e.settings, e.slices)
	if err != nil {
		return err
	}
	defer c.close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case frame, ok := <-frames:
			if !ok {
				return nil
			}
			if err := e.encode(ctx, c, frame, w); err != nil {
				return err
			}
		}
	}
}

// encode codes one frame, releases it, and writes its packet.
func (e *Encoder) encode(ctx context.Context, c *coder, frame media.Frame, w media.Writer) error {
	if err := ctx.Err(); err != nil {
		frame.Release()
		return err
	}
	// The request is taken first: one that comes later is for the next picture.
	key := e.key.Swap(false) || frame.ForceKey || c.track == nil
	pts := frame.PTS
	data, err := c.encode(frame.Buffer, int(e.bitrate.Load()), key)
	frame.Release()
	if err != nil {
		return fmt.Errorf("software encoder: picture at %v: %w", pts, err)
	}
	w.Write(media.Packet{Track: c.track, PTS: pts, DTS: pts, Key: key, Data: data})
	return nil
}
