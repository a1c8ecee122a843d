package h264

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/encoderbox/encoderbox/media"
)

// Normalizer makes the parameter sets of one encoder's stream constant, so that
// a key picture or a new bit rate is no new configuration to any player: ids
// become 0 in the sets and in the slices that refer to them, and the level the
// one given. The pictures stay as they are. The stream may use one SPS and one
// PPS at a time, as encoders do that raise the ids at every IDR picture.
//
// Slices of CABAC streams pass where their id is 0 already; others are refused,
// since their data is aligned to bytes and cannot be shifted.
type Normalizer struct {
	level uint8

	sps, pps    []byte // last set that came in
	spsID       uint32
	cur         pps
	seen        bool // cur and spsID hold
	outSPS      []byte
	outPPS      []byte
	rbsp, slice []byte // scratch
}

// NewNormalizer returns a Normalizer that writes level (a level_idc, see
// LevelFor) into every SPS.
func NewNormalizer(level uint8) *Normalizer { return &Normalizer{level: level} }

// AccessUnit is SplitAnnexB, Rewrite and the function AccessUnit in one: it
// turns one access unit of the encoder's byte stream into media.Packet.Data,
// which is new memory.
func (n *Normalizer) AccessUnit(t *media.VideoParams, annexB []byte) (data []byte, key bool, err error) {
	const lengths = 32 // room for three-byte start codes that become four-byte lengths
	data = make([]byte, 0, len(annexB)+lengths)
	for nal := range SplitAnnexB(annexB) {
		out, err := n.Rewrite(nal)
		if err != nil {
			return nil, false, err
		}
		if stays(t, out) {
			data = AppendUnit(data, out)
			key = key || Type(out) == TypeIDR
		}
	}
	return data, key, nil
}

// Rewrite returns the normalised form of one NAL unit. It holds until the next
// call; units that need no change are returned themselves.
func (n *Normalizer) Rewrite(nal []byte) ([]byte, error) {
	switch t := Type(nal); t {
	case TypeSPS:
		return n.rewriteSPS(nal)
	case TypePPS:
		return n.rewritePPS(nal)
	case TypeSlice, TypeIDR:
		return n.rewriteSlice(nal)
	case 2, 3, 4, 15, 19, 20, 21:
		return nil, fmt.Errorf("h264: cannot normalise NAL unit type %d (data partition, auxiliary picture or extension)", t)
	}
	return nal, nil
}

func (n *Normalizer) rewriteSPS(nal []byte) ([]byte, error) {
	if n.sps != nil && bytes.Equal(nal, n.sps) {
		return n.outSPS, nil
	}
	s, err := ParseSPS(nal)
	if err != nil {
		return nil, err
	}
	rbsp := appendRBSP(nil, nal)
	if levelFlag(s.Profile) {
		rbsp[2] &^= constraintSet3 // with the level fixed, it says nothing
	}
	rbsp[3] = n.level
	out, err := replaceIDs(rbsp, 8*spsIDAt, 8*spsIDAt+ueLen(uint32(s.ID)), 1)
	if err != nil {
		return nil, fmt.Errorf("h264: rewrite sequence parameter set: %w", err)
	}
	out = appendNAL(nil, out)
	if _, err := ParseSPS(out); err != nil { // it had no stop bit
		return nil, fmt.Errorf("h264: rewrite sequence parameter set: %w", err)
	}
	n.sps, n.outSPS, n.spsID = bytes.Clone(nal), out, uint32(s.ID)
	n.pps, n.seen = nil, false // a PPS counts from its SPS on
	return n.outSPS, nil
}

