package h264

import (
	"bytes"
	"iter"

	"github.com/encoderbox/encoderbox/media"
)

var startCode = []byte{0, 0, 1}

// SplitAnnexB yields the NAL units of a byte stream (H.264 Annex B) with
// three- or four-byte start codes, zero bytes behind a unit removed. What
// comes before the first start code is no NAL unit and is left out.
func SplitAnnexB(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := bytes.Index(b, startCode)
		for i >= 0 {
			b = b[i+len(startCode):]
			i = bytes.Index(b, startCode)
			nal := b
			if i >= 0 {
				nal = b[:i]
			}
			if nal = trimZeros(nal); len(nal) > 0 && !yield(nal[:len(nal):len(nal)]) {
				return
			}
		}
	}
}

// trimZeros removes the zero bytes at the end: a NAL unit cannot end in one.
func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// AccessUnit lays the NAL units of one access unit out as media.Packet.Data
// prescribes: delimiters and the parameter sets that equal t's are left out,
// all else is kept, filler data and SEI included. key says that the access
// unit has an IDR slice. A nil t keeps all parameter sets. data is new memory;
// nals is run through once.
func AccessUnit(t *media.VideoParams, nals iter.Seq[[]byte]) (data []byte, key bool) {
	var few [16][]byte
	units, size := few[:0], 0
	for nal := range nals {
		if stays(t, nal) {
			units = append(units, nal)
			size += 4 + len(nal)
			key = key || Type(nal) == TypeIDR
		}
	}
	data = make([]byte, 0, size)
	for _, nal := range units {
		data = AppendUnit(data, nal)
	}
	return data, key
}

// stays says that a NAL unit belongs into media.Packet.Data of track t.
func stays(t *media.VideoParams, nal []byte) bool {
	switch Type(nal) {
	case 0, TypeAUD:
		return false
	case TypeSPS:
		return t == nil || !bytes.Equal(nal, t.SPS)
	case TypePPS:
		return t == nil || !bytes.Equal(nal, t.PPS)
	}
	return true
}

// ParameterSets returns the first SPS and the first PPS in length-prefixed
// data, nil for what it does not bring. Both point into data.
func ParameterSets(data []byte) (sps, pps []byte) {
	for nal := range Units(data) {
		switch t := Type(nal); {
		case t == TypeSPS && sps == nil:
			sps = nal
		case t == TypePPS && pps == nil:
			pps = nal
		}
	}
	return sps, pps
}

// InBand yields the NAL units of a key picture for a format that has the
// parameter sets in band: t's SPS and PPS come first, each unless data brings
// one of the same id itself; all SPS come before t's PPS, which a decoder
// reads in their light. data is length-prefixed.
func InBand(t *media.VideoParams, data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		sps, pps := len(t.SPS) > 0, len(t.PPS) > 0 // still to come from t
		for nal := range Units(data) {
			switch Type(nal) {
			case TypeSPS:
				sps = sps && !sameID(nal, t.SPS, spsIDAt)
			case TypePPS:
				pps = pps && !sameID(nal, t.PPS, ppsIDAt)
			}
		}
		if sps && !yield(t.SPS) {
			return
		}
		for nal := range Units(data) {
			if pps && Type(nal) != TypeSPS {
				pps = false
				if !yield(t.PPS) {
					return
				}
			}
			if !yield(nal) {
				return
			}
		}
		if pps {
			yield(t.PPS)
		}
	}
}

// Where the id stands in a parameter set: bytes of NAL unit before it.
const (
	spsIDAt = 4 // header, profile_idc, constraint flags, level_idc
	ppsIDAt = 1 // header
)

// sameID says that two parameter sets of one type have the same id. One that
// cannot be read has no id, and is the same as none.
func sameID(a, b []byte, at int) bool {
	ida, oka := setID(a, at)
	idb, okb := setID(b, at)
	return oka && okb && ida == idb
}

// setID is the id of a parameter set. An id takes at most 17 bits.
func setID(nal []byte, at int) (id uint32, ok bool) {
	if len(nal) <= at {
		return 0, false
	}
	var head [12]byte
	r := bitReader{b: appendRBSP(head[:0], nal[:min(len(nal), len(head))]), pos: 8 * at}
	id, ok = r.ue()
	return id, ok
}
