package ts

import (
	"cmp"
	"errors"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Segment is a piece of a transport stream that is made without knowledge of
// those before it, and yet continues them: one after the other, the segments
// of a stream are one transport stream.
//   - Times are made of the packets' own, as by a Muxer.
//   - The clock reference begins at the first picture's decode time and stays
//     below End, where the next segment takes it up.
//   - Each PID has a multiple of 16 packets that count, so that every segment
//     begins and ends at the same continuity counter.
type Segment struct {
	// Tracks are those the PMT names, at most one of a kind: the programme's,
	// also when nothing of one is in the segment.
	Tracks []*media.Track
	// Video and Audio are the access units by decode time; one may be empty.
	Video, Audio []media.Packet
	// End is the decode time at which the next segment begins. Zero stands for
	// that of the last packet.
	End time.Duration
	// Discontinuity says that it does not continue the segment before.
	Discontinuity bool
}

// errEmpty says that there is nothing to write.
var errEmpty = errors.New("ts: segment without packets")

// AppendSegment appends a segment, which begins with PAT and PMT. An access
// unit that MPEG-TS cannot carry is left out, and the next one is marked; the
// error is the first one's reason when nothing else is there.
func AppendSegment(dst []byte, s Segment) ([]byte, error) {
	m, err := New(Config{Tracks: s.Tracks})
	if err != nil {
		return dst, err
	}
	m.until = s.end()
	m.broken = s.Discontinuity
	start := len(dst)
	var failed error
	gap := map[media.Kind]bool{}
	for p := range s.merged {
		p.Gap = p.Gap || gap[p.Track.Kind()]
		next, err := m.Append(dst, p)
		if gap[p.Track.Kind()] = err != nil; err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		dst = next
	}
	if len(dst) == start {
		return dst, cmp.Or(failed, errEmpty)
	}
	dst = m.bridge(dst, m.until)
	for m.tables.cc != 0 {
		dst = m.tables.append(dst)
	}
	for _, e := range []*stream{m.video, m.audio} {
		if e != nil && e.cc != 0 {
			dst = split(dst, start, e.pid, 16-int(e.cc))
		}
	}
	return dst, nil
}

// end is End, or the last packet's decode time.
func (s *Segment) end() time.Duration {
	end := s.End
	for _, ps := range [][]media.Packet{s.Video, s.Audio} {
		if n := len(ps); s.End == 0 && n > 0 {
			end = max(end, ps[n-1].DTS)
		}
	}
	return end
}

// merged yields the packets by decode time, a picture first: the clock begins
// with it.
func (s *Segment) merged(yield func(media.Packet) bool) {
	v, a := s.Video, s.Audio
	for begun := false; len(v)+len(a) > 0; begun = true {
		next := &a
		if len(a) == 0 || len(v) > 0 && (!begun || v[0].DTS <= a[0].DTS) {
			next = &v
		}
		if !yield((*next)[0]) {
			return
		}
		*next = (*next)[1:]
	}
}
