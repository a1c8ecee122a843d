package segment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// restore publishes what an earlier segmenter left in the folder, however it
// ended, as the first window of this run: it is listed as it was, with the
// complete chunks of the segments that were being written as short segments.
// What it cannot use it deletes and reports; nothing of that is fatal.
func (s *Segmenter) restore() {
	files, err := s.store.list()
	if err != nil {
		s.raiseStorage(err)
	}
	data, err := s.store.readIndex()
	var h *history
	if err == nil {
		h, err = readIndex(data)
	}
	if err != nil {
		h = &history{}
		s.incident(output.Incident{
			Kind: output.Restart, Symptom: output.SymptomStorage, Blame: output.BlameDisk, Subject: "segments",
			Err:    fmt.Errorf("segment: index of %s: %w", s.cfg.Dir, err),
			Detail: "the index of the live window is damaged: the playlist begins anew",
		})
	}
	s.last = max(s.last, h.Last)
	top := highest(files, len(h.segments) == 0)
	w := &Window{
		Run: s.run, TimeOffset: s.offset(h), TargetDuration: h.Target,
		Discontinuities: h.Discontinuities, base: h.Base,
	}
	s.takeUp(w, h, files)
	s.last = max(s.last, top)
	if n := len(w.Segments); n > 0 {
		w.Segments = s.bridge(w, max(s.last, s.cfg.After)+1)
	}
	s.last = max(s.last, s.cfg.After)
	s.resumed = h.Last > 0 || len(h.segments) > 0 || top > 0
	s.index.rewrite(w, s.last, s.leftAt)
	s.live.publish(w)
	s.sweep(w, files)
	if n := len(w.Segments); n > 0 {
		s.incident(output.Incident{
			Kind: output.Restart, Symptom: output.SymptomStart, Subject: fmt.Sprintf("segment %d", s.last+1),
			Detail: fmt.Sprintf("the playlist goes on with %d segments from before the restart", n),
		})
	}
}

// highest is the highest number in the names of files: none is used again, even
// when there is no index to tell. What an index does not know of an unfinished
// file was never seen by anybody.
func highest(files map[string]int64, unfinished bool) (n uint64) {
	for name := range files {
		parts := ours.FindStringSubmatch(name)
		seq, err := strconv.ParseUint(parts[2], 10, 63)
		if err == nil && (unfinished || parts[3] == "") {
			n = max(n, seq)
		}
	}
	return n
}

// offset is the time offset of this run, or while it is not known that of the
// last one.
func (s *Segmenter) offset(h *history) time.Duration {
	if offset, ok := s.timeOffset(); ok {
		return offset
	}
	if n := len(h.segments); n > 0 {
		return h.segments[n-1].TimeOffset
	}
	return 0
}

// takeUp puts the segments of h into w.
func (s *Segmenter) takeUp(w *Window, h *history, files map[string]int64) {
	now := time.Now()
	age := max(0, now.Sub(h.newest()))
	var listed time.Duration
	for _, p := range h.segments {
		if p.left.IsZero() {
			listed += p.Duration
		}
	}
	byDefault := listed + h.Target
	grace := s.tunable.Load().grace(byDefault)
	for _, p := range h.segments {
		whole := s.attach(p, files)
		switch {
		case !whole && !p.left.IsZero() || p.open && !whole:
			continue // being deleted, or hardly begun
		case !p.left.IsZero() && now.Sub(p.left) > grace, p.left.IsZero() && age > max(grace, byDefault):
			if p.left.IsZero() {
				w.leave(p.Segment)
			}
			continue
		}
		p.shift(w.TimeOffset)
		s.last = max(s.last, p.Sequence)
		if !p.left.IsZero() {
			p.Segment.left = s.hub.Clock().Now() - max(0, now.Sub(p.left))
			w.Expired = append(w.Expired, p.Segment)
			continue
		}
		w.Segments = append(s.bridge(w, p.Sequence), p.Segment)
		w.Video, w.Audio = headerOf(p.Video), headerOf(p.Audio)
		w.PeakBitrate = s.peak(w.PeakBitrate, p.Segment)
	}
	if w.TargetDuration == 0 && len(w.Segments) > 0 { // the first segment of all was not closed
		w.TargetDuration = s.cfg.limits(true).target
		s.dismiss(w, w.tooLong())
	}
}

func headerOf(m *Media) *Init {
	if m == nil {
		return nil
	}
	return m.Init
}

// newest is when the newest segment was written to.
func (h *history) newest() time.Time {
	t := h.At
	for _, p := range h.segments {
		for _, m := range []*Media{p.Video, p.Audio} {
			if m != nil && !m.Wall.IsZero() && m.Wall.Add(m.Duration).After(t) && m.Wall.Add(m.Duration).Before(time.Now()) {
				t = m.Wall.Add(m.Duration)
			}
		}
	}
	return t
}

