package finish

import (
	"context"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// seam is how far apart the times of two parts of one run may lie that
// continue each other: sound and pictures end at different times.
const seam = 250 * time.Millisecond

// New reads the parts, oldest first, and plans a file of them. Where they do
// not continue each other the time between is closed up, sound and pictures
// alike, and is listed in Breaks.
func New(ctx context.Context, format Format, parts []Part, cut Cut) (*Plan, error) {
	plan := &Plan{format: format}
	for _, in := range parts {
		p := &part{Part: in}
		if err := p.scan(ctx); err != nil {
			return nil, err
		}
		if err := p.cut(ctx, cut); err != nil {
			return nil, fmt.Errorf("finish: read %s: %w", p.Name, err)
		}
		if len(p.chunks) == 0 {
			continue
		}
		if err := plan.append(p); err != nil {
			return nil, err
		}
	}
	if len(plan.parts) == 0 {
		return nil, fmt.Errorf("finish: %w", ErrEmpty)
	}
	if err := plan.tables(ctx); err != nil {
		return nil, err
	}
	return plan, nil
}

// append adds a part behind the others.
func (plan *Plan) append(p *part) error {
	start, end := p.span()
	if len(plan.parts) == 0 {
		plan.zero = p.zero(start)
		plan.created = p.Begin
	} else {
		last := plan.parts[len(plan.parts)-1]
		if err := plan.same(last, p); err != nil {
			return err
		}
		plan.join(last, p, start)
	}
	plan.parts = append(plan.parts, p)
	plan.duration = max(plan.duration, end+p.shift-plan.zero)
	return nil
}

// zero is when a file that begins with the part begins: with its first picture.
// Sound of shortly before it (an encoder's priming) stays in the file and is
// not played.
func (p *part) zero(start time.Duration) time.Duration {
	for _, c := range p.chunks {
		if c.kind == media.Video {
			if at := p.time(media.Video, c.pts); at-start <= seam {
				return at
			}
			break
		}
	}
	return start
}

// same says what keeps two parts from being one file.
func (plan *Plan) same(a, b *part) error {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		x, y := a.tracks[k], b.tracks[k]
		switch {
		case x == nil && y == nil:
			continue
		case x == nil || y == nil:
			return fmt.Errorf("finish: %s has %v, %s has none: finish them one by one", named(x != nil, a, b), k, named(x == nil, a, b))
		case x.media.Equal(y.media) && x.timescale == y.timescale:
			y.media = x.media
		case plan.format == MP4:
			return fmt.Errorf("finish: the %v changes from %v in %s to %v in %s, which one MP4 file cannot hold: finish them one by one, or as ts",
				k, x.media, a.Name, y.media, b.Name)
		}
	}
	return nil
}

func named(first bool, a, b *part) string {
	if first {
		return a.Name
	}
	return b.Name
}

// join puts p behind last: at its own time if it continues it, at its end if not.
func (plan *Plan) join(last, p *part, start time.Duration) {
	lastStart, lastEnd := last.span()
	p.shift = last.shift
	hole := start - lastEnd
	if p.Run == last.Run && hole.Abs() <= seam {
		return
	}
	p.shift += lastEnd - start
	for _, k := range []media.Kind{media.Video, media.Audio} { // decode times must rise
		if end, begin, ok := headAndTail(last, p, k); ok && begin+p.shift < end+last.shift {
			p.shift = end + last.shift - begin
		}
	}
	b := Break{At: start + p.shift - plan.zero, Before: last.Name, After: p.Name}
	switch {
	case !p.Begin.IsZero() && !last.Begin.IsZero():
		b.Missing = max(0, p.Begin.Sub(last.Begin)-(lastEnd-lastStart))
	case p.Run == last.Run:
		b.Missing = max(0, hole)
	}
	plan.Breaks = append(plan.Breaks, b)
}

// headAndTail are the decode times at which a's track ends and b's begins.
func headAndTail(a, b *part, k media.Kind) (end, begin time.Duration, ok bool) {
	found := false
	for i := len(a.chunks) - 1; i >= 0 && !found; i-- {
		if a.chunks[i].kind == k {
			end, found = a.time(k, a.chunks[i].end), true
		}
	}
	for i := 0; i < len(b.chunks) && found; i++ {
		if b.chunks[i].kind == k {
			return end, b.time(k, b.chunks[i].dts), true
		}
	}
	return 0, 0, false
}

// cut leaves the chunks between the times, and of the sound what belongs to
// the pictures that stay.
func (p *part) cut(ctx context.Context, cut Cut) error {
	if len(p.chunks) == 0 || cut.From.IsZero() && cut.To.IsZero() {
		return nil
	}
	if p.Begin.IsZero() {
		return fmt.Errorf("its time of day is not known, so it cannot be cut by it: finish it by its name")
	}
	start, end := p.span()
	from, to := start, end
	if !cut.From.IsZero() {
		from = max(from, start+cut.From.Sub(p.Begin))
	}
	if !cut.To.IsZero() {
		to = min(to, start+cut.To.Sub(p.Begin))
	}
	if from >= to {
		p.chunks = nil
		return nil
	}
	if from == start && to == end {
		return nil
	}
	lead := media.Video
	if p.tracks[lead] == nil {
		lead = media.Audio
	}
	return p.trim(ctx, lead, from, to, from == start, to == end)
}

// trim leaves the lead's chunks from the key picture at or before from to the
// first that begins at to or later, and the other track's samples of that time.
func (p *part) trim(ctx context.Context, lead media.Kind, from, to time.Duration, head, tail bool) error {
	first, last := -1, -1
	for i, c := range p.chunks {
		if c.kind != lead {
			continue
		}
		at := p.time(lead, c.pts)
		if c.key && (first < 0 || at <= from) {
			first = i
		}
		if first >= 0 && (at < to || i == first) {
			last = i
		}
	}
	if first < 0 {
		p.chunks = nil
		return nil
	}
	begin := p.time(lead, p.chunks[first].pts)
	end := begin + p.time(lead, p.chunks[last].end) - p.time(lead, p.chunks[first].dts)
	f, err := p.open()
	if err != nil {
		return err
	}
	defer f.r.Close()
	var kept []chunk
	for i, c := range p.chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.kind != lead {
			c, err = p.within(f, c, begin, end, head, tail)
			if err != nil {
				return err
			}
		} else if i < first || i > last {
			continue
		}
		if c.take > 0 {
			kept = append(kept, c)
		}
	}
	p.chunks = kept
	return nil
}

// within leaves the samples of a chunk that begin in [begin, end). A bound
// that is the part's own cuts nothing.
func (p *part) within(f *file, c chunk, begin, end time.Duration, head, tail bool) (chunk, error) {
	inside := func(ticks int64) bool {
		at := p.time(c.kind, ticks)
		return (head || at >= begin) && (tail || at < end)
	}
	if inside(c.pts) && inside(c.end) {
		return c, nil
	}
	frag, err := p.fragment(f, c.moof, c.moofSize)
	if err != nil {
		return c, err
	}
	out := c
	out.take, out.bytes = 0, 0
	at, data := frag.base, c.data
	for i, s := range frag.samples {
		switch pts := at + int64(s.CompositionTimeOffset); {
		case inside(pts):
			if out.take == 0 {
				out.skip, out.data, out.dts, out.pts = i, data, at, pts
			}
			out.take++
			out.bytes += int64(s.Size)
			out.end = at + int64(s.Dur)
		case out.take > 0:
			return out, nil
		}
		at += int64(s.Dur)
		data += int64(s.Size)
	}
	return out, nil
}
