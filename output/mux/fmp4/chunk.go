package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// ErrTime says that a sample's times cannot be written.
var ErrTime = errors.New("decode times must rise and not be negative")

// Chunk is a CMAF chunk: a run of samples of one track behind one moof.
type Chunk struct {
	Sequence uint32         // mfhd: rises with every chunk of the track
	Samples  []media.Packet // at least one, all of one Track, in decoding order
	// End is the decode time at which the sample after the last one begins.
	End time.Duration
	// Offset is added to every time. It keeps decode times before the zero of
	// the stream's clock writable, and is the same for all tracks of a stream.
	Offset time.Duration
	// SegmentStart says that the chunk begins a CMAF segment: it gets a styp.
	SegmentStart bool
	// Wall is the capture time of the first sample; non-zero adds a prft.
	Wall time.Time
}

// Sample flags, ISO/IEC 14496-12 §8.8.3.1.
const (
	flagsSync    = 2 << 24 // depends on no other sample
	flagNonSync  = 1 << 16
	flagsNonSync = 1<<24 | flagNonSync // depends on others, is no sync sample

	tfhdBaseOffset  = 0x01
	tfhdDescription = 0x02
	tfhdDuration    = 0x08
	tfhdSize        = 0x10
	tfhdSampleFlags = 0x20
	tfhdBaseIsMoof  = 0x020000
	tfhdFlags       = tfhdBaseIsMoof | tfhdSampleFlags

	trunDataOffset  = 0x001
	trunFirstFlags  = 0x004
	trunDuration    = 0x100
	trunSize        = 0x200
	trunFlags       = 0x400
	trunCompOffset  = 0x800
	prftTimeCapture = 24
)

// Sizes of the boxes that do not depend on the samples.
const (
	mfhdSize = 16
	tfdtSize = 20
	boxSize  = 8
)

var segmentType = []byte("\x00\x00\x00\x1cstypmsdh\x00\x00\x00\x00msdhcmfscmff")

// layout is what the samples have in common and therefore say once.
type layout struct {
	base      int64 // first decode time, ticks
	duration  int64 // common duration, or -1
	trun      uint32
	flags     uint32 // default sample flags
	payload   int
	perSample int // bytes of a trun entry
}

// AppendHeader appends all of the chunk but its payload: styp, prft, moof and
// the header of the mdat. The payload is the Data of the samples in order.
func AppendHeader(dst []byte, c Chunk) ([]byte, error) {
	l, err := c.layout()
	if err != nil {
		return dst, err
	}
	if c.SegmentStart {
		dst = append(dst, segmentType...)
	}
	track, scale := c.Samples[0].Track, c.scale()
	if !c.Wall.IsZero() {
		dst = appendPrft(dst, trackID(track.Kind()), c.Wall, uint64(media.ToTimescale(c.Samples[0].PTS+c.Offset, scale)))
	}
	tfhdSize, trunSize := 20, boxSize+4+4+4+l.perSample*len(c.Samples)
	tfhd := uint32(tfhdFlags)
	if l.duration >= 0 {
		tfhd |= tfhdDuration
		tfhdSize += 4
	}
	if l.trun&trunFirstFlags != 0 {
		trunSize += 4
	}
	traf := boxSize + tfhdSize + tfdtSize + trunSize
	moof := boxSize + mfhdSize + traf
	if int64(l.payload) > math.MaxInt32-int64(moof)-boxSize {
		return dst, fmt.Errorf("fmp4: chunk of %v: %d bytes are too many", track, l.payload)
	}
	dst = appendBox(dst, moof, "moof")
	dst = appendFull(dst, mfhdSize, "mfhd", 0, 0)
	dst = u32(dst, c.Sequence)
	dst = appendBox(dst, traf, "traf")
	dst = appendFull(dst, tfhdSize, "tfhd", 0, tfhd)
	dst = u32(dst, trackID(track.Kind()))
	if l.duration >= 0 {
		dst = u32(dst, uint32(l.duration))
	}
	dst = u32(dst, l.flags)
	dst = appendFull(dst, tfdtSize, "tfdt", 1, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.base))
	dst = appendFull(dst, trunSize, "trun", 1, l.trun)
	dst = u32(dst, uint32(len(c.Samples)))
	dst = u32(dst, uint32(moof+boxSize))
	if l.trun&trunFirstFlags != 0 {
		dst = u32(dst, sampleFlags(c.Samples[0]))
	}
	dst = c.appendEntries(dst, l, scale)
	return appendBox(dst, boxSize+l.payload, "mdat"), nil
}

