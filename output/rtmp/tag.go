package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	mathbits "math/bits"
	"slices"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// FLV tag headers, Video File Format Specification 10.1 §E.4.2.1 and §E.4.3.1.
const (
	flvKey, flvInter = 0x17, 0x27 // frame type, codec AVC
	flvAAC           = 0xaf       // AAC; its rate, size and channel bits are fixed
	flvConfig        = 0
	flvFrame         = 1
)

// videoTag is the header of one access unit; offset is PTS − DTS in ms.
func videoTag(dst []byte, key bool, offset int32) []byte {
	frame := byte(flvInter)
	if key {
		frame = flvKey
	}
	return appendUint24(append(dst, frame, flvFrame), uint32(offset))
}

// avcConfig is an AVCDecoderConfigurationRecord, ISO/IEC 14496-15 §5.3.3.1.
func avcConfig(sps []byte, pps ...[]byte) ([]byte, error) {
	var parsed mch264.SPS
	if err := parsed.Unmarshal(sps); err != nil {
		return nil, fmt.Errorf("sequence parameter set: %w", err)
	}
	if len(pps) == 0 {
		return nil, errors.New("no picture parameter set")
	}
	b := []byte{1, sps[1], sps[2], sps[3], 0xfc | 3, 0xe0 | 1}
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(sps))), sps...)
	b = append(b, byte(len(pps)))
	for _, p := range pps {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
	}
	switch parsed.ProfileIdc {
	case 66, 77, 88: // end here
	default:
		b = append(b, 0xfc|byte(parsed.ChromaFormatIdc), 0xf8|byte(parsed.BitDepthLumaMinus8),
			0xf8|byte(parsed.BitDepthChromaMinus8), 0)
	}
	return b, nil
}

// keyConfig is the decoder configuration a key picture needs: the parameter
// sets it brings, and the track's where it brings none that replaces them.
func keyConfig(v *media.VideoParams, key []byte) ([]byte, error) {
	sps, pps := v.SPS, [][]byte{v.PPS}
	for nal := range h264.Units(key) {
		switch h264.Type(nal) {
		case h264.TypeSPS:
			sps = nal
		case h264.TypePPS:
			pps = slices.DeleteFunc(pps, func(old []byte) bool { return ppsID(old) == ppsID(nal) })
			pps = append(pps, nal)
		}
	}
	return avcConfig(sps, pps...)
}

// ppsID is pic_parameter_set_id, the first ue(v) of a picture parameter set, or
// -1. At most 255, it lies within 17 bits, which emulation prevention cannot
// have changed before the second set bit.
func ppsID(pps []byte) int {
	var bits uint32
	for i := range 4 {
		bits <<= 8
		if i+1 < len(pps) {
			bits |= uint32(pps[i+1])
		}
	}
	zeros := mathbits.LeadingZeros32(bits)
	if zeros > 8 {
		return -1
	}
	return int(bits>>(31-2*zeros)) - 1
}

// metadata is what onMetaData says of the tracks. Bit rates are left out: they
// are not known beforehand, and a wrong figure is worse than none.
func metadata(tracks []*media.Track, agent string) amf0.ECMAArray {
	m := amf0.ECMAArray{{Key: "duration", Value: 0.0}}
	add := func(key string, value any) { m = append(m, amf0.ObjectEntry{Key: key, Value: value}) }
	for _, t := range tracks {
		switch {
		case t.Video != nil:
			add("width", float64(t.Video.Width))
			add("height", float64(t.Video.Height))
			if !t.Video.FrameRate.IsZero() {
				add("framerate", t.Video.FrameRate.Float())
			}
			add("videocodecid", 7.0)
		case t.Audio != nil:
			add("audiocodecid", 10.0)
			add("audiosamplerate", float64(t.Audio.SampleRate))
			add("audiosamplesize", 16.0)
			add("audiochannels", float64(t.Audio.Channels))
			add("stereo", t.Audio.Channels == 2)
		}
	}
	if agent != "" {
		add("encoder", agent)
	}
	return m
}
