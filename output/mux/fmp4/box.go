package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var errShort = errors.New("a box is cut short")

// boxes walks over the boxes in b, one after the other.
type boxes struct {
	b    []byte
	read int // bytes walked over
}

// box is one box: its type, its content behind the header, and where both lie
// in what is walked over.
type box struct {
	name             [4]byte
	body             []byte
	offset, from, to int // header, content, end
}

// next is the next box. ok is false at the end.
func (r *boxes) next() (b box, ok bool, err error) {
	rest := r.b[r.read:]
	if len(rest) == 0 {
		return box{}, false, nil
	}
	if len(rest) < boxSize {
		return box{}, false, fmt.Errorf("%d bytes behind the last box: %w", len(rest), errShort)
	}
	b = box{name: [4]byte(rest[4:8]), offset: r.read}
	size, head := uint64(binary.BigEndian.Uint32(rest)), boxSize
	switch size {
	case 0: // to the end
		size = uint64(len(rest))
	case 1:
		if head = 16; len(rest) < head {
			return box{}, false, fmt.Errorf("%q: %w", string(b.name[:]), errShort)
		}
		size = binary.BigEndian.Uint64(rest[8:])
	}
	if size < uint64(head) || size > uint64(len(rest)) {
		return box{}, false, fmt.Errorf("%q of %d bytes with %d left: %w", string(b.name[:]), size, len(rest), errShort)
	}
	b.body = rest[head:size:size]
	b.from, b.to = r.read+head, r.read+int(size)
	r.read = b.to
	return b, true, nil
}

// find is the content of the first box of a type in b.
func find(b []byte, name string) ([]byte, error) {
	for r := (boxes{b: b}); ; {
		switch x, ok, err := r.next(); {
		case err != nil:
			return nil, err
		case !ok:
			return nil, fmt.Errorf("no %s", name)
		case string(x.name[:]) == name:
			return x.body, nil
		}
	}
}

// fields reads the big-endian fields of a box. What is not there reads as
// zero, and short says so at the end.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) bytes(n uint64) []byte {
	if n > uint64(len(f.b)) {
		f.short, f.b = true, nil
		return nil
	}
	out := f.b[:n:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) u8() uint8 {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) u16() uint16 {
	if b := f.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (f *fields) u32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) u64() uint64 {
	if b := f.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// versioned is the version and the flags of a full box.
func (f *fields) versioned() (version byte, flags uint32) {
	v := f.u32()
	return byte(v >> 24), v & 0xffffff
}

// maxSeconds is the longest time that fits a time.Duration, in whole seconds.
const maxSeconds = math.MaxInt64 / 1_000_000_000
