package forward

import (
	"strings"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Source has the segments of a stream: those of the live window, and those that
// storage kept.
type Source interface {
	Window() *segment.Window
	// Segment is the one with that number, if it can be read.
	Segment(sequence uint64) (*segment.Segment, bool)
	// After is the oldest with a higher number that can be read. Storage and the
	// live window are one.
	After(sequence uint64) (*segment.Segment, bool)
	// Want asks for segments from that number on to be kept until release.
	Want(holder string, from uint64) (release func())
}

// WindowOnly is a Source of a box without storage: what has left the window is
// lost to a destination.
func WindowOnly(s interface{ Window() *segment.Window }) Source { return windowOnly{s} }

type windowOnly struct {
	live interface{ Window() *segment.Window }
}

func (w windowOnly) Window() *segment.Window { return w.live.Window() }

func (w windowOnly) Segment(n uint64) (*segment.Segment, bool) {
	for s := range w.Window().All {
		if s.Sequence == n {
			return s, true
		}
	}
	return nil, false
}

func (w windowOnly) After(n uint64) (*segment.Segment, bool) {
	for s := range w.Window().All {
		if s.Sequence > n {
			return s, true
		}
	}
	return nil, false
}

func (w windowOnly) Want(string, uint64) func() { return func() {} }

// from is the oldest segment with that number or a higher one.
func from(s Source, n uint64) (*segment.Segment, bool) {
	if seg, ok := s.Segment(n); ok {
		return seg, true
	}
	return s.After(n)
}

// medias are the parts of a segment that there are files of.
func medias(s *segment.Segment) (all []*segment.Media) {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := s.Media(k); m != nil && !m.Gap && m.Content != nil {
			all = append(all, m)
		}
	}
	return all
}

// runOf is the run that cut a segment, from its files' names
// (video_RUN_SEQUENCE.m4s); empty where it has none.
func runOf(s *segment.Segment) string {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := s.Media(k); m != nil {
			if parts := strings.Split(m.Name, "_"); len(parts) == 3 {
				return parts[1]
			}
		}
	}
	return ""
}

// edge is the first segment that live begins anew with: players that join want
// three target durations.
func edge(w *segment.Window) *segment.Segment {
	i, d := len(w.Segments), 3*w.TargetDuration
	for i > 0 && d > 0 {
		i--
		d -= w.Segments[i].Duration
	}
	return w.Segments[i]
}