func (c *Chunk) scale() int { return Timescale(c.Samples[0].Track) }

func (c *Chunk) ticks(t time.Duration, scale int) int64 {
	return media.ToTimescale(t+c.Offset, scale)
}

// next is the decode time of the sample after sample i, in ticks.
func (c *Chunk) next(i, scale int) int64 {
	if i+1 < len(c.Samples) {
		return c.ticks(c.Samples[i+1].DTS, scale)
	}
	return c.ticks(c.End, scale)
}

func (c *Chunk) layout() (layout, error) {
	if len(c.Samples) == 0 {
		return layout{}, errors.New("fmp4: chunk without samples")
	}
	scale := c.scale()
	first := c.Samples[0]
	l := layout{base: c.ticks(first.DTS, scale), trun: trunDataOffset | trunSize, perSample: 4, flags: sampleFlags(first)}
	l.duration = c.next(0, scale) - l.base
	offsets, flags := false, false
	if n := len(c.Samples); n > 1 {
		l.flags = sampleFlags(c.Samples[n-1])
	}
	dts := l.base
	for i, p := range c.Samples {
		next := c.next(i, scale)
		if dts < 0 || next <= dts || next-dts > math.MaxUint32 || p.PTS < p.DTS {
			return layout{}, fmt.Errorf("fmp4: %v, decode time %v: %w", p.Track, p.DTS, ErrTime)
		}
		if next-dts != l.duration {
			l.duration = -1
		}
		offsets = offsets || p.PTS != p.DTS
		flags = flags || i > 0 && sampleFlags(p) != l.flags
		l.payload += len(p.Data)
		dts = next
	}
	if l.duration < 0 {
		l.trun |= trunDuration
		l.perSample += 4
	}
	if offsets {
		l.trun |= trunCompOffset
		l.perSample += 4
	}
	switch {
	case flags:
		l.trun |= trunFlags
		l.perSample += 4
	case sampleFlags(first) != l.flags:
		l.trun |= trunFirstFlags
	}
	return l, nil
}

func (c *Chunk) appendEntries(dst []byte, l layout, scale int) []byte {
	dts := l.base
	for i, p := range c.Samples {
		next := c.next(i, scale)
		if l.trun&trunDuration != 0 {
			dst = u32(dst, uint32(next-dts))
		}
		dst = u32(dst, uint32(len(p.Data)))
		if l.trun&trunFlags != 0 {
			dst = u32(dst, sampleFlags(p))
		}
		if l.trun&trunCompOffset != 0 {
			dst = u32(dst, uint32(c.ticks(p.PTS, scale)-dts))
		}
		dts = next
	}
	return dst
}

func sampleFlags(p media.Packet) uint32 {
	if p.Key || p.Track.Kind() == media.Audio {
		return flagsSync
	}
	return flagsNonSync
}

// ntpEpoch is 1970-01-01 in NTP seconds.
const ntpEpoch = 2208988800

func appendPrft(dst []byte, track uint32, wall time.Time, ticks uint64) []byte {
	dst = appendFull(dst, 32, "prft", 1, prftTimeCapture)
	dst = u32(dst, track)
	dst = u32(dst, uint32(wall.Unix()+ntpEpoch))
	dst = u32(dst, uint32(uint64(wall.Nanosecond())<<32/uint64(time.Second)))
	return binary.BigEndian.AppendUint64(dst, ticks)
}

func appendBox(dst []byte, size int, name string) []byte {
	return append(u32(dst, uint32(size)), name...)
}

func appendFull(dst []byte, size int, name string, version byte, flags uint32) []byte {
	return u32(appendBox(dst, size, name), uint32(version)<<24|flags)
}

func u32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }
