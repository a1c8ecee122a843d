// Package testcard makes the programme that a preflight publishes: two seconds of the
// test pattern, coded once and repeated, filled up to a bit rate with NAL units that
// decoders pass over.
package testcard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture/pattern"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/audio"
	"github.com/encoderbox/encoderbox/encode/software"
	"github.com/encoderbox/encoderbox/media"
)

const (
	width, height = 640, 360
	pictures      = 50 // of a loop
	videoBitrate  = 300_000
	fillerNAL     = 12 // nal_unit_type of filler data, ISO/IEC 14496-10 §7.3.2.7
	makingTime    = 20 * time.Second
)

var frameRate = media.Rational{Num: 25, Den: 1}

// Card is a programme without an end. It implements preflight.Pattern and is for
// one goroutine.
type Card struct {
	tracks       []*media.Track
	video, audio [][]byte // access units of a loop
	fill         int      // bytes that a picture is filled up to

	pictures, sounds int64 // given so far
}

// Make makes a card of the codecs, at most one of pictures and one of sound. Pictures
// are filled up so that all of it has the bit rate; a rate below what the pattern needs
// adds nothing. It takes about two seconds.
func Make(ctx context.Context, codecs []media.Codec, bitrate int) (*Card, error) {
	ctx, cancel := context.WithTimeout(ctx, makingTime)
	defer cancel()
	c := &Card{fill: bitrate / 8 * frameRate.Den / frameRate.Num}
	for _, codec := range codecs {
		t, units, err := code(ctx, codec)
		if err != nil {
			return nil, fmt.Errorf("test card in %v: %w", codec, err)
		}
		c.tracks = append(c.tracks, t)
		if t.Kind() == media.Video {
			c.video = units
		} else {
			c.audio = units
		}
	}
	if len(c.tracks) == 0 {
		return nil, errors.New("test card: no codecs")
	}
	return c, nil
}

// Tracks implements preflight.Pattern.
func (c *Card) Tracks() []*media.Track { return c.tracks }

func (c *Card) track(k media.Kind) *media.Track {
	i := slices.IndexFunc(c.tracks, func(t *media.Track) bool { return t.Kind() == k })
	if i < 0 {
		return nil
	}
	return c.tracks[i]
}

// Next implements preflight.Pattern: pictures and sound in the order of their times,
// which begin at zero.
func (c *Card) Next() media.Packet {
	v, a := c.track(media.Video), c.track(media.Audio)
	var at time.Duration
	if a != nil {
		at = a.FrameDuration() * time.Duration(c.sounds)
	}
	if v != nil && (a == nil || frameRate.FrameTime(c.pictures) <= at) {
		at = frameRate.FrameTime(c.pictures)
		i := int(c.pictures % int64(len(c.video)))
		c.pictures++
		return media.Packet{Track: v, DTS: at, PTS: at, Key: i == 0, Data: filled(c.video[i], c.fill)}
	}
	i := int(c.sounds % int64(len(c.audio)))
	c.sounds++
	return media.Packet{Track: a, DTS: at, PTS: at, Key: true, Data: c.audio[i]}
}

// filled is an access unit with filler data behind it, up to size.
func filled(unit []byte, size int) []byte {
	n := size - len(unit) - 4
	if n < 3 {
		return unit
	}
	out := make([]byte, 0, size)
	out = append(out, unit...)
	out = binary.BigEndian.AppendUint32(out, uint32(n))
	out = append(out, fillerNAL)
	for range n - 2 {
		out = append(out, 0xff)
	}
	return append(out, 0x80) // rbsp_trailing_bits
}

// code makes the access units of a loop.
func code(ctx context.Context, codec media.Codec) (*media.Track, [][]byte, error) {
	in, err := pattern.Open(pattern.Config{Width: width, Height: height, FrameRate: frameRate}, media.NewClock())
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = in.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	l := &loop{done: cancel}
	var run func() error
	if codec.Kind() == media.Video {
		e, err := software.New(encode.Settings{Format: in.Video, Bitrate: videoBitrate})
		if err != nil {
			cancel()
			return nil, nil, err
		}
		l.want = pictures
		frames := make(chan media.Frame)
		feed := encode.NewFeed(time.Hour) // a loop begins with its only key picture
		run = func() error {
			var group sync.WaitGroup
			defer group.Wait()
			group.Go(func() { _ = feed.Run(ctx, frames) }) // all three end with ctx
			group.Go(func() { _ = in.Frames.Run(ctx, feed.Put) })
			return e.Run(ctx, frames, l)
		}
	} else {
		e, err := audio.New(audio.Settings{Codec: codec, Format: in.Audio})
		if err != nil {
			cancel()
			return nil, nil, err
		}
		l.want = int(2 * time.Second / e.Track().FrameDuration())
		run = func() error {
			var group sync.WaitGroup
			defer group.Wait()
			group.Go(func() { _ = in.Samples.Run(ctx, e.Put) })
			return e.Run(ctx, l)
		}
	}
	err = run()
	cancel()
	if len(l.units) < l.want {
		return nil, nil, fmt.Errorf("not made in time: %w", err)
	}
	return l.track, l.units, nil
}

// loop collects what an encoder makes until it is enough. Only the encoder's Run
// writes to it.
type loop struct {
	want  int
	done  context.CancelFunc
	track *media.Track
	units [][]byte
}

// Write implements media.Writer.
func (l *loop) Write(p media.Packet) {
	if len(l.units) == l.want {
		return
	}
	l.track = p.Track
	l.units = append(l.units, p.Data)
	if len(l.units) == l.want {
		l.done()
	}
}
