package journal

import (
	"cmp"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// The causes of gaps that the journal itself knows of.
const (
	CauseDisk   = "disk"   // storage failed, was full or too slow
	CauseServer = "server" // the daemon did not run
	CauseInput  = "input"  // the stream itself has a hole
	// CauseOff and CauseExpired blame nobody: it was not to be stored, and it was
	// deleted for the bounds or by someone.
	CauseOff     = "off: nobody wanted it stored"
	CauseExpired = "expired"
)

// tolerance is what times of segments that follow one another may differ.
const tolerance = 300 * time.Millisecond

// Between implements Archive. Segments of storage are listed without their
// chunks: Segment has those.
func (j *Journal) Between(from, to time.Time) (*segment.Window, []Gap) {
	win, live := j.live()
	all := j.overlapping(from, to, live)
	gaps := j.gapsOf(from, to, all)
	var in []*segment.Segment
	for _, s := range all {
		if w := wallOf(s); w.Before(to) && w.Add(s.Duration).After(from) {
			in = append(in, s)
		}
	}
	w := &segment.Window{}
	if win != nil {
		c := *win // with what tells of a newer one
		w = &c
	}
	w.Segments, w.Expired, w.Open, w.Discontinuities, w.PeakBitrate = join(in), nil, nil, 0, 0
	w.Video, w.Audio, w.Version = nil, nil, 0
	describe(w)
	w.Ended = j.past(to, w, live)
	return w, gaps
}

// past says whether nothing before a time can follow any more.
func (j *Journal) past(to time.Time, w *segment.Window, live []*segment.Segment) bool {
	if len(live) > 0 {
		s := live[len(live)-1]
		if end := wallOf(s); !end.IsZero() && !end.Add(s.Duration).Before(to) {
			return true
		}
	}
	return time.Now().After(to.Add(3*w.TargetDuration + 10*time.Second))
}

// overlapping are the segments of a range of time, each once, and one before
// and one behind where there are such.
func (j *Journal) overlapping(from, to time.Time, live []*segment.Segment) []*segment.Segment {
	var list []*entry
	for _, r := range j.neighbours(from, to) {
		for _, n := range j.entriesOf(r) {
			list = append(list, n.listed())
		}
	}
	for _, s := range live {
		list = append(list, &entry{seg: s})
	}
	list = slices.DeleteFunc(list, func(n *entry) bool { return wallOf(n.seg).IsZero() })
	// Of the same segment the live one, which came last, then the whole one.
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b *entry) int {
		if c := cmp.Compare(a.seg.Sequence, b.seg.Sequence); c != 0 {
			return c
		}
		return boolCompare(a.partial, b.partial)
	})
	list = slices.CompactFunc(list, func(a, b *entry) bool { return a.seg.Sequence == b.seg.Sequence })
	first := slices.IndexFunc(list, func(n *entry) bool { return wallOf(n.seg).Add(n.seg.Duration).After(from) })
	if first < 0 {
		first = len(list)
	}
	last := first
	for last < len(list) && wallOf(list[last].seg).Before(to) {
		last++
	}
	var out []*segment.Segment
	for _, n := range list[max(0, first-1):min(last+1, len(list))] {
		out = append(out, n.seg)
	}
	return out
}

