// Package playlist judges HLS playlists as strictly as RFC 8216 and its
// successor (draft-pantos-hls-rfc8216bis) are written. It is the test bench's
// own reader, apart from the library that the product writes playlists with:
// players forgive, this does not. It knows the tags of CMAF and MPEG-TS streams,
// live or of another time; any other tag is an error, so that nothing goes out unjudged.
package playlist

import "time"

// Multivariant is a multivariant playlist.
type Multivariant struct {
	Version     int
	Independent bool
	Variants    []Variant
	Renditions  []Rendition
}

// Variant is an EXT-X-STREAM-INF and its URI.
type Variant struct {
	URI                         string
	Bandwidth, AverageBandwidth int
	Codecs                      string
	Resolution                  string
	FrameRate                   float64
	Audio                       string // group
}

// Rendition is an EXT-X-MEDIA.
type Rendition struct {
	Type, Group, Name, URI string
	Default, AutoSelect    bool
	Channels               string
}

// Media is a media playlist.
type Media struct {
	Version               int
	Independent           bool
	TargetDuration        time.Duration
	Sequence              uint64 // of the first segment
	DiscontinuitySequence uint64
	Type                  string // EXT-X-PLAYLIST-TYPE: VOD, EVENT, or none
	Ended                 bool
	DateRanges            []DateRange
	Segments              []Segment
}

// DateRange is an EXT-X-DATERANGE.
type DateRange struct {
	ID, Class string
	Start     time.Time
	Duration  time.Duration
	Cause     string // X-CAUSE
}

// Segment is one media segment.
type Segment struct {
	Sequence      uint64
	URI, Map      string // Map is empty in MPEG-TS
	Duration      time.Duration
	Time          time.Time // EXT-X-PROGRAM-DATE-TIME; zero when it has none
	Discontinuity bool
	Gap           bool
}

// Duration of all segments.
func (m *Media) Duration() (d time.Duration) {
	for _, s := range m.Segments {
		d += s.Duration
	}
	return d
}
