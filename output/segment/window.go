package segment

import (
	"fmt"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// publish appends closed segments to the window, lets go of what is too old, and
// makes the result visible in one step.
func (s *Segmenter) publish(segs ...*Segment) *Window {
	old, cfg := s.Window(), *s.tunable.Load()
	w := *old
	w.Version++
	w.Segments = slices.Clone(old.Segments)
	w.Expired = slices.Clone(old.Expired)
	w.Open = s.opened()
	w.Video, w.Audio = s.init(media.Video), s.init(media.Audio)
	newest := segs[len(segs)-1]
	now := newest.Start + newest.Duration
	if w.TargetDuration != s.cut.limits.target {
		w.TargetDuration = s.cut.limits.target
		s.dismiss(&w, w.tooLong())
	}
	s.joinRow(&w, segs)
	s.expire(&w, w.excess(cfg), now)
	var dead []*Segment
	for len(w.Expired) > 0 && (len(w.Expired) > s.keep || now-w.Expired[0].left > cfg.grace(w.Duration()+w.TargetDuration)) {
		dead = append(dead, w.Expired[0])
		w.Expired = w.Expired[1:]
	}
	w.PeakBitrate = s.peak(old.PeakBitrate, newest)
	s.last = max(s.last, newest.Sequence)
	s.index.closed(segs, &w, s.last)
	s.live.publish(&w)
	if s.index.due() {
		s.index.rewrite(&w, s.last, s.leftAt)
	}
	for _, d := range dead {
		s.delete(d)
	}
	return &w
}

// joinRow appends segments whose numbers follow those listed; where they do not,
// what is listed goes.
func (s *Segmenter) joinRow(w *Window, segs []*Segment) {
	if n := len(w.Segments); n > 0 && w.Segments[n-1].Sequence+1 != segs[0].Sequence {
		s.dismiss(w, n)
	}
	if len(w.Segments) == 0 {
		w.base = segs[0].Sequence
	}
	w.Segments = append(w.Segments, segs...)
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

// missed publishes gaps for the n numbers before the next, as many as a playlist
// holds: when there are more, those that are listed go with the next segment.
func (s *Segmenter) missed(n uint64) {
	next, cfg := s.cut.sequence, *s.tunable.Load()
	s.incident(output.Incident{
		Kind: output.Gap, Symptom: output.SymptomLostSegment, Subject: fmt.Sprintf("segment %d", next),
		Segments: n, Duration: seconds(float64(n) * cfg.Duration.Seconds()),
		Detail: fmt.Sprintf("%d segments before it were not made", n),
	})
	w := s.Window()
	limit := cfg.Segments + int((cfg.Window+3*w.TargetDuration)/cfg.Duration) + 1
	if len(w.Segments) == 0 || n > uint64(limit) {
		return
	}
	prev := w.Segments[len(w.Segments)-1]
	var gaps []*Segment
	for ; n > 0; n-- {
		gap := s.gapLike(prev, next-n)
		gap.shiftStart(time.Duration(gap.Sequence)*cfg.Duration - gap.TimeOffset)
		gaps = append(gaps, gap)
	}
	s.publish(gaps...)
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
	switch l := s.cut.lanes[k]; {
	case l == nil:
		return nil
	case l.init == nil: // not yet
		return s.Window().Init(k)
	default:
		return l.init
	}
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
