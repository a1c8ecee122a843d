// Package finish makes plain files of crash-safe recordings: one MP4 with its
// index in front, or one MPEG transport stream, of one or several fragmented
// MP4 files in a row. Samples are copied bit for bit; nothing is encoded.
//
// Memory does not grow with the bytes copied: what is held is the sample table
// (some 2 MB an hour) and, for a transport stream, the chunks between the two
// tracks' heads.
package finish

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Format of a finished file.
type Format string

// The formats.
const (
	MP4 Format = "mp4" // moov first
	TS  Format = "ts"
)

// ParseFormat takes what people write.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case MP4, TS:
		return f, nil
	}
	return "", fmt.Errorf("format %q: use mp4 or ts", s)
}

// Extension of the format's files, with the dot.
func (f Format) Extension() string { return "." + string(f) }

// Part is one fragmented MP4 file of a recording: one moov, then chunks of one
// moof and one mdat, each of one track. Boxes of other kinds between them are
// passed over; a chunk that is not complete ends the file.
type Part struct {
	Name string // for messages
	Run  string // parts of one run share a time line
	// Begin is the wall-clock time of its first sample, zero while not known. A
	// Cut needs it.
	Begin time.Time
	Open  func() (io.ReadSeekCloser, error)
}

// Cut leaves of the parts what lies between two times. It is widened to where
// decoding can start, and to whole chunks. Zero times cut nothing.
type Cut struct{ From, To time.Time }

// Break is a place where two parts do not continue each other: time is missing
// there, and was closed up.
type Break struct {
	At            time.Duration // in the finished file
	Before, After string        // the parts
	Missing       time.Duration // 0 where it is not known
}

// ErrEmpty says that there is nothing to make a file of.
var ErrEmpty = errors.New("nothing was recorded in this time")

// Plan is what a finished file is made of.
type Plan struct {
	format   Format
	parts    []*part // with chunks
	tracks   []*table
	zero     time.Duration // of the file, on the first part's time line
	duration time.Duration
	payload  int64
	tsSize   int64
	Breaks   []Break
	created  time.Time
}

// Duration of the finished file.
func (plan *Plan) Duration() time.Duration { return plan.duration }

// Payload is the bytes of the samples: what progress counts to.
func (plan *Plan) Payload() int64 { return plan.payload }

// part is a Part that was read.
type part struct {
	Part
	tracks [media.Audio + 1]*track // nil for a kind it does not have
	chunks []chunk                 // in the file's order
	shift  time.Duration           // from its times to the first part's
}

// chunk is a run of samples of one track, all or some of a CMAF chunk.
type chunk struct {
	kind       media.Kind
	key        bool  // begins with a sync sample
	moof, data int64 // where in the file
	moofSize   int64
	bytes      int64 // of the samples taken
	skip, take int   // samples
	dts, pts   int64 // of the first sample taken, ticks
	end        int64 // decode time after the last sample taken, ticks
}

func (p *part) time(k media.Kind, ticks int64) time.Duration {
	return media.FromTimescale(ticks, int(p.tracks[k].timescale))
}

// span is when the part is presented, by its own times.
func (p *part) span() (start, end time.Duration) {
	var first, last [media.Audio + 1]*chunk
	for i := range p.chunks {
		c := &p.chunks[i]
		if first[c.kind] == nil {
			first[c.kind] = c
		}
		last[c.kind] = c
	}
	none := true
	for k := range first {
		if first[k] == nil {
			continue
		}
		kind := media.Kind(k)
		s := p.time(kind, first[k].pts)
		e := s + p.time(kind, last[k].end) - p.time(kind, first[k].dts)
		if none {
			start, end, none = s, e, false
			continue
		}
		start, end = min(start, s), max(end, e)
	}
	return start, end
}
