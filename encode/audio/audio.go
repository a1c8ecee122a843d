// Package audio codes sound as AAC-LC, Opus or MP3, and makes silence for
// programmes without sound.
package audio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Settings of an encoder.
type Settings struct {
	Codec   media.Codec       // zero means AAC
	Format  media.AudioFormat // of the sound that comes in
	Bitrate int               // bits per second of all channels; zero means 64000 a channel
}

// maxQueue is how much sound may wait for Run, and keepQueue is what is kept of it
// when it would be more: sound that comes ever later is of no use to anybody, and a
// processor that is too slow for all of it codes at least a part in time.
const (
	maxQueue  = 2 * time.Second
	keepQueue = time.Second
)

// Encoder codes one programme's sound. Put takes the source's runs, Run codes
// them: the packets stand on an exact grid of as many samples as the codec codes
// at once, a hole in the sound is filled with silence, an overlap is cut off (see
// timeline). Encoders of other codecs that get the same runs make the same of them.
type Encoder struct {
	settings Settings
	codec    *codec
	bitrate  atomic.Int64 // wanted
	track    *media.Track
	started  atomic.Bool
	dropped  atomic.Uint64
	filled   atomic.Uint64
	trimmed  atomic.Uint64
	jumps    atomic.Uint64
	packets  atomic.Uint64

	wake chan struct{} // capacity 1: the queue or closed changed

	mu      sync.Mutex // guards the fields below
	queue   []media.Samples
	queued  time.Duration
	cut     bool // sound before the queue's first run was left out
	leftOut time.Duration
	closed  bool
}

// Stats count since the encoder was made. Samples are those of one channel.
type Stats struct {
	Packets uint64
	Dropped uint64        // runs refused, of another format
	LeftOut time.Duration // sound that was not coded, Run being too slow for it
	Filled  uint64        // samples of silence put into holes
	Trimmed uint64        // samples cut off where runs overlapped
	Jumps   uint64        // holes too long to fill
}

// New checks the settings and returns an encoder for them.
func New(s Settings) (*Encoder, error) {
	if s.Codec == 0 {
		s.Codec = media.AAC
	}
	c := codecOf(s.Codec)
	if c == nil {
		return nil, fmt.Errorf("sound is not coded as %v", s.Codec)
	}
	if s.Bitrate == 0 {
		s.Bitrate = c.usual * s.Format.Channels
	}
	if err := c.check(s); err != nil {
		return nil, err
	}
	e := &Encoder{settings: s, codec: c, track: trackOf(s), wake: make(chan struct{}, 1)}
	e.bitrate.Store(int64(s.Bitrate))
	return e, nil
}

// SetBitrate changes the bit rate of a running Opus or MP3 encoder with the next
// packets. AAC keeps the one it was made with: that is an error.
func (e *Encoder) SetBitrate(bits int) error {
	s := e.settings
	s.Bitrate = bits
	if s.Codec == media.AAC {
		return errors.New("aac encoder: the bit rate of a running encoder does not change")
	}
	if err := e.codec.check(s); err != nil {
		return err
	}
	e.bitrate.Store(int64(bits))
	return nil
}

// Track is the track of every packet.
func (e *Encoder) Track() *media.Track { return e.track }

// Put hands a run of sound over. It never blocks. When two seconds wait, the older
// half of them is left out: AAC is silent there, other codecs have a hole and a packet
// with Gap behind it. A run of another format is dropped and counted: a hole then.
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
	if e.closed {
		return
	}
	if e.queued >= maxQueue {
		for e.queued > keepQueue {
			e.leftOut += e.pop().Duration()
		}
		e.cut = true
	}
	e.queue = append(e.queue, s)
	e.queued += s.Duration()
	e.signal()
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
	e.mu.Lock()
	leftOut := e.leftOut
	e.mu.Unlock()
	return Stats{
		Packets: e.packets.Load(), Dropped: e.dropped.Load(), LeftOut: leftOut, Filled: e.filled.Load(),
		Trimmed: e.trimmed.Load(), Jumps: e.jumps.Load(),
	}
}

// Run codes what Put brings until Close (it then returns nil) or the end of ctx
// (it returns ctx's error at once). It is called once.
func (e *Encoder) Run(ctx context.Context, w media.Writer) error {
	if e.started.Swap(true) {
		return fmt.Errorf("%v encoder: Run is called a second time", e.settings.Codec)
	}
	c, err := e.codec.make(e.settings)
	if err != nil {
		return err
	}
	defer c.Close()
	line := newTimeline(e, c, w)
	bitrate := e.settings.Bitrate
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if bits := int(e.bitrate.Load()); bits != bitrate {
			if err := c.(bitrateSetter).SetBitrate(bits); err != nil { // SetBitrate refuses those that have none
				return err
			}
			bitrate = bits
		}
		run, state := e.take()
		switch state {
		case taken, takenBehindCut:
			if state == takenBehindCut {
				err = line.skipTo(run)
			}
			if err == nil {
				err = line.add(run)
			}
			if err != nil {
				return fmt.Errorf("%v encoder: sound at %v: %w", e.settings.Codec, run.PTS, err)
			}
		case ended:
			if err := line.end(); err != nil {
				return fmt.Errorf("%v encoder: end of sound: %w", e.settings.Codec, err)
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
	takenBehindCut
	ended
)

func (e *Encoder) take() (run media.Samples, state int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case len(e.queue) > 0:
		if state = taken; e.cut {
			state, e.cut = takenBehindCut, false
		}
		return e.pop(), state
	case e.closed:
		return media.Samples{}, ended
	}
	return media.Samples{}, empty
}

// pop takes the oldest run. The lock is held.
func (e *Encoder) pop() media.Samples {
	run := e.queue[0]
	e.queue[0] = media.Samples{}
	e.queue = e.queue[1:]
	e.queued -= run.Duration()
	return run
}

func (e *Encoder) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
