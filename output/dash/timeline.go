package dash

import (
	"fmt"
	"math"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment"
)

// seam is how far a segment may end from where the next begins and still
// continue: the sound's last frame, a picture shown a bit longer. Players
// bridge it; a longer hole is told.
const seam = 60 * time.Millisecond

// template addresses a part's segments by their numbers, with their exact times.
func (p *part) template(o origin, query string) (*mpd.SegmentTemplateType, error) {
	if last := p.number + uint64(len(p.list)); last > math.MaxUint32 {
		return nil, fmt.Errorf("dash: segment number %d does not fit an MPD", last)
	}
	scale := fmp4.Timescale(p.init.Track)
	t := &mpd.SegmentTemplateType{Initialization: p.init.Name + query, Media: p.prefix + "$Number$.m4s"}
	t.Timescale = mpd.Ptr(uint32(scale))
	t.StartNumber = mpd.Ptr(uint32(p.number))
	if offset := media.ToTimescale(o.at+p.offset, scale); offset > 0 {
		t.PresentationTimeOffset = mpd.Ptr(uint64(offset))
	}
	t.SegmentTimeline = timeline(p.list, p.offset, scale)
	return t, nil
}

// timeline says when each segment begins and how long it lasts, equal ones in
// a row at once. Its times are those in the files, which are offset more than those
// of the stream; a hole is a time of its own.
func timeline(list []*segment.Media, offset time.Duration, scale int) *mpd.SegmentTimelineType {
	ticks := func(t time.Duration) int64 { return media.ToTimescale(t+offset, scale) }
	out := &mpd.SegmentTimelineType{}
	var s *mpd.S
	var end int64 // of what is listed
	for i, m := range list {
		begin := ticks(m.Start)
		stop := ticks(m.Start + m.Duration)
		if i+1 < len(list) {
			next := list[i+1].Start
			if hole := next - m.Start - m.Duration; hole < seam {
				stop = ticks(next)
			}
		}
		d := uint64(max(stop-begin, 1))
		switch {
		case s == nil || begin != end:
			s = &mpd.S{T: mpd.Ptr(uint64(max(begin, 0))), D: d}
			out.S = append(out.S, s)
		case s.D == d:
			s.R++
		default:
			s = &mpd.S{D: d}
			out.S = append(out.S, s)
		}
		end = stop
	}
	return out
}
