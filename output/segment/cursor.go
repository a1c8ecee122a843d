package segment

import (
	"context"
	"io"

	"github.com/encoderbox/encoderbox/media"
)

// Step is one move of a Cursor.
type Step struct {
	Segment *Segment // as far as it is known; final when Closed
	Media   *Media   // the chunk's part; nil when Closed
	Chunk   int      // index in Media.Chunks
	// Closed says that the segment is complete: this step has no chunk, and the
	// next is of another segment.
	Closed bool
	// Lost is how many segments expired before this one, unread or half read.
	// Numbers that were never given are none.
	Lost uint64
}

// Cursor walks a stream's chunks in order, as they complete: all chunks of a
// segment, of both tracks, before any of the next. It holds nothing back from
// deletion: who is too slow finds the content of a chunk gone (fs.ErrNotExist),
// goes on, and is told by Lost. It goes on behind a restarted segmenter at the
// very chunk. A Cursor belongs to one goroutine and has none of its own.
type Cursor struct {
	source Source
	after  uint64 // the newest segment that is done with
	begun  bool   // after means something
	open   bool   // the segment now is not done with
	now    uint64 // its number
	taken  [media.Audio + 1]int
}

// NewCursor returns a cursor that begins with the oldest segment there is whose
// Sequence is higher than after.
func NewCursor(s Source, after uint64) *Cursor {
	return &Cursor{source: s, after: after, begun: after > 0}
}

// Next waits for the next step until ctx ends. It returns io.EOF behind the last
// segment of a window that has Ended.
func (c *Cursor) Next(ctx context.Context) (Step, error) {
	for {
		w := c.source.Window()
		if step, ok := c.step(w); ok {
			return step, nil
		}
		if w.Ended {
			return Step{}, io.EOF
		}
		select {
		case <-w.Next():
		case <-ctx.Done():
			return Step{}, context.Cause(ctx)
		}
	}
}

func (c *Cursor) step(w *Window) (Step, bool) {
	seg, closed := c.find(w)
	if seg == nil {
		return Step{}, false
	}
	step, taken := Step{Segment: seg}, c.taken
	if !c.open || seg.Sequence != c.now {
		step.Lost = c.lost(w, seg.Sequence)
		taken = [media.Audio + 1]int{}
	}
	var kind media.Kind
	for _, k := range []media.Kind{media.Video, media.Audio} {
		m := seg.Media(k)
		if m == nil || taken[k] >= len(m.Chunks) {
			continue
		}
		if step.Media == nil || m.Chunks[taken[k]].Start < step.Media.Chunks[step.Chunk].Start {
			step.Media, step.Chunk, kind = m, taken[k], k
		}
	}
	switch {
	case step.Media != nil:
		taken[kind]++
		c.after = max(seg.Sequence, 1) - 1
	case closed:
		step.Closed = true
		c.after = seg.Sequence
	default:
		return Step{}, false
	}
	c.begun, c.open, c.now, c.taken = true, !step.Closed, seg.Sequence, taken
	return step, true
}

// find is the segment at hand, or the oldest behind it.
func (c *Cursor) find(w *Window) (seg *Segment, closed bool) {
	wanted := func(s *Segment) bool {
		return !c.begun || s.Sequence > c.after || c.open && s.Sequence == c.now
	}
	for s := range w.All {
		if wanted(s) {
			return s, true
		}
	}
	for _, s := range w.Open {
		if wanted(s) {
			return s, false
		}
	}
	return nil, false
}

// lost is how many segments were missed when next is the one that follows.
func (c *Cursor) lost(w *Window, next uint64) uint64 {
	if !c.begun {
		return 0
	}
	return next - min(next, max(c.after+1, w.base))
}
