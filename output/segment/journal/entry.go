package journal

import (
	"encoding/binary"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment"
)

// kinds of track, in the order in which everything here has them.
func kinds() [2]media.Kind { return [2]media.Kind{media.Video, media.Audio} }

// entry is a segment in a reel: what the stream says of it, and where its
// chunks lie.
type entry struct {
	seg *segment.Segment
	// at are the positions of the chunks in the reel, by kind.
	at [media.Audio + 1][]int64
	// partial says that it lacks its end: the power was cut, or storage failed.
	partial bool
}

// set puts a kind's part into a segment.
func set(s *segment.Segment, k media.Kind, m *segment.Media) {
	if k == media.Audio {
		s.Audio = m
	} else {
		s.Video = m
	}
}

// append appends the entry: the body of a segment's record, and its part of
// the index.
func (n *entry) append(e *encoder) {
	s := n.seg
	e.u(s.Sequence)
	e.flags(s.Discontinuity, s.Independent, n.partial)
	e.d(s.TimeOffset)
	e.d(s.Start)
	e.d(s.Duration)
	for _, k := range kinds() {
		m := s.Media(k)
		e.flags(m != nil, m != nil && m.Gap)
		if m == nil {
			continue
		}
		e.s(m.Name)
		e.d(m.Start)
		e.d(m.Duration)
		e.t(m.Wall)
		e.u(uint64(m.Samples))
		e.u(uint64(len(m.Chunks)))
		var last int64
		for i, c := range m.Chunks {
			e.i(n.at[k][i] - last)
			last = n.at[k][i]
			e.u(uint64(c.Bytes))
			e.d(c.Start - m.Start)
			e.d(c.Duration)
			e.flags(c.Independent)
		}
	}
}

// readEntry takes one off again. Content is where the chunks are read from.
func (r *reel) readEntry(d *decoder) *entry {
	s := &segment.Segment{Sequence: d.u(), Run: r.Run}
	n := &entry{seg: s}
	f := d.flags()
	s.Discontinuity, s.Independent, n.partial = f(), f(), f()
	s.TimeOffset, s.Start, s.Duration = d.d(), d.d(), d.d()
	for _, k := range kinds() {
		if f := d.flags(); f() {
			m := &segment.Media{Gap: f(), Init: r.inits[k]}
			m.Name, m.Start, m.Duration, m.Wall = d.s(), d.d(), d.d(), d.t()
			m.Samples = int(d.u())
			n.at[k] = readChunks(d, m)
			set(s, k, m)
		}
	}
	r.attach(n)
	return n
}

func readChunks(d *decoder, m *segment.Media) (at []int64) {
	count := d.u()
	if count > uint64(len(d.b)) { // each takes a byte at least
		d.fail()
		return nil
	}
	var pos int64
	for range count {
		pos += d.i()
		c := segment.Chunk{Offset: m.Bytes, Bytes: int64(d.u())}
		c.Start, c.Duration, c.Independent = m.Start+d.d(), d.d(), d.flags()()
		if c.Bytes < 0 || c.Bytes > maxChunk || pos < 0 {
			d.fail()
			return nil
		}
		m.Chunks = append(m.Chunks, c)
		m.Bytes += c.Bytes
		at = append(at, pos)
	}
	return at
}

// attach gives the parts of a segment the ranges of the reel that they are.
func (r *reel) attach(n *entry) {
	for _, k := range kinds() {
		m := n.seg.Media(k)
		if m == nil || m.Gap || len(m.Chunks) == 0 {
			continue
		}
		spans := make([]span, len(m.Chunks))
		for i, c := range m.Chunks {
			spans[i] = span{n.at[k][i], c.Bytes}
		}
		m.Content = &content{files: r.files, name: r.name, spans: spans}
	}
}

// chunkRecord is what stands before a chunk. From these alone a segment that
// was never closed is put together again.
type chunkRecord struct {
	crc      uint32
	bytes    int64
	sequence uint64
	kind     media.Kind

	// Of the segment, as far as it was known.
	discontinuity, independent bool
	offset                     time.Duration
	// Of the kind's part of it.
	name  string
	start time.Duration
	wall  time.Time

	chunk segment.Chunk
}

