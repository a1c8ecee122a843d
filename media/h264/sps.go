package h264

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/encoderbox/encoderbox/media"
)

// SPS is what the product needs of a sequence parameter set.
type SPS struct {
	ID            int
	Profile       uint8 // profile_idc
	Constraints   uint8 // constraint_set0_flag is the highest bit
	Level         uint8 // level_idc: ten times the level
	Width, Height int   // luma samples shown, after cropping
	FrameRate     media.Rational
	Color         media.Color
	ChromaFormat  uint8 // chroma_format_idc: 1 is 4:2:0
	BitDepth      uint8 // of luma
	Interlaced    bool  // may have fields
	// Reorder is the number of pictures that may come before one in decoding
	// order and after it in output order: 0 means DTS equals PTS.
	Reorder int
}

// maxSide is the longest side level 6.2 allows, in luma samples (§A.3.1:
// √(8 × MaxFS) macroblocks).
const maxSide = 1055 * 16

// ParseSPS reads a sequence parameter set NAL unit.
func ParseSPS(sps []byte) (SPS, error) {
	var p mch264.SPS
	if Type(sps) != TypeSPS {
		return SPS{}, fmt.Errorf("h264: NAL unit of type %d is no sequence parameter set", Type(sps))
	}
	if err := p.Unmarshal(sps); err != nil {
		return SPS{}, fmt.Errorf("h264: parse sequence parameter set: %w", err)
	}
	switch {
	case p.ID > 31:
		return SPS{}, fmt.Errorf("h264: seq_parameter_set_id %d is over 31", p.ID)
	case p.ChromaFormatIdc > 3:
		return SPS{}, fmt.Errorf("h264: chroma_format_idc %d is over 3", p.ChromaFormatIdc)
	case p.BitDepthLumaMinus8 > 6 || p.BitDepthChromaMinus8 > 6:
		return SPS{}, errors.New("h264: bit depth is over 14")
	}
	w, h, err := pictureSize(&p)
	if err != nil {
		return SPS{}, err
	}
	return SPS{
		ID:      int(p.ID),
		Profile: sps[1], Constraints: sps[2], Level: sps[3],
		Width: w, Height: h,
		FrameRate:    frameRate(p.VUI),
		Color:        color(p.VUI),
		ChromaFormat: uint8(p.ChromaFormatIdc),
		BitDepth:     uint8(p.BitDepthLumaMinus8) + 8,
		Interlaced:   !p.FrameMbsOnlyFlag,
		Reorder:      reorder(&p),
	}, nil
}

// pictureSize applies the cropping (§7.4.2.1.1). It counts in 64 bits: the
// fields reach 2³²−1 in a damaged stream.
func pictureSize(p *mch264.SPS) (w, h int, err error) {
	fields := int64(1) // of a map unit row
	if !p.FrameMbsOnlyFlag {
		fields = 2
	}
	cropX, cropY := int64(1), fields
	if !p.SeparateColourPlaneFlag {
		if p.ChromaFormatIdc == 1 || p.ChromaFormatIdc == 2 {
			cropX = 2
		}
		if p.ChromaFormatIdc == 1 {
			cropY *= 2
		}
	}
	w64 := (int64(p.PicWidthInMbsMinus1) + 1) * 16
	h64 := (int64(p.PicHeightInMapUnitsMinus1) + 1) * 16 * fields
	if w64 > maxSide || h64 > maxSide {
		return 0, 0, fmt.Errorf("h264: picture of %dx%d is larger than any level allows", w64, h64)
	}
	if c := p.FrameCropping; c != nil {
		w64 -= cropX * (int64(c.LeftOffset) + int64(c.RightOffset))
		h64 -= cropY * (int64(c.TopOffset) + int64(c.BottomOffset))
	}
	if w64 <= 0 || h64 <= 0 {
		return 0, 0, errors.New("h264: cropping leaves nothing of the picture")
	}
	return int(w64), int(h64), nil
}

// maxRate is a rate no camera of this trade has: timing fields that claim more
// (some encoders write a 90 kHz tick there) do not say the frame rate.
const maxRate = 1000

// frameRate is the nominal rate of the VUI, zero where it says none: a frame
// lasts two ticks (§E.2.1).
func frameRate(v *mch264.SPS_VUI) media.Rational {
	if v == nil || v.TimingInfo == nil {
		return media.Rational{}
	}
	num, den := uint64(v.TimingInfo.TimeScale), 2*uint64(v.TimingInfo.NumUnitsInTick)
	if num == 0 || den == 0 || num > maxRate*den {
		return media.Rational{}
	}
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	num, den = num/a, den/a
	if num > math.MaxInt32 || den > math.MaxInt32 {
		return media.Rational{}
	}
	return media.Rational{Num: int(num), Den: int(den)}
}

// color maps the VUI to media.Color, whose zero is code point 2, unspecified.
func color(v *mch264.SPS_VUI) media.Color {
	if v == nil || !v.VideoSignalTypePresentFlag {
		return media.Color{}
	}
	c := media.Color{FullRange: v.VideoFullRangeFlag}
	if v.ColourDescriptionPresentFlag {
		c.Primaries = codePoint(v.ColourPrimaries)
		c.Transfer = codePoint(v.TransferCharacteristics)
		c.Matrix = codePoint(v.MatrixCoefficients)
	}
	return c
}

