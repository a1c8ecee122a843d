package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// A record is a box of type uuid: size, "uuid", boxID, kind, body, CRC-32C of
// all before it. Players skip it.
const (
	boxID          = "\xe7\x0d\x1f\x52\x9c\x3b\x4a\x86\xb1\x57\x2e\x60\x8a\xd4\xc3\x19"
	recordHeader   = 4 + 4 + len(boxID) + 1
	recordOverhead = recordHeader + 4
)

// The kinds of record, in the order in which a reel has them.
const (
	recordHead    = iota + 1 // JSON of head; once, behind the moov
	recordChunk              // before every chunk
	recordSegment            // when a segment is complete
	recordMark
	recordIndex   // all segments; once, at the end
	recordSummary // JSON of summary, and its own box's size in the last 4 bytes of the body
)

// Limits of what a reader takes for a record.
const (
	maxRecord = 64 << 20
	maxChunk  = 1 << 30
)

var errRecord = errors.New("not a record")

// beginRecord appends a record without body; endRecord closes it.
func beginRecord(dst []byte, kind byte) (b []byte, at int) {
	at = len(dst)
	dst = append(dst, "\x00\x00\x00\x00uuid"...)
	dst = append(dst, boxID...)
	return append(dst, kind), at
}

func endRecord(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at+4))
	return binary.BigEndian.AppendUint32(dst, checksum(dst[at:]))
}

func appendRecord(dst []byte, kind byte, body []byte) []byte {
	dst, at := beginRecord(dst, kind)
	return endRecord(append(dst, body...), at)
}

// recordSize is the size that a record's header tells.
func recordSize(header []byte) (int, error) {
	if len(header) < recordHeader || string(header[4:8]) != "uuid" || string(header[8:8+len(boxID)]) != boxID {
		return 0, errRecord
	}
	n := int(binary.BigEndian.Uint32(header))
	if n < recordOverhead || n > maxRecord {
		return 0, errRecord
	}
	return n, nil
}

// parseRecord takes a whole record apart.
func parseRecord(b []byte) (kind byte, body []byte, err error) {
	n, err := recordSize(b)
	if err != nil || n != len(b) {
		return 0, nil, errRecord
	}
	if checksum(b[:n-4]) != binary.BigEndian.Uint32(b[n-4:]) {
		return 0, nil, errRecord
	}
	return b[recordHeader-1], b[recordHeader : n-4], nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// encoder appends values to b.
type encoder struct{ b []byte }

func (e *encoder) u(v uint64)         { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) i(v int64)          { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) d(v time.Duration)  { e.i(int64(v)) }
func (e *encoder) s(v string)         { e.u(uint64(len(v))); e.b = append(e.b, v...) }
func (e *encoder) flags(bits ...bool) { e.u(bitsOf(bits)) }
func (e *encoder) t(v time.Time)      { e.i(nanos(v)) }
func (e *encoder) fixed(v uint32)     { e.b = binary.BigEndian.AppendUint32(e.b, v) }
func (d *decoder) d() time.Duration   { return time.Duration(d.i()) }
func (d *decoder) t() time.Time       { return fromNanos(d.i()) }
func (d *decoder) flags() func() bool {
	v := d.u()
	return func() bool { b := v&1 != 0; v >>= 1; return b }
}
func (d *decoder) fail() { d.b, d.bad = nil, true }
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

// decoder takes them off again; bad says that there were not enough.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) u() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) i() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) s() string { return string(d.take(d.u())) }

func (d *decoder) fixed() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func bitsOf(bits []bool) (v uint64) {
	for i, b := range bits {
		if b {
			v |= 1 << i
		}
	}
	return v
}

// nanos is a time for storage; zero stays zero.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
