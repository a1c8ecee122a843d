package hls

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Archive has a stream's segments beyond the live window.
type Archive interface {
	// Between is what is held of a range of wall-clock time, cut at segment
	// boundaries, oldest first, and what of it is not, with the cause.
	Between(from, to time.Time) (*segment.Window, []segment.Gap)
	// Segment is the one of a number.
	Segment(sequence uint64) (*segment.Segment, bool)
}

// An Archive may know more.
type (
	// holder knows the times of the oldest and the newest that is held.
	holder interface {
		Held() (from, to time.Time, ok bool)
	}
	// headers has the headers of what it holds by name.
	headers interface {
		Init(name string) (*segment.Init, bool)
	}
)

// liveArchive is the live window where there is no other archive.
type liveArchive struct{ window *segment.Window }

// Between implements Archive.
func (a liveArchive) Between(from, to time.Time) (*segment.Window, []segment.Gap) {
	w := *a.window
	w.Segments, w.Expired = nil, nil
	var gaps []segment.Gap
	for _, s := range a.window.Segments {
		begin, end, ok := wallOf(s)
		switch {
		case !ok || !begin.Before(to):
			continue
		case !end.After(from):
			if s.Discontinuity {
				w.Discontinuities++
			}
			continue
		}
		if s.Gap() {
			gaps = append(gaps, segment.Gap{From: begin, To: end, Cause: "disk"})
		}
		w.Segments = append(w.Segments, s)
	}
	return &w, gaps
}

// Segment implements Archive. The handler looks the window up by itself.
func (a liveArchive) Segment(uint64) (*segment.Segment, bool) { return nil, false }

// Held implements holder.
func (a liveArchive) Held() (from, to time.Time, ok bool) {
	for _, s := range a.window.Segments {
		begin, end, known := wallOf(s)
		if !known {
			continue
		}
		if !ok {
			from, ok = begin, true
		}
		to = end
	}
	return from, to, ok
}

// lead is the part of a segment that gives its times: the picture, where there
// is one.
func lead(s *segment.Segment) *segment.Media {
	if s.Video != nil {
		return s.Video
	}
	return s.Audio
}

// wallOf is when a segment was; ok is false where that is not known.
func wallOf(s *segment.Segment) (begin, end time.Time, ok bool) {
	m := lead(s)
	if m == nil || m.Wall.IsZero() {
		return time.Time{}, time.Time{}, false
	}
	return m.Wall, m.Wall.Add(s.Duration), true
}

// maxFill bounds how many segments in a row stand in as gaps.
const maxFill = 10_000

// fill is the segments with gaps in the places of numbers that are missing.
// Where a hole cannot be told in segments (a restart far later, the numbers
// began anew), what follows it does not continue what was before; holes are the
// places of those in the result.
func fill(segments []*segment.Segment, target time.Duration) (out []*segment.Segment, holes []int) {
	out = slices.Grow(out, len(segments))
	for i, s := range segments {
		if i > 0 && s.Sequence != segments[i-1].Sequence+1 {
			between, ok := missing(segments[i-1], s, target)
			out = append(out, between...)
			if !ok {
				broken := *s
				broken.Discontinuity = true
				s = &broken
				holes = append(holes, len(out))
			}
		}
		out = append(out, s)
	}
	return out, holes
}

// missing are the segments between a and b, if they can be told.
func missing(a, b *segment.Segment, target time.Duration) (out []*segment.Segment, ok bool) {
	if b.Sequence <= a.Sequence || b.Sequence-a.Sequence > maxFill {
		return nil, false
	}
	n := b.Sequence - a.Sequence - 1
	_, end, okA := wallOf(a)
	begin, _, okB := wallOf(b)
	each := begin.Sub(end) / time.Duration(n)
	if !okA || !okB || each < 100*time.Millisecond || each.Round(time.Second) > target {
		return nil, false
	}
	for i := range n {
		s := &segment.Segment{Sequence: a.Sequence + 1 + i, Start: a.Start + a.Duration + time.Duration(i)*each, Duration: each}
		s.Video, s.Audio = stand(media.Video, a, b, i, n), stand(media.Audio, a, b, i, n)
		out = append(out, s)
	}
	return out, true
}

// stand is the part of a track in the i-th of n missing segments between a and
// b: it begins where the one before it ends.
func stand(k media.Kind, a, b *segment.Segment, i, n uint64) *segment.Media {
	before, after := a.Media(k), b.Media(k)
	if before == nil || after == nil || before.Wall.IsZero() || after.Wall.IsZero() {
		return nil
	}
	end := before.Wall.Add(before.Duration)
	hole := max(0, after.Wall.Sub(end))
	from, to := hole*time.Duration(i)/time.Duration(n), hole*time.Duration(i+1)/time.Duration(n)
	return &segment.Media{
		Name: noneName(k, a.Sequence+1+i), Gap: true,
		Start: before.Start + before.Duration + from, Duration: to - from, Wall: end.Add(from),
	}
}

// noneName names what never was a file.
func noneName(k media.Kind, sequence uint64) string {
	return fmt.Sprintf("%v_none_%d.m4s", k, sequence)
}

// ofName is the query of a header's reference: a segment that it is of, since
// an archive finds segments by their numbers, and headers have none.
const ofName = "of"

// maxShifted bounds the segments that are remembered for their headers.
const maxShifted = 64

// shifted are segments, one a header, of playlists that slide over the archive.
// There a number in the reference would change with the list.
type shifted struct {
	mu       sync.Mutex // guards segments
	segments []*segment.Segment
}

// get is a segment with a header of that name, nil for none.
func (r *shifted) get(name string) *segment.Segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slices.Backward(r.segments) {
		if hasInit(s, name) {
			return s
		}
	}
	return nil
}

func hasInit(s *segment.Segment, name string) bool {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := s.Media(k); m != nil && m.Init != nil && m.Init.Name == name {
			return true
		}
	}
	return false
}

// remember takes up the headers of a window. The oldest go.
func (r *shifted) remember(w *segment.Window) {
	seen := map[*segment.Init]bool{}
	for _, s := range w.Segments {
		for _, k := range []media.Kind{media.Video, media.Audio} {
			if m := s.Media(k); m != nil && m.Init != nil && !seen[m.Init] {
				seen[m.Init] = true
				r.add(s, m.Init.Name)
			}
		}
	}
}

func (r *shifted) add(s *segment.Segment, name string) {
	if r.get(name) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.segments = append(r.segments, s)
	r.segments = r.segments[max(0, len(r.segments)-maxShifted):]
}