func codePoint(v uint8) uint8 {
	if v == 2 {
		return 0
	}
	return v
}

// reorder is max_num_reorder_frames, or what §E.2.1 says to take without it.
func reorder(p *mch264.SPS) int {
	dpb := dpbFrames(p)
	if p.VUI != nil && p.VUI.BitstreamRestriction != nil {
		return min(int(min(p.VUI.BitstreamRestriction.MaxNumReorderFrames, 16)), dpb)
	}
	if p.ProfileIdc == 66 || p.PicOrderCntType == 2 { // no B pictures; output order is decoding order
		return 0
	}
	switch p.ProfileIdc {
	case 44, 86, 100, 110, 122, 244:
		if p.ConstraintSet3Flag { // intra only
			return 0
		}
	}
	return dpb
}

// dpbFrames is MaxDpbFrames (§A.3.1 h).
func dpbFrames(p *mch264.SPS) int {
	maxMbs := levels[len(levels)-1].dpbMbs
	for _, l := range levels {
		if l.idc >= p.LevelIdc {
			maxMbs = l.dpbMbs
			break
		}
	}
	fields := int64(1)
	if !p.FrameMbsOnlyFlag {
		fields = 2
	}
	mbs := (int64(p.PicWidthInMbsMinus1) + 1) * (int64(p.PicHeightInMapUnitsMinus1) + 1) * fields
	return int(min(int64(maxMbs)/mbs, 16))
}

// TrackFrom makes a track of its parameter sets, which it copies.
func TrackFrom(sps, pps []byte) (*media.Track, error) {
	s, err := ParseSPS(sps)
	if err != nil {
		return nil, err
	}
	p, err := parsePPS(pps)
	if err != nil {
		return nil, err
	}
	if int(p.spsID) != s.ID {
		return nil, fmt.Errorf("h264: picture parameter set %d refers to sequence parameter set %d, but %d was sent", p.id, p.spsID, s.ID)
	}
	return &media.Track{Codec: media.H264, Video: &media.VideoParams{
		Width: s.Width, Height: s.Height,
		FrameRate: s.FrameRate,
		Color:     s.Color,
		SPS:       bytes.Clone(sps),
		PPS:       bytes.Clone(pps),
	}}, nil
}

// SameTrack says that a stream whose SPS is now sps is still the track old: same
// profile with its constraints, sample format, size and colour. Ids, level,
// frame rate and reference counts may differ. An unreadable SPS is no track.
func SameTrack(old *media.VideoParams, sps []byte) bool {
	if bytes.Equal(old.SPS, sps) {
		return true
	}
	a, errA := ParseSPS(old.SPS)
	b, errB := ParseSPS(sps)
	return errA == nil && errB == nil &&
		a.Profile == b.Profile && profileFlags(a) == profileFlags(b) &&
		a.ChromaFormat == b.ChromaFormat && a.BitDepth == b.BitDepth &&
		a.Width == b.Width && a.Height == b.Height &&
		a.Color == b.Color && a.Interlaced == b.Interlaced
}

// profileFlags are the constraint flags that narrow the profile. In the three
// oldest profiles constraint_set3_flag tells level 1b from 1.1 instead.
func profileFlags(s SPS) uint8 {
	if levelFlag(s.Profile) {
		return s.Constraints &^ constraintSet3
	}
	return s.Constraints
}

const constraintSet3 = 0x10

func levelFlag(profile uint8) bool { return profile == 66 || profile == 77 || profile == 88 }

// CodecString is the codecs parameter of RFC 6381 §3.3, such as "avc1.42c01f";
// "avc1" alone when sps is too short to say more.
func CodecString(sps []byte) string {
	if len(sps) < 4 {
		return "avc1"
	}
	return fmt.Sprintf("avc1.%02x%02x%02x", sps[1], sps[2], sps[3])
}

// pps is the start of a picture parameter set.
type pps struct {
	id, spsID uint32
	cabac     bool // entropy_coding_mode_flag
	rest      int  // bit of the RBSP behind the two ids
}

// parsePPS reads the start of a picture parameter set NAL unit.
func parsePPS(nal []byte) (pps, error) {
	if Type(nal) != TypePPS {
		return pps{}, fmt.Errorf("h264: NAL unit of type %d is no picture parameter set", Type(nal))
	}
	var head [16]byte
	r := bitReader{b: appendRBSP(head[:0], nal[:min(len(nal), len(head))]), pos: 8 * ppsIDAt}
	id, ok1 := r.ue()
	spsID, ok2 := r.ue()
	rest := r.pos
	cabac, ok3 := r.bit()
	if !ok1 || !ok2 || !ok3 {
		return pps{}, errors.New("h264: picture parameter set is cut short")
	}
	if id > 255 || spsID > 31 {
		return pps{}, fmt.Errorf("h264: picture parameter set has id %d (at most 255) for sequence parameter set %d (at most 31)", id, spsID)
	}
	return pps{id: id, spsID: spsID, cabac: cabac == 1, rest: rest}, nil
}