// listed is what lists of segments need of one: a day of them is to fit the
// memory of a box, so their chunks are left out.
func (n *entry) listed() *entry {
	s := *n.seg
	for _, k := range kinds() {
		if m := s.Media(k); m != nil && len(m.Chunks) > 0 {
			bare := *m
			bare.Chunks = nil
			set(&s, k, &bare)
		}
	}
	return &entry{seg: &s, partial: n.partial}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// neighbours are the reels of a range of time, the last one before and the
// first one behind.
func (j *Journal) neighbours(from, to time.Time) []*reel {
	known := j.find(func(r *reel) bool { return !r.Begin.IsZero() })
	j.mu.Lock()
	defer j.mu.Unlock()
	slices.SortStableFunc(known, func(a, b *reel) int { return a.Begin.Compare(b.Begin) }) // numbers may have fallen
	first, last := 0, len(known)
	for i, r := range known {
		if !r.End.After(from) {
			first = i
		}
		if !r.Begin.Before(to) {
			last = min(last, i+1)
		}
	}
	return known[first:max(first, last)]
}

// join makes segments of several runs a row: what does not follow is a
// discontinuity, times are on one clock, equal headers are one.
func join(in []*segment.Segment) []*segment.Segment {
	if len(in) == 0 {
		return nil
	}
	offset := in[len(in)-1].TimeOffset
	inits := map[string]*segment.Init{}
	out := make([]*segment.Segment, len(in))
	for i, s := range in {
		c := *s
		if i > 0 && (s.Run != in[i-1].Run || s.Sequence != in[i-1].Sequence+1) {
			c.Discontinuity = true
		}
		shift := s.TimeOffset - offset
		c.TimeOffset, c.Start = offset, s.Start+shift
		for _, k := range kinds() {
			if m := s.Media(k); m != nil {
				set(&c, k, moved(m, shift, inits))
			}
		}
		out[i] = &c
	}
	return out
}

// moved is a part whose times are later, with the header that others have.
func moved(m *segment.Media, shift time.Duration, inits map[string]*segment.Init) *segment.Media {
	init := m.Init
	if init != nil {
		if inits[init.Name] == nil {
			inits[init.Name] = init
		}
		init = inits[init.Name]
	}
	if shift == 0 && init == m.Init {
		return m
	}
	c := *m
	c.Init, c.Start = init, m.Start+shift
	if shift != 0 && len(m.Chunks) > 0 {
		c.Chunks = slices.Clone(m.Chunks)
		for i := range c.Chunks {
			c.Chunks[i].Start += shift
		}
	}
	return &c
}

// describe sets what a window says of its segments.
func describe(w *segment.Window) {
	for _, s := range w.Segments {
		w.Run, w.Version, w.TimeOffset = s.Run, s.Sequence, s.TimeOffset
		for _, k := range kinds() {
			m := s.Media(k)
			if m == nil {
				continue
			}
			w.TargetDuration = max(w.TargetDuration, m.Duration.Round(time.Second))
			if m.Init == nil {
				continue
			}
			if k == kinds()[0] {
				w.Video = m.Init
			} else {
				w.Audio = m.Init
			}
		}
		w.TargetDuration = max(w.TargetDuration, s.Duration.Round(time.Second), time.Second)
	}
	for _, s := range w.Segments {
		if 2*s.Duration >= w.TargetDuration {
			w.PeakBitrate = max(w.PeakBitrate, int64(float64(8*s.Bytes())/s.Duration.Seconds()))
		}
	}
}

// gapsOf are the holes between segments that follow one another, clipped to a
// range of time.
func (j *Journal) gapsOf(from, to time.Time, all []*segment.Segment) (out []Gap) {
	told := j.told()
	for i, s := range all[min(1, len(all)):] {
		before := all[i]
		g := Gap{From: wallOf(before).Add(before.Duration), To: wallOf(s)}
		if g.To.Sub(g.From) <= tolerance {
			continue
		}
		g.Cause = causeOf(g, told, before, s)
		g.From, g.To = later(g.From, from), earlier(g.To, to)
		if g.From.Before(g.To) {
			out = append(out, g)
		}
	}
	return out
}

// told are the gaps whose causes were written down.
func (j *Journal) told() []Gap {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := slices.Clone(j.gaps)
	for _, r := range j.reels {
		out = append(out, r.Gaps...)
	}
	return out
}

// causeOf is the cause that was told of most of a gap, or what its ends tell.
func causeOf(g Gap, told []Gap, before, after *segment.Segment) (cause string) {
	var most time.Duration
	for _, t := range told {
		if d := earlier(g.To, t.To).Sub(later(g.From, t.From)); d > most {
			most, cause = d, t.Cause
		}
	}
	switch {
	case cause != "":
		return cause
	case before.Run != after.Run:
		return CauseServer
	case before.Sequence+1 != after.Sequence:
		return CauseExpired
	}
	return CauseInput
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
