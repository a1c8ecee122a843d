// Package h264 reads and rewrites H.264 byte streams: NAL units, parameter
// sets, and the layout that media.Packet prescribes. It keeps no state and
// does no I/O.
package h264

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// NAL unit types, ITU-T H.264 table 7-1.
const (
	TypeSlice  = 1
	TypeIDR    = 5
	TypeSEI    = 6
	TypeSPS    = 7
	TypePPS    = 8
	TypeAUD    = 9
	TypeEOSeq  = 10
	TypeEOS    = 11
	TypeFiller = 12
)

// Type is the nal_unit_type of a NAL unit, 0 for an empty one.
func Type(nal []byte) int {
	if len(nal) == 0 {
		return 0
	}
	return int(nal[0] & 0x1f)
}

// ErrTruncated says that a length prefix reaches past the end of the data.
var ErrTruncated = errors.New("NAL unit length reaches past the end of the access unit")

// Units yields the NAL units of length-prefixed data (media.Packet.Data). It
// ends at the first prefix that reaches past the end; Valid tells beforehand.
func Units(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) >= 4 {
			n := binary.BigEndian.Uint32(data)
			if uint64(n) > uint64(len(data)-4) {
				return
			}
			if n > 0 && !yield(data[4:4+n:4+n]) {
				return
			}
			data = data[4+n:]
		}
	}
}

// Valid checks that data is whole length-prefixed NAL units.
func Valid(data []byte) error {
	for len(data) > 0 {
		if len(data) < 4 {
			return ErrTruncated
		}
		n := binary.BigEndian.Uint32(data)
		if uint64(n) > uint64(len(data)-4) {
			return fmt.Errorf("%w: %d of %d bytes", ErrTruncated, n, len(data)-4)
		}
		data = data[4+n:]
	}
	return nil
}

// AppendUnit appends one NAL unit behind its length.
func AppendUnit(dst, nal []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
	return append(dst, nal...)
}

// AppendAnnexB appends length-prefixed data as a byte stream with four-byte
// start codes (H.264 Annex B).
func AppendAnnexB(dst, data []byte) []byte {
	for nal := range Units(data) {
		dst = append(dst, 0, 0, 0, 1)
		dst = append(dst, nal...)
	}
	return dst
}
