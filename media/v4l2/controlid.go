package v4l2

import "fmt"

// ControlID names a control.
type ControlID uint32

const (
	ctrlUser  ControlID = 0x00980900
	ctrlCodec ControlID = 0x00990900
	ctrlDV    ControlID = 0x00a00900
)

// The controls of encoders and capture devices. VBV and CPB sizes are in
// kilobytes, bit rates in bits per second.
const (
	CtrlMinBuffersForCapture = ctrlUser + 39
	CtrlMinBuffersForOutput  = ctrlUser + 40

	CtrlTC358743AudioSamplingRate = ctrlUser + 0x1080
	CtrlTC358743AudioPresent      = ctrlUser + 0x1081

	CtrlBFrames            = ctrlCodec + 202
	CtrlGOPSize            = ctrlCodec + 203 // from IDR to IDR
	CtrlGOPClosure         = ctrlCodec + 204
	CtrlBitrateMode        = ctrlCodec + 206
	CtrlBitrate            = ctrlCodec + 207
	CtrlBitratePeak        = ctrlCodec + 208
	CtrlFrameRCEnable      = ctrlCodec + 215
	CtrlHeaderMode         = ctrlCodec + 216
	CtrlMBRCEnable         = ctrlCodec + 218
	CtrlMultiSliceMode     = ctrlCodec + 221
	CtrlVBVSize            = ctrlCodec + 222
	CtrlRepeatSeqHeader    = ctrlCodec + 226
	CtrlForceKeyFrame      = ctrlCodec + 229 // a button
	CtrlAUDelimiter        = ctrlCodec + 231
	CtrlH264IFrameQP       = ctrlCodec + 350
	CtrlH264PFrameQP       = ctrlCodec + 351
	CtrlH264MinQP          = ctrlCodec + 353
	CtrlH264MaxQP          = ctrlCodec + 354
	CtrlH2648x8Transform   = ctrlCodec + 355
	CtrlH264CPBSize        = ctrlCodec + 356
	CtrlH264EntropyMode    = ctrlCodec + 357
	CtrlH264IPeriod        = ctrlCodec + 358 // between I pictures of an open GOP
	CtrlH264Level          = ctrlCodec + 359
	CtrlH264Profile        = ctrlCodec + 363
	CtrlPrependSPSPPSToIDR = ctrlCodec + 644
	CtrlFrameSkipMode      = ctrlCodec + 646

	CtrlRXPowerPresent = ctrlDV + 100 // a bit a pad: a source is plugged in
	CtrlRXRGBRange     = ctrlDV + 101
)

// Values of CtrlBitrateMode.
const (
	BitrateVBR = 0
	BitrateCBR = 1
	BitrateCQ  = 2
)

// Values of CtrlHeaderMode.
const (
	HeaderSeparate = 0 // parameter sets in a buffer of their own
	HeaderJoined   = 1 // in front of the first picture
)

// Values of CtrlH264EntropyMode.
const (
	EntropyCAVLC = 0
	EntropyCABAC = 1
)

// Values of CtrlH264Profile.
const (
	ProfileBaseline            = 0
	ProfileConstrainedBaseline = 1
	ProfileMain                = 2
	ProfileHigh                = 4
)

// levelIDCs are the level_idc of the values of CtrlH264Level, in their order;
// the second is level 1b, which constraint_set3_flag marks in most profiles.
const levelIDCs = "\x0a\x09\x0b\x0c\x0d\x14\x15\x16\x1e\x1f\x20\x28\x29\x2a\x32\x33\x34\x3c\x3d\x3e"

// H264LevelValue is the value of CtrlH264Level for a level_idc (40 is level 4).
func H264LevelValue(levelIDC int) (int64, bool) {
	for i := range len(levelIDCs) {
		if int(levelIDCs[i]) == levelIDC {
			return int64(i), true
		}
	}
	return 0, false
}

// H264LevelIDC is the level_idc of a value of CtrlH264Level.
func H264LevelIDC(value int64) (int, bool) {
	if value < 0 || value >= int64(len(levelIDCs)) {
		return 0, false
	}
	return int(levelIDCs[value]), true
}

// class is the class of controls it belongs to, by which older drivers want it
// set.
func (id ControlID) class() uint32 { return uint32(id) & 0x0fff0000 }

func (id ControlID) String() string {
	switch id {
	case CtrlBFrames:
		return "B_FRAMES"
	case CtrlGOPSize:
		return "GOP_SIZE"
	case CtrlBitrateMode:
		return "BITRATE_MODE"
	case CtrlBitrate:
		return "BITRATE"
	case CtrlBitratePeak:
		return "BITRATE_PEAK"
	case CtrlFrameRCEnable:
		return "FRAME_RC_ENABLE"
	case CtrlHeaderMode:
		return "HEADER_MODE"
	case CtrlVBVSize:
		return "VBV_SIZE"
	case CtrlRepeatSeqHeader:
		return "REPEAT_SEQ_HEADER"
	case CtrlForceKeyFrame:
		return "FORCE_KEY_FRAME"
	case CtrlH264MinQP:
		return "H264_MIN_QP"
	case CtrlH264MaxQP:
		return "H264_MAX_QP"
	case CtrlH264CPBSize:
		return "H264_CPB_SIZE"
	case CtrlH264EntropyMode:
		return "H264_ENTROPY_MODE"
	case CtrlH264IPeriod:
		return "H264_I_PERIOD"
	case CtrlH264Level:
		return "H264_LEVEL"
	case CtrlH264Profile:
		return "H264_PROFILE"
	case CtrlPrependSPSPPSToIDR:
		return "PREPEND_SPSPPS_TO_IDR"
	case CtrlRXPowerPresent:
		return "DV_RX_POWER_PRESENT"
	}
	return fmt.Sprintf("%#08x", uint32(id))
}
