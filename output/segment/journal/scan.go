package journal

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/encoderbox/encoderbox/output/segment"
)

// errForeign says that a file is not a reel.
var errForeign = errors.New("not a reel")

// scanner reads a reel that was not closed, up to the last good chunk.
type scanner struct {
	r    *reel
	size int64 // of the file
	in   *bufio.Reader
	pos  int64 // of what is good
	trail
	open *entry // segment whose end has not come yet
	left *rest  // nil where the reel ends with a segment
	buf  []byte
}

// maxMoov bounds what may stand before a reel's own record.
const maxMoov = 1 << 20

// scan reads all of it. An error of the medium is returned; what is torn is not
// one: it ends the scan.
func scan(r *reel, f io.ReaderAt, size int64) (*scanner, error) {
	s := &scanner{r: r, size: size, in: bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<20), trail: trail{sum: sha256.New()}}
	if err := s.head(); err != nil {
		return nil, err
	}
	for {
		more, err := s.next()
		if err != nil {
			return nil, fmt.Errorf("journal: read %s at %d: %w", r.name, s.pos, err)
		}
		if !more {
			break
		}
	}
	if s.open != nil {
		s.left = s.rest()
		s.closeOpen()
	}
	r.bytes = s.pos
	s.in, s.buf = nil, nil
	return s, nil
}

// head reads ftyp, moov and the head's record.
func (s *scanner) head() error {
	for _, name := range []string{"ftyp", "moov", "uuid"} {
		h, err := s.in.Peek(8)
		if err != nil || string(h[4:]) != name {
			return foreign(err)
		}
		n := int64(binary.BigEndian.Uint32(h))
		if n < 8 || n > maxMoov {
			return errForeign
		}
		b, err := s.read(int(n))
		if err != nil {
			return foreign(err)
		}
		s.good()
		if name != "uuid" {
			continue
		}
		kind, body, err := parseRecord(b)
		if err != nil || kind != recordHead {
			return errForeign
		}
		if json.Unmarshal(body, &s.r.head) != nil || s.r.Version != version || s.r.setInits() != nil {
			return errForeign
		}
	}
	return nil
}

// foreign is errForeign, except where the medium is to blame.
func foreign(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errForeign
	}
	return err
}

// read appends the next n bytes to buf, and returns them.
func (s *scanner) read(n int) ([]byte, error) {
	at := len(s.buf)
	if int64(n) > s.size-s.pos-int64(at) {
		return nil, io.ErrUnexpectedEOF // before memory is taken for it
	}
	if cap(s.buf)-at < n {
		s.buf = append(make([]byte, 0, (at+n)*5/4), s.buf...)
	}
	s.buf = s.buf[:at+n]
	if _, err := io.ReadFull(s.in, s.buf[at:]); err != nil {
		s.buf = s.buf[:at]
		return nil, err
	}
	return s.buf[at:], nil
}

// good says that what was read since the last time is.
func (s *scanner) good() {
	s.sum.Write(s.buf)
	s.pos += int64(len(s.buf))
	s.buf = s.buf[:0]
}

// next reads a record and its chunk; false where nothing good is left.
func (s *scanner) next() (bool, error) {
	s.buf = s.buf[:0]
	h, err := s.in.Peek(recordHeader)
	if err != nil {
		return false, medium(err)
	}
	n, err := recordSize(h)
	if err != nil {
		return false, nil //nolint:nilerr // torn
	}
	record, err := s.read(n)
	if err != nil {
		return false, medium(err)
	}
	kind, body, err := parseRecord(record)
	if err != nil {
		return false, nil //nolint:nilerr // torn
	}
	switch kind {
	case recordChunk:
		return s.chunk(body, n)
	case recordSegment:
		d := decoder{b: body}
		entry := s.r.readEntry(&d)
		if d.bad {
			return false, nil
		}
		s.r.add(entry)
		s.open = nil
	case recordMark:
		var m Mark
		if json.Unmarshal(body, &m) == nil {
			s.r.Marks = append(s.r.Marks, m)
		}
	default: // it was being closed
		return false, nil
	}
	s.good()
	return true, nil
}

// medium is nil for the end of the file.
func medium(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func (s *scanner) chunk(body []byte, record int) (bool, error) {
	c, ok := readChunkRecord(body)
	if !ok || s.r.inits[c.kind] == nil {
		return false, nil
	}
	chunk, err := s.read(int(c.bytes))
	if err != nil {
		return false, medium(err)
	}
	if checksum(chunk) != c.crc {
		return false, nil
	}
	at := s.pos + int64(record)
	if c.chunk.Independent {
		s.fragments[c.kind] = append(s.fragments[c.kind],
			fragmentOf(s.r.inits[c.kind].Track, c.chunk.Start+c.offset, at, chunk))
	}
	samples := samplesIn(chunk)
	s.good()
	if s.open != nil && s.open.seg.Sequence != c.sequence {
		s.closeOpen()
	}
	if s.open == nil {
		s.open = &entry{partial: true, seg: &segment.Segment{
			Sequence: c.sequence, Run: s.r.Run, TimeOffset: c.offset, Start: c.start, Discontinuity: c.discontinuity, Independent: c.independent,
		}}
	}
	s.open.take(&c, at, s.r.inits[c.kind], samples)
	return true, nil
}

// take adds a chunk to a segment that is not complete.
func (n *entry) take(c *chunkRecord, at int64, init *segment.Init, samples int) {
	m := n.seg.Media(c.kind)
	if m == nil {
		m = &segment.Media{Name: c.name, Init: init, Start: c.start, Wall: c.wall}
		set(n.seg, c.kind, m)
	}
	chunk := c.chunk
	chunk.Offset = m.Bytes
	m.Chunks = append(m.Chunks, chunk)
	m.Bytes += chunk.Bytes
	m.Duration += chunk.Duration
	m.Samples += samples
	n.at[c.kind] = append(n.at[c.kind], at)
}

// closeOpen makes an entry of a segment whose end never came.
func (s *scanner) closeOpen() {
	s.open.end()
	s.r.attach(s.open)
	s.r.add(s.open)
	s.open = nil
}

// end gives a segment that was cut short the times of what it has.
func (n *entry) end() {
	lead := n.seg.Video
	if lead == nil {
		lead = n.seg.Audio
	}
	n.seg.Start, n.seg.Duration = lead.Start, lead.Duration
}