func (n *Normalizer) rewritePPS(nal []byte) ([]byte, error) {
	if n.pps != nil && bytes.Equal(nal, n.pps) {
		return n.outPPS, nil
	}
	p, err := parsePPS(nal)
	switch {
	case err != nil:
		return nil, err
	case n.sps == nil:
		return nil, errors.New("h264: picture parameter set before any sequence parameter set")
	case p.spsID != n.spsID:
		return nil, fmt.Errorf("h264: picture parameter set %d refers to sequence parameter set %d, but %d was sent last", p.id, p.spsID, n.spsID)
	}
	out, err := replaceIDs(appendRBSP(nil, nal), 8*ppsIDAt, p.rest, 2)
	if err != nil {
		return nil, fmt.Errorf("h264: rewrite picture parameter set: %w", err)
	}
	out = appendNAL(nil, out)
	if _, err := parsePPS(out); err != nil { // it had no stop bit
		return nil, fmt.Errorf("h264: rewrite picture parameter set: %w", err)
	}
	n.pps, n.outPPS, n.cur, n.seen = bytes.Clone(nal), out, p, true
	return n.outPPS, nil
}

// maxSliceStart is the most bytes that the NAL header, first_mb_in_slice,
// slice_type and pic_parameter_set_id take, emulation prevention included.
const maxSliceStart = 16

func (n *Normalizer) rewriteSlice(nal []byte) ([]byte, error) {
	var head [maxSliceStart]byte
	r := bitReader{b: appendRBSP(head[:0], nal[:min(len(nal), maxSliceStart)]), pos: 8}
	_, ok1 := r.ue() // first_mb_in_slice
	_, ok2 := r.ue() // slice_type
	at := r.pos
	id, ok3 := r.ue()
	switch {
	case !ok1 || !ok2 || !ok3:
		return nil, errors.New("h264: slice header is cut short")
	case !n.seen:
		return nil, errors.New("h264: slice before any parameter sets")
	case id != n.cur.id:
		return nil, fmt.Errorf("h264: slice refers to picture parameter set %d, but %d was sent last", id, n.cur.id)
	case id == 0:
		return nal, nil
	case n.cur.cabac:
		return nil, fmt.Errorf("h264: cannot change picture parameter set id %d of a CABAC stream; use an encoder with constant ids or CAVLC", id)
	}
	n.rbsp = appendRBSP(n.rbsp[:0], nal)
	out, err := replaceIDs(n.rbsp, at, r.pos, 1)
	if err != nil {
		return nil, fmt.Errorf("h264: rewrite slice: %w", err)
	}
	n.slice = appendNAL(n.slice[:0], out)
	return n.slice, nil
}

// replaceIDs puts count Exp-Golomb zeros (1 bits) in the place of bits from to
// to of an RBSP and moves the rest up behind them, in place. The stop bit moves
// along; bytes left zero behind it go.
func replaceIDs(rbsp []byte, from, to, count int) ([]byte, error) {
	rbsp = trimZeros(rbsp)
	if to >= 8*len(rbsp) {
		return nil, errors.New("nothing follows the id")
	}
	for i := range count {
		rbsp[(from+i)>>3] |= 0x80 >> ((from + i) & 7)
	}
	out := trimZeros(shiftBits(rbsp, from+count, to))
	if last := 8*len(out) - 1 - bits.TrailingZeros8(out[len(out)-1]); last < from+count {
		return nil, errors.New("no stop bit follows the id")
	}
	return out, nil
}

// shiftBits moves the bits of b from bit src on to bit dst ≤ src, in place,
// zeros after them. It takes words, not bits, and returns b cut to length.
func shiftBits(b []byte, dst, src int) []byte {
	if src == dst {
		return b
	}
	// The destination's byte in part: keep its first bits.
	at, skip := dst>>3, dst&7
	keep := b[at] &^ (0xff >> skip)
	// Output byte i is made of the input from bit 8*i+(src-dst) on.
	from, r := at+(src-dst)>>3, (src-dst)&7
	in := b[from:]
	out := b[at : at+len(in)]
	i := 0
	for ; i+9 <= len(in); i += 8 {
		w := binary.BigEndian.Uint64(in[i:])<<r | uint64(in[i+8])>>(8-r)
		binary.BigEndian.PutUint64(out[i:], w)
	}
	for ; i < len(in); i++ {
		v := in[i] << r
		if i+1 < len(in) {
			v |= in[i+1] >> (8 - r)
		}
		out[i] = v
	}
	out[0] = out[0]&(0xff>>skip) | keep
	return b[:at+len(in)]
}
