package h264

import (
	"bytes"
	"math/bits"
)

// bitReader reads an RBSP from bit pos on.
type bitReader struct {
	b   []byte
	pos int
}

// bit returns the next bit, and false behind the end.
func (r *bitReader) bit() (uint32, bool) {
	if r.pos>>3 >= len(r.b) {
		return 0, false
	}
	v := r.b[r.pos>>3] >> (7 - r.pos&7) & 1
	r.pos++
	return uint32(v), true
}

// ue reads an unsigned Exp-Golomb code of at most 32 leading zeros (§9.1).
func (r *bitReader) ue() (uint32, bool) {
	zeros := 0
	for {
		b, ok := r.bit()
		if !ok || zeros > 31 {
			return 0, false
		}
		if b == 1 {
			break
		}
		zeros++
	}
	v := uint32(1)
	for range zeros {
		b, ok := r.bit()
		if !ok {
			return 0, false
		}
		v = v<<1 | b
	}
	return v - 1, true
}

// ueLen is the number of bits of v as an Exp-Golomb code.
func ueLen(v uint32) int { return 2*bits.Len32(v+1) - 1 }

var (
	emulation = []byte{0, 0, 3}
	zeroPair  = []byte{0, 0}
)

// appendRBSP appends a NAL unit's bytes without the emulation prevention bytes.
func appendRBSP(dst, nal []byte) []byte {
	for {
		i := bytes.Index(nal, emulation)
		if i < 0 {
			return append(dst, nal...)
		}
		dst = append(dst, nal[:i+2]...)
		nal = nal[i+3:]
	}
}

// appendNAL appends an RBSP with emulation prevention bytes put in.
func appendNAL(dst, rbsp []byte) []byte {
	for {
		i := bytes.Index(rbsp, zeroPair)
		if i < 0 {
			return append(dst, rbsp...)
		}
		dst = append(dst, rbsp[:i+2]...)
		rbsp = rbsp[i+2:]
		if len(rbsp) == 0 || rbsp[0] <= 3 {
			dst = append(dst, 3)
		}
	}
}
