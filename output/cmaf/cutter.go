package cmaf

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
)

const (
	soundChunk  = 100 * time.Millisecond
	soundAhead  = time.Second     // how far sound waits for pictures, to be cut where they are
	soundAlone  = 2 * time.Second // segments without pictures
	pictureHole = time.Second     // pictures further apart are a hole, not a long picture
)

// chunkType marks chunks that do not begin a segment (§6.3 (7)).
const chunkType = "\x00\x00\x00\x14stypcmfl\x00\x00\x00\x00cmfl"

// cutter makes the chunks of all tracks.
type cutter struct {
	wall         wallClock
	offset       time.Duration // added to every time
	video, audio *lane
	started      bool
	start        time.Duration  // where the first picture is shown
	waiting      []media.Packet // sound that pictures have not reached yet
	cut          time.Duration  // where the sound's next segment begins
	cutting      bool
}

// sender sends a chunk of a track.
type sender func(media.Kind, []byte) error

func (c *cutter) open(tracks []*media.Track, wall wallClock) {
	c.wall, c.offset = wall, wall.offset()
	for _, t := range tracks {
		l := &lane{track: t}
		if t.Kind() == media.Video {
			c.video = l
		} else {
			c.audio, l.longest = l, soundChunk
		}
	}
}

// takes says that a track is one of those that were opened.
func (c *cutter) takes(t *media.Track) bool {
	return c.video != nil && c.video.track == t || c.audio != nil && c.audio.track == t
}

// write takes a packet and sends what it completes.
func (c *cutter) write(p media.Packet, send sender) error {
	if c.audio != nil && p.Track == c.audio.track {
		return c.sound(p, send)
	}
	if !c.started {
		if !p.Key {
			return nil
		}
		c.started, c.start = true, p.PTS
	}
	if p.Key {
		c.cut, c.cutting = p.PTS, true
	}
	if err := c.add(c.video, p, p.Key, send); err != nil {
		return err
	}
	for len(c.waiting) > 0 && c.waiting[0].DTS < p.DTS {
		if err := c.place(c.shift(), send); err != nil {
			return err
		}
	}
	return nil
}

func (c *cutter) shift() media.Packet {
	p := c.waiting[0]
	c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	return p
}

// sound holds sound until the pictures have come as far: only then is known
// whether a segment begins before it.
func (c *cutter) sound(p media.Packet, send sender) error {
	if c.video == nil {
		first := c.audio.next == 0 && len(c.audio.samples) == 0
		at := (p.DTS + c.offset) / soundAlone
		begins := first || at != c.cut
		c.cut = at
		return c.add(c.audio, p, begins, send)
	}
	c.waiting = append(c.waiting, p)
	for c.waiting[len(c.waiting)-1].DTS-c.waiting[0].DTS > soundAhead {
		if err := c.place(c.shift(), send); err != nil {
			return err
		}
	}
	return nil
}

// place puts sound into a segment. What is from before the first picture is left out.
func (c *cutter) place(p media.Packet, send sender) error {
	if !c.started || p.PTS < c.start {
		return nil
	}
	begins := c.cutting && p.PTS >= c.cut
	if begins {
		c.cutting = false
	}
	return c.add(c.audio, p, begins, send)
}

// add gives a packet to its lane, and sends the chunk that is complete by it.
func (c *cutter) add(l *lane, p media.Packet, begins bool, send sender) error {
	if n := len(l.samples); n > 0 {
		last := l.samples[n-1]
		if p.DTS <= last.DTS {
			return nil // no track of ours does this
		}
		end, hole := p.DTS, l.hole(last, p)
		if hole {
			end = min(last.DTS+l.usual, p.DTS)
		} else {
			l.usual = p.DTS - last.DTS
		}
		if hole || begins || end-l.samples[0].DTS+l.usual > l.longest {
			if err := c.emit(l, end, send); err != nil {
				return err
			}
		}
		if hole {
			l.sequence++ // one is missing: the receiver notices
		}
	}
	if len(l.samples) == 0 {
		l.begins = begins
	}
	l.samples = append(l.samples, p)
	return nil
}

// flush sends all that is held back.
func (c *cutter) flush(send sender) error {
	for len(c.waiting) > 0 {
		if err := c.place(c.shift(), send); err != nil {
			return err
		}
	}
	for _, l := range []*lane{c.video, c.audio} {
		if l == nil || len(l.samples) == 0 {
			continue
		}
		if err := c.emit(l, l.samples[len(l.samples)-1].DTS+l.lasts(), send); err != nil {
			return err
		}
	}
	return nil
}

// emit sends the lane's chunk, which ends at end.
func (c *cutter) emit(l *lane, end time.Duration, send sender) error {
	l.sequence++
	chunk := fmp4.Chunk{Sequence: l.sequence, Samples: l.samples, End: end, Offset: c.offset, SegmentStart: l.begins}
	if l.begins && c.wall != nil {
		if at, ok := c.wall(l.samples[0].PTS); ok {
			chunk.Wall = at
		}
	}
	l.buf = l.buf[:0]
	if !l.begins {
		l.buf = append(l.buf, chunkType...)
	}
	var err error
	if l.buf, err = fmp4.AppendHeader(l.buf, chunk); err != nil {
		return err
	}
	for _, p := range l.samples {
		l.buf = append(l.buf, p.Data...)
	}
	clear(l.samples) // what is sent is not kept alive
	l.samples, l.next, l.begins = l.samples[:0], end, false
	return send(l.track.Kind(), l.buf)
}

// lane is one track.
type lane struct {
	track    *media.Track
	longest  time.Duration // of a chunk; zero: one sample
	sequence uint32
	samples  []media.Packet // of the chunk that is being made
	begins   bool           // it begins a segment
	next     time.Duration  // where the last chunk ended
	usual    time.Duration  // how long the last sample lasted
	buf      []byte
}

// lasts is how long the last sample is taken to last.
func (l *lane) lasts() time.Duration {
	if l.usual > 0 {
		return l.usual
	}
	if a := l.track.Audio; a != nil {
		return media.SamplesToDuration(media.AACFrameSamples, a.SampleRate)
	}
	if r := l.track.Video.FrameRate; !r.IsZero() {
		return r.FrameTime(1)
	}
	return 40 * time.Millisecond
}

// hole says that between two packets something is missing.
func (l *lane) hole(last, p media.Packet) bool {
	if l.usual == 0 {
		l.usual = l.lasts()
	}
	apart := p.DTS - last.DTS
	if l.track.Audio != nil {
		return apart > l.usual+l.usual/2
	}
	return p.Gap && apart > 2*l.usual || apart > pictureHole
}
