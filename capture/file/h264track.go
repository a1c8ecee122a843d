package file

import (
	"bytes"
	"encoding/binary"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// normalize brings length-prefixed NAL units into the form media.Packet asks
// for, as h264.AccessUnit does, but within data itself: a file's access unit
// is read once, into the memory that the packet keeps.
func normalize(v *media.VideoParams, data []byte) (out []byte, key bool) {
	to := 0
	for at := 0; at+4 <= len(data); {
		n := 4 + int(binary.BigEndian.Uint32(data[at:]))
		nal := data[at+4 : at+n]
		at += n
		switch h264.Type(nal) {
		case 0, h264.TypeAUD:
			continue
		case h264.TypeSPS:
			if bytes.Equal(nal, v.SPS) {
				continue
			}
		case h264.TypePPS:
			if bytes.Equal(nal, v.PPS) {
				continue
			}
		case h264.TypeIDR:
			key = true
		}
		if to != at-n {
			copy(data[to:], data[at-n:at])
		}
		to += n
	}
	return data[:to], key
}

// maxTracks bounds the formats one file may change between.
const maxTracks = 64

// assignTrack sets the track that holds for u: first, unless u or a key picture
// before it brought a parameter set of another size, profile or colour. known
// keeps what was made, so that every loop has the same pointers.
func assignTrack(known map[string]*media.Track, first *media.Track, u *unit) {
	const current = "" // the key of the track that holds at present
	if u.key {
		known[current] = first
		sps, pps := h264.ParameterSets(u.data)
		if pps == nil {
			pps = first.Video.PPS // left out because it is the same
		}
		if sps != nil && !h264.SameTrack(first.Video, sps) {
			known[current] = otherTrack(known, first, sps, pps)
		}
	}
	u.track = first
	if t := known[current]; t != nil && t != first {
		u.track = t
		u.data, _ = normalize(t.Video, u.data)
	}
}

// otherTrack is the track of the given parameter sets; first when they are of
// no use.
func otherTrack(known map[string]*media.Track, first *media.Track, sps, pps []byte) *media.Track {
	id := string(sps) + string(pps)
	if known[id] == nil && len(known) < maxTracks {
		if made, err := h264.TrackFrom(sps, pps); err == nil {
			known[id] = made
		}
	}
	if t := known[id]; t != nil {
		return t
	}
	return first
}
