package playlist

import "fmt"

// History is a live playlist over time: every segment it ever listed.
type History struct {
	Segments []Segment
	Reloads  int // that brought something new
	last     *Media
}

// Add judges the newest state of a live playlist against those before, by what
// RFC 8216 §6.2.1 and §6.2.2 allow a server to change.
func (h *History) Add(m *Media) error {
	if h.last == nil {
		h.Segments = append(h.Segments, m.Segments...)
		h.last, h.Reloads = m, 1
		return nil
	}
	old := h.last
	switch {
	case m.TargetDuration != old.TargetDuration:
		return fmt.Errorf("EXT-X-TARGETDURATION changed from %v to %v", old.TargetDuration, m.TargetDuration)
	case m.Sequence < old.Sequence:
		return fmt.Errorf("EXT-X-MEDIA-SEQUENCE fell from %d to %d", old.Sequence, m.Sequence)
	case old.Ended && len(m.Segments) != len(old.Segments):
		return fmt.Errorf("changed after EXT-X-ENDLIST")
	}
	gone := m.Sequence - old.Sequence
	if gone > uint64(len(old.Segments)) {
		return fmt.Errorf("from segment %d to %d without those between", old.Sequence, m.Sequence)
	}
	kept := old.Segments[gone:]
	if len(m.Segments) < len(kept) {
		return fmt.Errorf("segment %d was taken away from the end", kept[len(m.Segments)].Sequence)
	}
	for i, s := range kept {
		now := m.Segments[i]
		if now.Gap && s.Gap { // it needs no header: whose stands before it does not matter
			now.Map = s.Map
		}
		if now != s {
			return fmt.Errorf("segment %d changed from %+v to %+v", s.Sequence, s, m.Segments[i])
		}
	}
	return h.take(m, old.Segments[:gone], len(kept))
}

// take adds the new segments, after those that left were judged.
func (h *History) take(m *Media, gone []Segment, kept int) error {
	discontinuities := h.last.DiscontinuitySequence
	for _, s := range gone {
		if s.Discontinuity {
			discontinuities++
		}
	}
	if m.DiscontinuitySequence != discontinuities {
		return fmt.Errorf("EXT-X-DISCONTINUITY-SEQUENCE is %d, want %d", m.DiscontinuitySequence, discontinuities)
	}
	if len(gone) > 0 && !m.Ended && m.Duration() < 3*m.TargetDuration {
		return fmt.Errorf("segments were taken away with %v left, less than three target durations", m.Duration())
	}
	fresh := m.Segments[kept:]
	if n := len(h.Segments); n > 0 && len(fresh) > 0 {
		if err := follows(h.Segments[n-1], fresh[0]); err != nil {
			return err
		}
	}
	if len(fresh) > 0 {
		h.Reloads++
	}
	h.Segments = append(h.Segments, fresh...)
	h.last = m
	return nil
}
