package segment

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// publish appends a closed segment to the window, behind gaps for numbers that
// were missed, lets go of what is too old, and makes the result visible in one
// step.
func (s *Segmenter) publish(seg *Segment, missed uint64) *Window {
	old, cfg := s.Window(), *s.tunable.Load()
	w := *old
	w.Version++
	w.Segments = slices.Clone(old.Segments)
	w.Expired = slices.Clone(old.Expired)
	w.Open = s.opened()
	w.Video, w.Audio = s.init(media.Video), s.init(media.Audio)
	now := seg.Start + seg.Duration
	if w.TargetDuration != s.cut.limits.target {
		w.TargetDuration = s.cut.limits.target
		s.dismiss(&w, w.tooLong())
	}
	added := append(s.gaps(&w, seg, missed, cfg), seg)
	if len(w.Segments) == 0 {
		w.base = added[0].Sequence
	}
	w.Segments = append(w.Segments, added...)
	s.expire(&w, w.excess(cfg), now)
	var dead []*Segment
	for len(w.Expired) > 0 && (len(w.Expired) > s.keep || now-w.Expired[0].left > cfg.grace(w.Duration()+w.TargetDuration)) {
		dead = append(dead, w.Expired[0])
		w.Expired = w.Expired[1:]
	}
	w.PeakBitrate = s.peak(old.PeakBitrate, seg)
	s.last = max(s.last, seg.Sequence)
	s.index.closed(added, &w, s.last)
	s.live.publish(&w)
	if s.index.due() {
		s.index.rewrite(&w, s.last, s.leftAt)
	}
	for _, d := range dead {
		s.delete(d)
	}
	return &w
}

// publishOpen makes the open segments' newest chunks visible.
func (s *Segmenter) publishOpen() {
	w := *s.Window()
	w.Open = s.opened()
	s.live.publish(&w)
}

// opened are the segments being written.
func (s *Segmenter) opened() (open []*Segment) {
	for _, b := range s.cut.open {
		if seg := b.snapshot(); seg != nil {
			open = append(open, seg)
		}
	}
	return open
}

// expire moves the n oldest segments out of the playlists.
func (s *Segmenter) expire(w *Window, n int, now time.Duration) {
	for range n {
		out := *w.Segments[0]
		out.left = now
		w.leave(&out)
		w.Segments = w.Segments[1:]
		w.Expired = append(w.Expired, &out)
	}
}

// dismiss does so with segments of an earlier run that no playlist can go on with.
func (s *Segmenter) dismiss(w *Window, n int) { s.expire(w, n, s.hub.Clock().Now()) }

// leave counts what a segment takes with it out of the playlists.
func (w *Window) leave(seg *Segment) {
	if seg.Discontinuity {
		w.Discontinuities++
	}
}

// tooLong is how many of the oldest segments have to go for none to round to
// more than the target duration.
func (w *Window) tooLong() (n int) {
	for i, seg := range w.Segments {
		longest := seg.Duration
		for _, m := range []*Media{seg.Video, seg.Audio} {
			if m != nil {
				longest = max(longest, m.Duration)
			}
		}
		if longest.Round(time.Second) > w.TargetDuration {
			n = i + 1
		}
	}
	return n
}

// gaps are segments for the numbers that were missed before seg, and at most as
// many as a playlist holds: when there are more, all that is listed goes.
func (s *Segmenter) gaps(w *Window, seg *Segment, missed uint64, cfg Config) (gaps []*Segment) {
	if missed == 0 || len(w.Segments) == 0 {
		return nil
	}
	limit := uint64(cfg.Segments) + uint64((cfg.Window+3*w.TargetDuration)/cfg.Duration) + 1
	if missed > limit {
		missed = limit
		s.dismiss(w, len(w.Segments))
	}
	for n := missed; n > 0; n-- {
		gap := s.gapLike(seg, seg.Sequence-n)
		gap.shiftStart(time.Duration(gap.Sequence)*cfg.Duration - seg.TimeOffset)
		gaps = append(gaps, gap)
	}
	return gaps
}

// shiftStart moves a gap to a time.
func (s *Segment) shiftStart(start time.Duration) {
	for _, m := range []*Media{s.Video, s.Audio} {
		if m != nil && !m.Wall.IsZero() {
			m.Wall = m.Wall.Add(start - m.Start)
		}
		if m != nil {
			m.Start = start
		}
	}
	s.Start = start
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