// bridge is w.Segments, followed by gaps for the numbers up to next: of segments
// that could not be stored, or recorded, when the process ended.
func (s *Segmenter) bridge(w *Window, next uint64) []*Segment {
	n := len(w.Segments)
	if n == 0 {
		return nil
	}
	last := w.Segments[n-1]
	if next-last.Sequence > maxBridge {
		s.dismiss(w, n)
		return nil
	}
	for seq := last.Sequence + 1; seq < next; seq++ {
		last = s.gapLike(last, seq)
		w.Segments = append(w.Segments, last)
	}
	return w.Segments
}

// maxBridge bounds the gaps that are made of numbers nothing is known of.
const maxBridge = 4

// gapLike is a segment of a number that has no files, after prev.
func (s *Segmenter) gapLike(prev *Segment, seq uint64) *Segment {
	out := &Segment{
		Sequence: seq, Run: prev.Run, TimeOffset: prev.TimeOffset, Independent: true,
		Start: prev.Start + prev.Duration, Duration: s.cfg.Duration,
	}
	gap := func(k media.Kind, m *Media) *Media {
		if m == nil {
			return nil
		}
		g := &Media{Name: fileName(k, s.naming(), seq), Init: m.Init, Start: out.Start, Duration: out.Duration, Gap: true}
		if !m.Wall.IsZero() {
			g.Wall = m.Wall.Add(out.Start - m.Start)
		}
		return g
	}
	out.Video, out.Audio = gap(media.Video, prev.Video), gap(media.Audio, prev.Audio)
	return out
}

// attach finds the segment's files, and completes those that were being written.
// It says whether there is anything of it that can be listed.
func (s *Segmenter) attach(p *past, files map[string]int64) bool {
	whole := true
	for _, m := range []*Media{p.Video, p.Audio} {
		if m == nil || m.Gap {
			continue
		}
		size, found := files[m.Name]
		if !found {
			size = files[m.Name+temporary]
		}
		if p.open {
			m.cut(size)
		}
		var err error
		if m.Bytes == 0 || size < m.Bytes {
			err = fmt.Errorf("%d bytes of %s are missing", m.Bytes-size, m.Name)
		} else {
			m.Content, err = s.store.salvage(m.Name, m.Bytes)
		}
		if err != nil {
			whole = false
			m.Gap, m.Chunks, m.Samples, m.Bytes, m.Content = true, nil, 0, 0, nil
		}
	}
	if p.open {
		return p.finish()
	}
	return whole || p.left.IsZero()
}

// cut leaves only the chunks within the first size bytes.
func (m *Media) cut(size int64) {
	for n := len(m.Chunks); n > 0 && m.Bytes > size; n-- {
		m.Bytes -= m.Chunks[n-1].Bytes
		m.Chunks = m.Chunks[:n-1]
	}
}

// finish makes a closed segment of the chunks there are of an open one, if any.
func (p *past) finish() bool {
	whole := false
	p.Duration = 0
	for _, m := range []*Media{p.Video, p.Audio} {
		if m == nil {
			continue
		}
		m.Duration = m.written()
		whole = whole || !m.Gap
		if p.Duration == 0 {
			p.Duration = m.Duration
		}
	}
	for _, m := range []*Media{p.Video, p.Audio} {
		if m != nil && m.Gap {
			m.Duration = p.Duration
		}
	}
	return whole
}

// written is the duration of the chunks there are.
func (m *Media) written() (d time.Duration) {
	for _, c := range m.Chunks {
		d += c.Duration
	}
	return d
}

// shift moves the segment to the time line of another offset. It is not in a
// Window yet.
func (s *Segment) shift(offset time.Duration) {
	d := s.TimeOffset - offset
	s.TimeOffset = offset
	s.Start += d
	for _, m := range []*Media{s.Video, s.Audio} {
		if m == nil {
			continue
		}
		m.Start += d
		for i := range m.Chunks {
			m.Chunks[i].Start += d
		}
	}
}

// moved is a copy of the segment on the time line of another offset.
func (s *Segment) moved(offset time.Duration) *Segment {
	out := *s
	for _, m := range []**Media{&out.Video, &out.Audio} {
		if *m != nil {
			part := **m
			part.Chunks = slices.Clone(part.Chunks)
			*m = &part
		}
	}
	out.shift(offset)
	return &out
}

// sweep deletes the files that are not of w.
func (s *Segmenter) sweep(w *Window, files map[string]int64) {
	kept := map[string]bool{}
	for seg := range w.All {
		for _, m := range []*Media{seg.Video, seg.Audio} {
			if m != nil && !m.Gap {
				kept[m.Name] = true
			}
		}
	}
	for name := range files {
		if complete := strings.TrimSuffix(name, temporary); !kept[complete] {
			_ = s.store.remove(name)
		}
	}
}

// leftAt is when an expired segment left the playlists.
func (s *Segmenter) leftAt(seg *Segment) time.Time {
	return time.Now().Add(-max(0, s.hub.Clock().Now()-seg.left)).UTC()
}
