// Package audio codes sound as AAC-LC, and makes silence for programmes without
// sound.
package audio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

// Settings of an AAC encoder.
type Settings struct {
	Format  media.AudioFormat // of the sound that comes in
	Bitrate int               // bits per second of all channels; zero means 64000 a channel
}

const (
	defaultBitrate = 64_000
	minBitrate     = 8_000
	// maxBitrate a channel: the decoder's buffer holds 6144 bits a frame.
	maxBitrate = 256_000
	// maxQueue is how much sound may wait for Run.
	maxQueue = 2 * time.Second
)

// Encoder codes one programme's sound. Put takes the source's runs, Run codes
// them: the packets stand on an exact grid of 1024 samples, a hole in the sound
// is filled with silence, an overlap is cut off (see timeline).
type Encoder struct {
	settings Settings
	track    *media.Track
	started  atomic.Bool
	dropped  atomic.Uint64
	filled   atomic.Uint64
	trimmed  atomic.Uint64
	jumps    atomic.Uint64
	packets  atomic.Uint64

	wake chan struct{} // capacity 1: the queue or closed changed

	mu     sync.Mutex // guards the fields below
	queue  []media.Samples
	queued time.Duration
	closed bool
}

// Stats count since the encoder was made. Samples are those of one channel.
type Stats struct {
	Packets uint64
	Dropped uint64 // runs refused: the queue was full, or of another format
	Filled  uint64 // samples of silence put into holes
	Trimmed uint64 // samples cut off where runs overlapped
	Jumps   uint64 // holes too long to fill
}

// New checks the settings and returns an encoder for them.
func New(s Settings) (*Encoder, error) {
	f := s.Format
	if s.Bitrate == 0 {
		s.Bitrate = defaultBitrate * f.Channels
	}
	switch {
	case f.SampleRate != 44100 && f.SampleRate != 48000:
		return nil, fmt.Errorf("aac encoder: sample rate %d Hz is not supported; set the source to 48000 or 44100 Hz", f.SampleRate)
	case f.Channels != 1 && f.Channels != 2:
		return nil, fmt.Errorf("aac encoder: %d channels are not supported; set the source to mono or stereo", f.Channels)
	case s.Bitrate < minBitrate*f.Channels || s.Bitrate > maxBitrate*f.Channels:
		return nil, fmt.Errorf("aac encoder: bit rate %d is outside %d to %d bit/s for %d channels", s.Bitrate, minBitrate*f.Channels, maxBitrate*f.Channels, f.Channels)
	}
	return &Encoder{settings: s, track: aac.Track(f.SampleRate, f.Channels), wake: make(chan struct{}, 1)}, nil
}

// Track is the track of every packet.
func (e *Encoder) Track() *media.Track { return e.track }

// Put hands a run of sound over. It never blocks. A run that finds two seconds
// waiting, or is of another format, is dropped and counted: a hole then.
func (e *Encoder) Put(s media.Samples) {
	if s.Format != e.settings.Format || len(s.Data)%s.Format.Channels != 0 {
		e.dropped.Add(1)
		return
	}
	if len(s.Data) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
	case e.queued >= maxQueue:
		e.dropped.Add(1)
	default:
		e.queue = append(e.queue, s)
		e.queued += s.Duration()
		e.signal()
	}
}

// Close ends the sound: Run codes what waits and returns nil.
func (e *Encoder) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.signal()
}

// Stats are the counters so far.
func (e *Encoder) Stats() Stats {
	return Stats{
		Packets: e.packets.Load(), Dropped: e.dropped.Load(), Filled: e.filled.Load(),
		Trimmed: e.trimmed.Load(), Jumps: e.jumps.Load(),
	}
}

// Run codes what Put brings until Close (it then returns nil) or the end of ctx
// (it returns ctx's error at once). It is called once.
func (e *Encoder) Run(ctx context.Context, w media.Writer) error {
	if e.started.Swap(true) {
		return errors.New("aac encoder: Run is called a second time")
	}
	codec, err := newGoAAC(e.settings)
	if err != nil {
		return err
	}
	line := newTimeline(e, codec, w)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		run, state := e.take()
		switch state {
		case taken:
			if err := line.add(run); err != nil {
				return fmt.Errorf("aac encoder: sound at %v: %w", run.PTS, err)
			}
		case ended:
			if err := line.end(); err != nil {
				return fmt.Errorf("aac encoder: end of sound: %w", err)
			}
			return nil
		case empty:
			select {
			case <-e.wake:
			case <-ctx.Done():
			}
		}
	}
}

// What take found.
const (
	empty = iota
	taken
	ended
)

func (e *Encoder) take() (run media.Samples, state int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case len(e.queue) > 0:
		run = e.queue[0]
		e.queue[0] = media.Samples{}
		e.queue = e.queue[1:]
		e.queued -= run.Duration()
		return run, taken
	case e.closed:
		return media.Samples{}, ended
	}
	return media.Samples{}, empty
}

func (e *Encoder) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
