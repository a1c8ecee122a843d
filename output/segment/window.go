package segment

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// publish appends a closed segment to the window, lets go of what is too old,
// and makes the result visible in one step.
func (s *Segmenter) publish(seg *Segment) *Window {
	old, cfg := s.Window(), *s.live.Load()
	w := *old
	w.Version++
	w.next = make(chan struct{})
	w.TargetDuration = s.cut.limits.target
	w.Segments = append(slices.Clone(old.Segments), seg)
	w.Expired = slices.Clone(old.Expired)
	w.Video, w.Audio = s.init(media.Video), s.init(media.Audio)
	now := seg.Start + seg.Duration
	for excess := w.excess(cfg); excess > 0; excess-- {
		out := *w.Segments[0]
		out.left = now
		if out.Discontinuity {
			w.Discontinuities++
		}
		w.Segments = w.Segments[1:]
		w.Expired = append(w.Expired, &out)
	}
	var dead []*Segment
	for len(w.Expired) > 0 && (len(w.Expired) > s.keep || now-w.Expired[0].left > cfg.grace(w.Duration()+w.TargetDuration)) {
		dead = append(dead, w.Expired[0])
		w.Expired = w.Expired[1:]
	}
	w.PeakBitrate = s.peak(old.PeakBitrate, seg)
	s.window.Store(&w)
	close(old.next)
	for _, d := range dead {
		s.delete(d)
	}
	return &w
}

// excess is how many of the oldest segments the playlists need no more. No
// playlist gets shorter than three target durations (RFC 8216 §6.2.2): sound
// can be some access units shorter than its picture.
func (w *Window) excess(cfg Config) (n int) {
	listed := w.Duration()
	for n < len(w.Segments)-cfg.Segments {
		listed -= w.Segments[n].Duration
		if listed < cfg.Window || shortest(w.Segments[n+1:]) < 3*w.TargetDuration {
			break
		}
		n++
	}
	return n
}

// shortest is the duration of the shortest playlist of the segments.
func shortest(segments []*Segment) time.Duration {
	var sums [media.Audio + 1]time.Duration
	for _, s := range segments {
		for _, k := range []media.Kind{media.Video, media.Audio} {
			d := s.Duration // of the gap in the playlist of a track that was not there
			if m := s.Media(k); m != nil {
				d = m.Duration
			}
			sums[k] += d
		}
	}
	return min(sums[media.Video], sums[media.Audio])
}

// grace is what a segment outlives the playlist: by default, the playlist's
// duration and that of a segment.
func (c Config) grace(byDefault time.Duration) time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	return byDefault
}

func (s *Segmenter) init(k media.Kind) *Init {
	if l := s.cut.lanes[k]; l != nil {
		return l.init
	}
	return nil
}

// peak is the highest bit rate of the segments since the tracks last changed.
// Very short ones, after forced cuts, say nothing.
func (s *Segmenter) peak(peak int64, seg *Segment) int64 {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := seg.Media(k); m != nil && m.Init != nil && m.Init.Track != s.peakTrack[k] {
			s.peakTrack[k] = m.Init.Track
			peak = 0
		}
	}
	if 2*seg.Duration < s.cfg.Duration {
		return peak
	}
	return max(peak, int64(float64(8*seg.Bytes())/seg.Duration.Seconds()))
}

// delete removes a segment's files. A file that cannot be removed is left to
// the clearing at the end.
func (s *Segmenter) delete(seg *Segment) {
	for _, m := range []*Media{seg.Video, seg.Audio} {
		if m != nil && !m.Gap {
			_ = s.store.remove(m.Name)
		}
	}
}

// retract publishes an empty window, before the files go.
func (s *Segmenter) retract() {
	old := s.Window()
	w := *old
	w.Version++
	w.next = make(chan struct{})
	w.Video, w.Audio, w.Segments, w.Expired = nil, nil, nil, nil
	s.window.Store(&w)
	close(old.next)
}
