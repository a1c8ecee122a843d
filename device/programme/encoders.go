package programme

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/audio"
	"github.com/encoderbox/encoderbox/encode/m2m"
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
	name string
	pool capture.Pool // memory that sources may draw into
	hw   *m2m.Encoder // nil for the software's
	// stuck: a call to the driver does not return; nil for the software's.
	stuck func() bool
}

// Close frees what the encoder holds. It must not be running.
func (c *chosen) Close() error {
	if closer, ok := c.Encoder.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// makeEncoder makes the video encoder for raw pictures, with the bit rate that
// is wanted now: a live change may have come since the spec was read.
func (p *Programme) makeEncoder(in *capture.Input) (*chosen, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.chooseEncoder(in)
	if err != nil {
		return nil, err
	}
	p.encoder, p.format = c.Encoder, in.Video
	return c, nil
}

func (p *Programme) chooseEncoder(in *capture.Input) (*chosen, error) {
	video := p.spec.Video
	if video.Encoder != "software" {
		c, err := p.hardwareEncoder(in)
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
	return p.softwareEncoder(in)
}

func (p *Programme) hardwareEncoder(in *capture.Input) (*chosen, error) {
	var prefer []media.PixelFormat
	if source, ok := in.Frames.(interface{ Pixels() []media.PixelFormat }); ok {
		prefer = source.Pixels()
	}
	e, err := p.hw.Encoder(settings(p.spec.Video, in.Video), prefer, p.log)
	if err != nil {
		return nil, err
	}
	return &chosen{Encoder: e, name: e.Stats().Driver + " (hardware)", pool: e.Pool(), hw: e, stuck: func() bool { return e.Stats().Stuck }}, nil
}

func (p *Programme) softwareEncoder(in *capture.Input) (*chosen, error) {
	format := in.Video
	_, draws := in.Frames.(capture.PoolUser)
	if draws { // it draws into memory that is given to it, whatever its device has
		format.Pixel = media.I420
	}
	e, err := software.New(settings(p.spec.Video, format))
	if err != nil {
		return nil, err
	}
	c := &chosen{Encoder: e, name: "openh264 (software)"}
	if draws {
		c.pool = capture.NewPool(format, nil)
	}
	return c, nil
}

// startVideo runs the input's pictures through the feed and the encoder to w.
func startVideo(ctx context.Context, group *tasks, in *capture.Input, feed *encode.Feed, e *chosen, w media.Writer) {
	if source, ok := in.Frames.(capture.PoolUser); ok {
		source.UsePool(e.pool)
	}
	if puller, ok := e.Encoder.(encode.Puller); ok {
		group.Go(func() error { return puller.RunFeed(ctx, feed, w) })
	} else {
		frames := make(chan media.Frame)
		group.Go(func() error { return feed.Run(ctx, frames) })
		group.Go(func() error { return e.Run(ctx, frames, w) })
	}
	group.Go(func() error {
		defer feed.Close()
		return in.Frames.Run(ctx, feed.Put)
	})
}

// startAudio runs the input's sound through an AAC encoder to w, and hands it to
// those of further codecs.
func (p *Programme) startAudio(ctx context.Context, group *tasks, spec Spec, in *capture.Input, w media.Writer) error {
	e, err := audio.New(audio.Settings{Format: in.Audio, Bitrate: int(spec.Audio.Bitrate)})
	if err != nil {
		return err
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
	return nil
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
