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
	pool    *capture.MemoryPool
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
	pace := capture.NewPacer(s.line.clock)
	for n := s.line.frameFrom(s.line.clock.Now()); ; n++ {
		if err := pace.Wait(ctx, s.line.frame(n)); err != nil {
			return err
		}
		if pace.Late(s.line.frame(n)) > capture.MaxLate {
			present := s.line.frameFrom(s.line.clock.Now())
			s.skipped.Add(uint64(present - n))
			n = present - 1
			continue
		}
		buf := s.pool.Get()
		if buf == nil {
			s.skipped.Add(1)
			continue
		}
		s.pic.paint(buf, s.line, n)
		emit(media.Frame{Buffer: buf, PTS: s.line.frame(n)})
	}
}
