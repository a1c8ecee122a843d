package programme

import (
	"context"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/audio"
	"github.com/encoderbox/encoderbox/encode/software"
	"github.com/encoderbox/encoderbox/media"
)

// makeEncoder makes the video encoder for raw pictures, with the bit rate that
// is wanted now: a live change may have come since the spec was read.
func (p *Programme) makeEncoder(in *capture.Input) (encode.Encoder, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := software.New(settings(p.spec.Video, in.Video))
	if err != nil {
		return nil, err
	}
	p.encoder, p.format = e, in.Video
	return e, nil
}

// startVideo runs the input's pictures through the feed and the encoder to w.
func startVideo(ctx context.Context, group *tasks, in *capture.Input, feed *encode.Feed, e encode.Encoder, w media.Writer) {
	frames := make(chan media.Frame)
	group.Go(func() error { return feed.Run(ctx, frames) })
	group.Go(func() error { return e.Run(ctx, frames, w) })
	group.Go(func() error {
		defer feed.Close()
		return in.Frames.Run(ctx, feed.Put)
	})
}

// startAudio runs the input's sound through an AAC encoder to w.
func startAudio(ctx context.Context, group *tasks, spec Spec, in *capture.Input, w media.Writer) error {
	e, err := audio.New(audio.Settings{Format: in.Audio, Bitrate: int(spec.Audio.Bitrate)})
	if err != nil {
		return err
	}
	group.Go(func() error { return e.Run(ctx, w) })
	group.Go(func() error {
		defer e.Close()
		return in.Samples.Run(ctx, e.Put)
	})
	return nil
}

// audioWriter is w, with silence before it where the plan says so.
func (p plan) audioWriter(w media.Writer) media.Writer {
	if p.silence {
		return audio.NewSilence(w)
	}
	return w
}
