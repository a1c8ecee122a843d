package dash

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/serve"
)

var kinds = [...]media.Kind{media.Video, media.Audio}

// section is a part of the window that one Period can describe: the same
// headers throughout, the segments of each track numbered without a break, and
// nothing that says the time line is broken.
type section struct {
	run    string
	first  uint64 // sequence number of its first segment
	parts  [media.Audio + 1]*part
	broken bool // some segment begins without a key picture
}

// part is one track's part of a section.
type part struct {
	init   *segment.Init
	prefix string        // of the file names, up to the number
	number uint64        // of the first segment
	offset time.Duration // that the times in its files are more than those of list
	list   []*segment.Media
}

// split divides the segments into sections. What was lost is in none: a track
// that goes on after a loss begins a section, since the numbers of a
// SegmentTimeline have no way to leave one out that players know.
func split(segments []*segment.Segment) (sections []*section) {
	var at *section
	for _, s := range segments {
		parts := partsOf(s)
		if parts == [media.Audio + 1]*part{} {
			continue
		}
		if at == nil || s.Discontinuity || !at.continues(parts) {
			at = &section{first: s.Sequence, run: runOf(parts)}
			sections = append(sections, at)
		}
		at.add(parts)
		at.broken = at.broken || !s.Independent && parts[media.Video] != nil
	}
	return sections
}

// uniform leaves out the sections without the kinds of track that the programme
// has, or with others: Shaka plays nothing of a manifest whose Periods differ in
// that. of is the segment that tells what the programme has.
func uniform(sections []*section, of *segment.Segment) []*section {
	return slices.DeleteFunc(sections, func(c *section) bool {
		for _, k := range kinds {
			if (c.parts[k] == nil) != (of.Media(k) == nil) {
				return true
			}
		}
		return false
	})
}

// partsOf is what there is of a segment, by kind.
func partsOf(s *segment.Segment) (parts [media.Audio + 1]*part) {
	for _, k := range kinds {
		m := s.Media(k)
		if m == nil || m.Gap || m.Init == nil {
			continue
		}
		if prefix, number, ok := serve.Split(m.Name); ok {
			parts[k] = &part{init: m.Init, prefix: prefix, number: number, offset: s.TimeOffset, list: []*segment.Media{m}}
		}
	}
	return parts
}

// runOf is the run as it stands in the file names.
func runOf(parts [media.Audio + 1]*part) string {
	for _, k := range kinds {
		if p := parts[k]; p != nil {
			return strings.Trim(strings.TrimPrefix(p.prefix, k.String()), "_")
		}
	}
	return ""
}

// continues says whether a segment of these parts belongs to the section.
func (c *section) continues(parts [media.Audio + 1]*part) bool {
	for _, k := range kinds {
		have, next := c.parts[k], parts[k]
		if next == nil {
			continue // its list ends here; should it go on, that is a new section
		}
		if have == nil || have.init.Name != next.init.Name || have.prefix != next.prefix || have.offset != next.offset ||
			have.number+uint64(len(have.list)) != next.number {
			return false
		}
	}
	return true
}

func (c *section) add(parts [media.Audio + 1]*part) {
	for _, k := range kinds {
		switch next := parts[k]; {
		case next == nil:
		case c.parts[k] == nil:
			c.parts[k] = next
		default:
			c.parts[k].list = append(c.parts[k].list, next.list...)
		}
	}
}

// begin and end are in stream time, of all tracks.
func (c *section) begin() time.Duration {
	var begin *time.Duration
	for _, p := range c.parts {
		if p != nil && (begin == nil || p.list[0].Start < *begin) {
			begin = &p.list[0].Start
		}
	}
	return *begin
}

func (c *section) end() (end time.Duration) {
	end = c.begin()
	for _, p := range c.parts {
		if p != nil {
			end = max(end, p.end())
		}
	}
	return end
}

func (p *part) end() time.Duration {
	last := p.list[len(p.list)-1]
	return last.Start + last.Duration
}

// lead is the part that a section's length goes by: the picture's, where there is one.
func (c *section) lead() *part {
	if p := c.parts[media.Video]; p != nil {
		return p
	}
	return c.parts[media.Audio]
}

// inits names the headers of a section, by kind: what decodes one section
// decodes another of the same.
type inits [media.Audio + 1]string

func (c *section) inits() (names inits) {
	for _, k := range kinds {
		if p := c.parts[k]; p != nil {
			names[k] = p.init.Name
		}
	}
	return names
}

// have says whether all that o names is among them.
func (i inits) have(o inits) bool {
	for k, name := range o {
		if name != "" && name != i[k] {
			return false
		}
	}
	return true
}

// id names the Period that begins with the section in the middle of its run.
func (c *section) id() string { return fmt.Sprintf("%s-%d", c.run, c.first) }
