package programme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/audio"
	"github.com/encoderbox/encoderbox/encode/m2m"
	"github.com/encoderbox/encoderbox/encode/resize"
	"github.com/encoderbox/encoderbox/encode/software"
	"github.com/encoderbox/encoderbox/media"
)

// ConditionSoftware (a warning): there is a hardware encoder, and the CPU does
// its work.
const ConditionSoftware = "encoder.software"

// ConditionDead (an error): the hardware encoder was opened anew again and again,
// and coded nothing, or its driver does not return from a call. No watchdog is
// fed while it holds.
const ConditionDead = "encoder.dead"

// chosen is the encoder of a run.
type chosen struct {
	encode.Encoder
	settings encode.Settings // that it was made with
	name     string
	pool     capture.Pool // memory that sources may draw into
	hw       *m2m.Encoder // nil for the software's
	// small is another instance of hw for smaller pictures, while there is one.
	small atomic.Pointer[m2m.Encoder]
	// stuck: a call to the driver does not return; nil for the software's.
	stuck func() bool
}

// hardwareStuck is stuck for a hardware encoder.
func (c *chosen) hardwareStuck() bool {
	small := c.small.Load()
	return c.hw.Stats().Stuck || small != nil && small.Stats().Stuck
}

// Close frees what the encoder holds. It must not be running.
func (c *chosen) Close() error {
	if closer, ok := c.Encoder.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// chooseEncoder makes the encoder for raw pictures of full size.
func (p *Programme) chooseEncoder(video config.Video, in *capture.Input) (*chosen, error) {
	if video.Encoder != "software" {
		c, err := p.hardwareEncoder(video, in)
		switch {
		case err == nil:
			p.report.Clear(ConditionSoftware)
			return c, nil
		case video.Encoder == "hardware":
			return nil, err
		case errors.Is(err, hardware.ErrNoEncoder):
			p.report.Clear(ConditionSoftware)
		default:
			p.log.Warn("the CPU encodes, since the hardware encoder does not", "err", err)
			p.report.Raise(status.Condition{
				Code: ConditionSoftware, Severity: status.Warning,
				Message: fmt.Sprintf("the CPU encodes, since the hardware encoder does not: %v", err),
			})
		}
	} else {
		p.report.Clear(ConditionSoftware)
	}
	return softwareEncoder(video, in)
}

func (p *Programme) hardwareEncoder(video config.Video, in *capture.Input) (*chosen, error) {
	var prefer []media.PixelFormat
	if source, ok := in.Frames.(interface{ Pixels() []media.PixelFormat }); ok {
		prefer = source.Pixels()
	}
	set := settings(video, in.Video)
	e, err := p.hw.Encoder(set, prefer, p.log)
	if err != nil {
		return nil, err
	}
	c := &chosen{Encoder: e, settings: set, name: e.Stats().Driver + " (hardware)", pool: e.Pool(), hw: e}
	c.stuck = c.hardwareStuck
	return c, nil
}

func softwareEncoder(video config.Video, in *capture.Input) (*chosen, error) {
	format := in.Video
	_, draws := in.Frames.(capture.PoolUser)
	if draws { // it draws into memory that is given to it, whatever its device has
		format.Pixel = media.I420
	}
	set := settings(video, format)
	e, err := software.New(set)
	if err != nil {
		return nil, err
	}
	c := &chosen{Encoder: e, settings: set, name: "openh264 (software)"}
	if draws {
		c.pool = capture.NewPool(format, nil)
	}
	return c, nil
}

// sizes runs the encoder, and others for smaller pictures in its place. A hardware
// encoder stays open meanwhile, since pictures lie in its memory: the smaller ones
// are coded by another instance of it, or, where the driver has no more than one, by
// the CPU, for which they are a quarter of the work.
func (p *Programme) sizes(e *chosen) *resize.Runner {
	noSecond := false // instance of the hardware encoder
	return resize.New(resize.Config{
		Settings: e.settings,
		Open: func(scale int, s encode.Settings) (resize.Opened, error) {
			switch {
			case scale == 1 && e.hw != nil:
				return resize.Opened{Encoder: e.hw, Settings: e.settings}, e.hw.Update(s)
			case e.hw != nil && !noSecond:
				s.Format.Pixel = media.NV12
				small, err := p.hw.Encoder(s, nil, p.log)
				if err != nil {
					return resize.Opened{}, err
				}
				e.small.Store(small)
				return resize.Opened{Encoder: small, Settings: s, Close: func() error {
					e.small.Store(nil)
					return small.Close()
				}}, nil
			case scale > 1:
				s.Format.Pixel = media.I420
			}
			small, err := software.New(s)
			return resize.Opened{Encoder: small, Settings: s}, err
		},
		Failed: func(scale int, err error) {
			p.log.Warn("an encoder for smaller pictures failed", "scale", scale, "software", e.hw == nil || noSecond, "err", err)
			noSecond = true
		},
		Guard: func(f func() error) error { return guard(p.log, f) },
	})
}

// startVideo runs the input's pictures through the feed and the encoders to w.
func startVideo(ctx context.Context, group *tasks, in *capture.Input, feed *encode.Feed, e *chosen, sizes *resize.Runner, w media.Writer) {
	if source, ok := in.Frames.(capture.PoolUser); ok {
		source.UsePool(e.pool)
	}
	group.Go(func() error { return sizes.Run(ctx, feed, w) })
	group.Go(func() error {
		defer feed.Close()
		return in.Frames.Run(ctx, feed.Put)
	})
}

// startAudio runs the input's sound through an AAC encoder to w, and hands it to
// those of further codecs. What it returns watches for sound that is left out.
func (p *Programme) startAudio(ctx context.Context, group *tasks, spec Spec, in *capture.Input, w media.Writer) (*lateness, error) {
	e, err := audio.New(audio.Settings{Format: in.Audio, Bitrate: int(spec.Audio.Bitrate)})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	further := p.sound
	p.mu.Unlock()
	group.Go(func() error { return e.Run(ctx, w) })
	group.Go(func() error {
		defer e.Close()
		return in.Samples.Run(ctx, func(s media.Samples) {
			e.Put(s)
			further.Put(s)
		})
	})
	return &lateness{leftOut: func() time.Duration { return e.Stats().LeftOut + further.leftOut() }, report: p.report}, nil
}

// startSound makes what is wanted in further codecs now: a live change may have
// come since the spec was read.
func (p *Programme) startSound(format media.AudioFormat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sound = newRenditions(p.hub, format, p.log)
	p.sound.set(p.spec.Sound)
}

func (p *Programme) endSound() {
	p.mu.Lock()
	sound := p.sound
	p.sound = nil
	p.mu.Unlock()
	sound.end()
}

// audioWriter is w, with silence before it where the plan says so.
func (p plan) audioWriter(w media.Writer) media.Writer {
	if p.silence {
		return audio.NewSilence(w)
	}
	return w
}
