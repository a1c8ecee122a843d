package pattern

import (
	"context"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// FrameSource delivers the pictures, each at its PTS.
type FrameSource struct {
	line    timeline
	pic     *painter
	pool    *pool
	skipped atomic.Uint64
}

var _ capture.FrameSource = (*FrameSource)(nil)

// Skipped counts the frames that were due and not delivered, because every
// buffer was still held downstream, or because the source was more than a
// second late. On the picture it shows as a hole in the frame numbers.
func (s *FrameSource) Skipped() uint64 { return s.skipped.Load() }

// Run implements capture.FrameSource. It begins at the first frame that is
// not yet past.
func (s *FrameSource) Run(ctx context.Context, emit func(media.Frame)) error {
	timer := newTimer()
	for n := s.line.frameFrom(s.line.clock.Now()); ; n++ {
		if err := s.line.wait(ctx, timer, s.line.frame(n)); err != nil {
			return err
		}
		if now := s.line.clock.Now(); now-s.line.frame(n) > late {
			present := s.line.frameFrom(now)
			s.skipped.Add(uint64(present - n))
			n = present - 1
			continue
		}
		c := s.pool.get()
		if c == nil {
			s.skipped.Add(1)
			continue
		}
		pts := s.line.frame(n)
		s.pic.paint(c, s.line, n)
		emit(media.Frame{Buffer: c.buf, PTS: pts})
	}
}

// poolSize bounds the pictures in flight: one being painted, one in the slot
// before each encoder, one inside it, and some for previews and stills.
const poolSize = 6

// canvas is a buffer with what the painter must know of its last use.
type canvas struct {
	buf *media.Buffer
	lit bool // how the band was painted
}

// pool hands out up to poolSize canvases and takes them back when their last
// reference is released, on whatever goroutine that happens. Memory is taken
// only when the demand is there.
type pool struct {
	pic  *painter
	made int // touched by the source's goroutine only
	free chan *canvas
}

func newPool(pic *painter) *pool {
	return &pool{pic: pic, free: make(chan *canvas, poolSize)}
}

// get returns a canvas with one reference, or nil when all are in flight.
func (p *pool) get() *canvas {
	select {
	case c := <-p.free:
		c.buf.Reuse()
		return c
	default:
	}
	if p.made == poolSize {
		return nil
	}
	p.made++
	c := &canvas{}
	c.buf = media.NewBuffer(p.pic.format, p.pic.newPlanes(), func(*media.Buffer) { p.free <- c })
	return c
}
