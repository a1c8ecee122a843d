package playlist

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// drift is how far EXT-X-PROGRAM-DATE-TIME may be from what the segment before
// says: both are rounded to the millisecond.
const drift = 2 * time.Millisecond

// An ISO 8601 time with its zone, and a fraction of at most milliseconds.
var isTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$`)

// ParseMedia reads a media playlist of CMAF segments, or of MPEG-TS, whose names
// end so. Its error is the first
// thing that is wrong.
func ParseMedia(doc []byte) (*Media, error) {
	p := mediaParser{out: &Media{Version: 1}, seen: once{}, segment: once{}}
	for l, err := range lines(doc) {
		if err == nil {
			err = p.line(l)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(p.segment) > 0 {
		return nil, fmt.Errorf("tags of a segment without URI at the end")
	}
	return p.out, p.check()
}

type mediaParser struct {
	out      *Media
	seen     once // tags of the playlist
	segment  once // tags of the segment at hand
	next     Segment
	mapURI   string
	fraction bool // an EXTINF is no integer
}

func (p *mediaParser) line(l line) error {
	switch l.tag {
	case "":
		return p.uri(l)
	case "EXTINF", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-DISCONTINUITY", "EXT-X-GAP", "EXT-X-MAP":
		if p.out.Ended {
			return l.errorf("after EXT-X-ENDLIST")
		}
		if err := p.segment.check(l); err != nil {
			return err
		}
		return p.segmentTag(l)
	}
	if l.tag != "EXT-X-DATERANGE" {
		if err := p.seen.check(l); err != nil {
			return err
		}
	}
	if len(p.out.Segments)+len(p.segment) > 0 && l.tag != "EXT-X-ENDLIST" {
		return l.errorf("after the first segment's tags")
	}
	return p.playlistTag(l)
}

func (p *mediaParser) playlistTag(l line) (err error) {
	var n uint64
	switch l.tag {
	case "EXT-X-VERSION":
		n, err = l.integer()
		p.out.Version = int(n)
	case "EXT-X-TARGETDURATION":
		n, err = l.integer()
		p.out.TargetDuration = time.Duration(n) * time.Second
	case "EXT-X-MEDIA-SEQUENCE":
		p.out.Sequence, err = l.integer()
	case "EXT-X-DISCONTINUITY-SEQUENCE":
		p.out.DiscontinuitySequence, err = l.integer()
	case "EXT-X-INDEPENDENT-SEGMENTS":
		p.out.Independent = true
	case "EXT-X-ENDLIST":
		p.out.Ended = true
	case "EXT-X-PLAYLIST-TYPE":
		if p.out.Type = l.value; l.value != "VOD" && l.value != "EVENT" {
			return l.errorf("%q is neither VOD nor EVENT", l.value)
		}
	case "EXT-X-DATERANGE":
		return p.dateRange(l)
	default:
		return l.errorf("not a tag of a live media playlist")
	}
	return err
}

func (p *mediaParser) dateRange(l line) error {
	a, err := l.attributes(map[string]form{
		"ID": quoted, "CLASS": quoted, "START-DATE": quoted, "DURATION": float, "X-CAUSE": quoted,
	}, "ID", "START-DATE", "DURATION")
	if err != nil {
		return err
	}
	if !isTime.MatchString(a["START-DATE"]) {
		return l.errorf("START-DATE %q is not a date, a time to the millisecond and a zone", a["START-DATE"])
	}
	r := DateRange{ID: a["ID"], Class: a["CLASS"], Cause: a["X-CAUSE"]}
	if r.Start, err = time.Parse(time.RFC3339Nano, a["START-DATE"]); err != nil {
		return l.errorf("%w", err)
	}
	seconds, _ := strconv.ParseFloat(a["DURATION"], 64)
	r.Duration = time.Duration(math.Round(seconds*1e6)) * time.Microsecond
	for _, o := range p.out.DateRanges {
		if o.ID == r.ID {
			return l.errorf("two of the ID %s", r.ID)
		}
	}
	p.out.DateRanges = append(p.out.DateRanges, r)
	return nil
}

func (p *mediaParser) segmentTag(l line) error {
	switch l.tag {
	case "EXTINF":
		number, _, comma := strings.Cut(l.value, ",")
		if !comma || !isFloat.MatchString(number) {
			return l.errorf("%q is not a duration and a comma", l.value)
		}
		seconds, _ := strconv.ParseFloat(number, 64)
		p.next.Duration = time.Duration(math.Round(seconds*1e6)) * time.Microsecond
		p.fraction = p.fraction || strings.Contains(number, ".")
	case "EXT-X-PROGRAM-DATE-TIME":
		if !isTime.MatchString(l.value) {
			return l.errorf("%q is not a date, a time to the millisecond and a zone", l.value)
		}
		at, err := time.Parse(time.RFC3339Nano, l.value)
		if err != nil {
			return l.errorf("%w", err)
		}
		p.next.Time = at
	case "EXT-X-MAP":
		a, err := l.attributes(map[string]form{"URI": quoted, "BYTERANGE": quoted}, "URI")
		if err != nil {
			return err
		}
		p.mapURI = a["URI"]
	case "EXT-X-DISCONTINUITY":
		p.next.Discontinuity = true
	case "EXT-X-GAP":
		p.next.Gap = true
	}
	if l.colon == (l.tag == "EXT-X-DISCONTINUITY" || l.tag == "EXT-X-GAP") {
		return l.errorf("a value where none belongs, or none where one does")
	}
	return nil
}

func (p *mediaParser) uri(l line) error {
	s := p.next
	s.URI, s.Map, s.Sequence = l.value, p.mapURI, p.out.Sequence+uint64(len(p.out.Segments))
	switch {
	case !p.segment["EXTINF"]:
		return l.errorf("%s has no EXTINF", l.value)
	case s.Duration <= 0:
		return l.errorf("%s lasts %v", l.value, s.Duration)
	case s.Map == "" && !s.Gap && !inTS(s.URI):
		return l.errorf("%s has no EXT-X-MAP", l.value)
	}
	if n := len(p.out.Segments); n > 0 {
		if err := follows(p.out.Segments[n-1], s); err != nil {
			return l.errorf("%w", err)
		}
	}
	p.out.Segments = append(p.out.Segments, s)
	p.next, p.segment = Segment{}, once{}
	return nil
}

// inTS says that a segment is MPEG-TS, which has no EXT-X-MAP.
func inTS(uri string) bool {
	name, _, _ := strings.Cut(uri, "?")
	return strings.HasSuffix(name, ".ts")
}

// follows says what is wrong with b after a.
func follows(a, b Segment) error {
	if b.Discontinuity {
		return nil
	}
	if a.Map != b.Map && a.Map != "" && b.Map != "" {
		return fmt.Errorf("%s has another EXT-X-MAP than %s, without EXT-X-DISCONTINUITY", b.URI, a.URI)
	}
	if a.Time.IsZero() || b.Time.IsZero() {
		return nil
	}
	if d := b.Time.Sub(a.Time.Add(a.Duration)); d.Abs() > drift {
		return fmt.Errorf("EXT-X-PROGRAM-DATE-TIME of %s is %v off the end of %s", b.URI, d, a.URI)
	}
	return nil
}

// check judges what concerns several tags.
func (p *mediaParser) check() error {
	m := p.out
	if m.TargetDuration == 0 {
		return fmt.Errorf("EXT-X-TARGETDURATION is missing")
	}
	if m.Type == "VOD" && !m.Ended {
		return fmt.Errorf("EXT-X-PLAYLIST-TYPE VOD without EXT-X-ENDLIST")
	}
	timed := slices.ContainsFunc(m.Segments, func(s Segment) bool { return !s.Time.IsZero() })
	if len(m.DateRanges) > 0 && !timed {
		return fmt.Errorf("EXT-X-DATERANGE without EXT-X-PROGRAM-DATE-TIME")
	}
	least := 1
	if p.fraction {
		least = 3
	}
	for _, s := range m.Segments {
		if s.Map != "" {
			least = max(least, 6)
		}
		if s.Gap {
			least = max(least, 8)
		}
		if s.Duration.Round(time.Second) > m.TargetDuration {
			return fmt.Errorf("%s: EXTINF %v is above EXT-X-TARGETDURATION %v", s.URI, s.Duration, m.TargetDuration)
		}
	}
	if m.Version < least {
		return fmt.Errorf("EXT-X-VERSION %d: what is used needs %d", m.Version, least)
	}
	return nil
}
