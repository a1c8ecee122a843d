package forward

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
)

// cursor is how far a destination has been served. All numbers below begin are
// none of its business; those in done are there, or given up.
type cursor struct {
	target          uint64 // which destination this is of: another URL begins anew
	started         bool   // begin and next are known
	begin           uint64
	next            uint64 // of live: those before it are done, or backlog
	done            ranges
	listing         bool     // there is a live playlist on the origin
	listed          uint64   // its first segment
	discontinuities uint64   // that have left it
	current         bool     // nothing was waiting
	run             string   // of what live sent last
	names           []string // on the origin, to be deleted when they are no longer listed
}

// ack notes that a number needs no more work.
func (c *cursor) ack(s span) { c.done = c.done.add(s) }

// pending is the oldest hole up to last.
func (c *cursor) pending(last uint64) (span, bool) {
	if !c.started {
		return span{}, false
	}
	return c.done.missing(c.begin, last)
}

// Bounds of what is persisted: a damaged length must not take all memory.
const (
	maxNames  = 256
	maxName   = 255
	maxCursor = 256 << 10
)

const magic = "EBCURSR1"

var errDamaged = errors.New("damaged")

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// marshal is the cursor as it is persisted: magic, numbers as varints, and a
// CRC-32C of all before it.
func (c *cursor) marshal() []byte {
	b := []byte(magic)
	b = binary.BigEndian.AppendUint64(b, c.target)
	flags := byte(0)
	for i, on := range []bool{c.current, c.started, c.listing} {
		if on {
			flags |= 1 << i
		}
	}
	b = append(b, flags)
	for _, n := range []uint64{c.begin, c.next, c.listed, c.discontinuities, uint64(len(c.done))} {
		b = binary.AppendUvarint(b, n)
	}
	at := uint64(0)
	for _, s := range c.done {
		b = binary.AppendUvarint(b, s.first-at)
		b = binary.AppendUvarint(b, s.last-s.first)
		at = s.last
	}
	b = binary.AppendUvarint(b, uint64(len(c.run)))
	b = append(b, c.run...)
	names := c.names[max(0, len(c.names)-maxNames):]
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, n := range names {
		b = binary.AppendUvarint(b, uint64(len(n)))
		b = append(b, n...)
	}
	return seal(b)
}

func seal(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

// unmarshalCursor reads what marshal wrote, and nothing else.
func unmarshalCursor(b []byte) (*cursor, error) {
	const head = len(magic) + 9
	if len(b) < head+4 || len(b) > maxCursor || string(b[:len(magic)]) != magic {
		return nil, errDamaged
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if checksum(body) != sum {
		return nil, errDamaged
	}
	flags := body[head-1]
	c := &cursor{
		target:  binary.BigEndian.Uint64(body[len(magic):]),
		current: flags&1 != 0, started: flags&2 != 0, listing: flags&4 != 0,
	}
	r := varints{body[head:], true}
	c.begin, c.next, c.listed, c.discontinuities = r.next(), r.next(), r.next(), r.next()
	c.done = r.spans()
	c.run = r.text()
	n := r.next()
	for range min(n, maxNames+1) {
		c.names = append(c.names, r.text())
	}
	if !r.ok || n > maxNames || len(r.b) != 0 || slices.Contains(c.names, "") {
		return nil, errDamaged
	}
	if !c.started && len(c.done) > 0 || c.next < c.begin || flags > 7 {
		return nil, errDamaged
	}
	return c, nil
}

// varints reads numbers off a buffer; ok turns false at the first bad one.
type varints struct {
	b  []byte
	ok bool
}

func (v *varints) next() uint64 {
	n, size := binary.Uvarint(v.b)
	if size <= 0 {
		v.ok, v.b = false, nil
		return 0
	}
	v.b = v.b[size:]
	return n
}

// spans are in order, and do not touch.
func (v *varints) spans() (all ranges) {
	n, at := v.next(), uint64(0)
	v.ok = v.ok && n <= maxSpans+1
	for i := uint64(0); v.ok && i < n; i++ {
		first := at + v.next()
		last := first + v.next()
		v.ok = v.ok && first >= at && last >= first && (i == 0 || first > at+1)
		all = append(all, span{first, last})
		at = last
	}
	return all
}

func (v *varints) text() string {
	n := v.next()
	if n > maxName || n > uint64(len(v.b)) {
		v.ok, v.b = false, nil
		return ""
	}
	s := string(v.b[:n])
	v.b = v.b[n:]
	return s
}
