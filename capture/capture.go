// Package capture defines what brings pictures and sound into the box: raw
// frames and samples from hardware or a generator, or packets that are already
// encoded. Its folders hold the sources.
package capture

import (
	"context"

	"github.com/encoderbox/encoderbox/media"
)

// FrameSource delivers raw pictures. Run calls emit for each, on its own
// goroutine, until ctx ends (it then returns ctx's error) or the source fails.
// emit takes over the frame's reference and does not block. Frames come in
// rising PTS; a source that is not live paces itself to the clock.
type FrameSource interface {
	Run(ctx context.Context, emit func(media.Frame)) error
}

// SampleSource delivers raw sound under the same contract. Runs follow each
// other without overlap; a hole in PTS is a hole in the sound and is filled by
// whoever encodes.
type SampleSource interface {
	Run(ctx context.Context, emit func(media.Samples)) error
}

// PacketSource delivers packets that are already encoded, paced by DTS. They
// are never dropped before the hub. Run returns ctx's error when ctx ends.
type PacketSource interface {
	Run(ctx context.Context, w media.Writer) error
}

// Input is an opened source of one programme: either Packets, or Frames and/or
// Samples. What is nil is not there. Formats are known as soon as it is open.
// Each part runs at most once at a time; they may run concurrently.
type Input struct {
	Packets PacketSource
	Kinds   []media.Kind // what Packets brings: video, audio or both

	Frames FrameSource
	Video  media.VideoFormat

	Samples SampleSource
	Audio   media.AudioFormat

	// Description for people, such as "vtest.mp4: h264 768x576 10 fps, aac 48000 Hz".
	Description string
	// Notes say, one by one, what is missing of a source that plays all the
	// same: a file's end that was cut off, a track that cannot be played. They
	// are part of Description too.
	Notes []string
	// Close frees what the source holds. No part may be running. Never nil.
	Close func() error
}