// appendChunkRecord leaves the checksums to sealChunk: they are known when the
// chunk, which comes behind it, has been read.
func appendChunkRecord(dst []byte, c *chunkRecord) (b []byte, at int) {
	dst, at = beginRecord(dst, recordChunk)
	e := encoder{dst}
	e.fixed(0)
	e.u(uint64(c.bytes))
	e.u(c.sequence)
	e.u(uint64(c.kind))
	e.flags(c.discontinuity, c.independent, c.chunk.Independent)
	e.d(c.offset)
	e.s(c.name)
	e.d(c.start)
	e.t(c.wall)
	e.d(c.chunk.Start)
	e.d(c.chunk.Duration)
	return endRecord(e.b, at), at
}

func sealChunk(record []byte, crc uint32) {
	binary.BigEndian.PutUint32(record[recordHeader:], crc)
	n := len(record) - 4
	binary.BigEndian.PutUint32(record[n:], checksum(record[:n]))
}

func readChunkRecord(body []byte) (c chunkRecord, ok bool) {
	d := decoder{b: body}
	c.crc = d.fixed()
	c.bytes, c.sequence, c.kind = int64(d.u()), d.u(), media.Kind(d.u())
	f := d.flags()
	c.discontinuity, c.independent, c.chunk.Independent = f(), f(), f()
	c.offset, c.name, c.start, c.wall = d.d(), d.s(), d.d(), d.t()
	c.chunk.Start, c.chunk.Duration = d.d(), d.d()
	c.chunk.Bytes = c.bytes
	return c, !d.bad && c.bytes > 0 && c.bytes <= maxChunk && (c.kind == media.Video || c.kind == media.Audio)
}

// fragment is where a player can begin: a moof of a track and its time.
type fragment struct {
	ticks uint64
	at    int64
}

// find is where a box of that name begins among others, and its size; 0 where
// there is none.
func find(b []byte, name string) (at, size int) {
	for at+8 <= len(b) {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if n < 8 || n > len(b)-at {
			break
		}
		if string(b[at+4:at+8]) == name {
			return at, n
		}
		at += n
	}
	return 0, 0
}

// samplesIn is how many samples a chunk has, by its moof.
func samplesIn(chunk []byte) int {
	for _, name := range []string{"moof", "traf", "trun"} {
		at, n := find(chunk, name)
		if n == 0 {
			return 0
		}
		chunk = chunk[at+8 : at+n]
	}
	if len(chunk) < 8 {
		return 0
	}
	return int(binary.BigEndian.Uint32(chunk[4:]))
}

// appendMfra appends the box by which players seek in a file without reading
// all of it (ISO/IEC 14496-12 §8.8.9).
func appendMfra(dst []byte, fragments [media.Audio + 1][]fragment) []byte {
	begin := len(dst)
	box := func(name string) int {
		dst = append(dst, "\x00\x00\x00\x00"+name...)
		return len(dst) - 8
	}
	end := func(at int) { binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at)) }
	mfra := box("mfra")
	for _, k := range kinds() {
		if len(fragments[k]) == 0 {
			continue
		}
		tfra := box("tfra")
		dst = binary.BigEndian.AppendUint32(dst, 1<<24) // version 1: 64 bit
		dst = binary.BigEndian.AppendUint32(dst, uint32(k))
		dst = binary.BigEndian.AppendUint32(dst, 0) // numbers of a byte each
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(fragments[k])))
		for _, f := range fragments[k] {
			dst = binary.BigEndian.AppendUint64(dst, f.ticks)
			dst = binary.BigEndian.AppendUint64(dst, uint64(f.at))
			dst = append(dst, 1, 1, 1)
		}
		end(tfra)
	}
	mfro := box("mfro")
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(dst)+4-begin))
	end(mfro)
	end(mfra)
	return dst
}

// fragmentOf is a chunk at a position as a place to begin at.
func fragmentOf(t *media.Track, start time.Duration, at int64, chunk []byte) fragment {
	moof, _ := find(chunk, "moof")
	return fragment{uint64(max(0, media.ToTimescale(start, fmp4.Timescale(t)))), at + int64(moof)}
}
