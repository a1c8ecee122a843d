package v4l2

import "unsafe"

// The ioctl numbers, by the rule of asm-generic/ioctl.h, which holds on amd64,
// arm64 and arm: direction, size of the argument, type, number
// (left out where it is 0).
const (
	iocWrite     = 1 << 30
	iocRead      = 2 << 30
	iocReadWrite = iocRead | iocWrite
	iocV         = 'V' << 8
	iocMedia     = '|' << 8
	iocDMABuf    = 'b' << 8
	sizeShift    = 16
)

const (
	vidiocQueryCap           = iocRead | iocV | unsafe.Sizeof(v4l2Capability{})<<sizeShift
	vidiocEnumFmt            = iocReadWrite | iocV | 2 | unsafe.Sizeof(v4l2FmtDesc{})<<sizeShift
	vidiocGFmt               = iocReadWrite | iocV | 4 | unsafe.Sizeof(v4l2Format{})<<sizeShift
	vidiocSFmt               = iocReadWrite | iocV | 5 | unsafe.Sizeof(v4l2Format{})<<sizeShift
	vidiocReqBufs            = iocReadWrite | iocV | 8 | unsafe.Sizeof(v4l2RequestBuffers{})<<sizeShift
	vidiocQueryBuf           = iocReadWrite | iocV | 9 | unsafe.Sizeof(v4l2Buffer{})<<sizeShift
	vidiocQBuf               = iocReadWrite | iocV | 15 | unsafe.Sizeof(v4l2Buffer{})<<sizeShift
	vidiocExpBuf             = iocReadWrite | iocV | 16 | unsafe.Sizeof(v4l2ExportBuffer{})<<sizeShift
	vidiocDQBuf              = iocReadWrite | iocV | 17 | unsafe.Sizeof(v4l2Buffer{})<<sizeShift
	vidiocStreamOn           = iocWrite | iocV | 18 | unsafe.Sizeof(int32(0))<<sizeShift
	vidiocStreamOff          = iocWrite | iocV | 19 | unsafe.Sizeof(int32(0))<<sizeShift
	vidiocGParm              = iocReadWrite | iocV | 21 | unsafe.Sizeof(v4l2StreamParm{})<<sizeShift
	vidiocSParm              = iocReadWrite | iocV | 22 | unsafe.Sizeof(v4l2StreamParm{})<<sizeShift
	vidiocEnumInput          = iocReadWrite | iocV | 26 | unsafe.Sizeof(v4l2Input{})<<sizeShift
	vidiocQueryMenu          = iocReadWrite | iocV | 37 | unsafe.Sizeof(v4l2QueryMenu{})<<sizeShift
	vidiocGInput             = iocRead | iocV | 38 | unsafe.Sizeof(int32(0))<<sizeShift
	vidiocSInput             = iocReadWrite | iocV | 39 | unsafe.Sizeof(int32(0))<<sizeShift
	vidiocGEDID              = iocReadWrite | iocV | 40 | unsafe.Sizeof(v4l2EDID{})<<sizeShift
	vidiocSEDID              = iocReadWrite | iocV | 41 | unsafe.Sizeof(v4l2EDID{})<<sizeShift
	vidiocTryFmt             = iocReadWrite | iocV | 64 | unsafe.Sizeof(v4l2Format{})<<sizeShift
	vidiocGExtCtrls          = iocReadWrite | iocV | 71 | unsafe.Sizeof(v4l2ExtControls{})<<sizeShift
	vidiocSExtCtrls          = iocReadWrite | iocV | 72 | unsafe.Sizeof(v4l2ExtControls{})<<sizeShift
	vidiocEnumFrameSizes     = iocReadWrite | iocV | 74 | unsafe.Sizeof(v4l2FrmSizeEnum{})<<sizeShift
	vidiocEnumFrameIntervals = iocReadWrite | iocV | 75 | unsafe.Sizeof(v4l2FrmIvalEnum{})<<sizeShift
	vidiocEncoderCmd         = iocReadWrite | iocV | 77 | unsafe.Sizeof(v4l2EncoderCmd{})<<sizeShift
	vidiocSDVTimings         = iocReadWrite | iocV | 87 | unsafe.Sizeof(v4l2DVTimings{})<<sizeShift
	vidiocGDVTimings         = iocReadWrite | iocV | 88 | unsafe.Sizeof(v4l2DVTimings{})<<sizeShift
	vidiocDQEvent            = iocRead | iocV | 89 | unsafe.Sizeof(v4l2Event{})<<sizeShift
	vidiocSubscribeEvent     = iocWrite | iocV | 90 | unsafe.Sizeof(v4l2EventSubscription{})<<sizeShift
	vidiocUnsubscribeEvent   = iocWrite | iocV | 91 | unsafe.Sizeof(v4l2EventSubscription{})<<sizeShift
	vidiocGSelection         = iocReadWrite | iocV | 94 | unsafe.Sizeof(v4l2Selection{})<<sizeShift
	vidiocSSelection         = iocReadWrite | iocV | 95 | unsafe.Sizeof(v4l2Selection{})<<sizeShift
	vidiocEnumDVTimings      = iocReadWrite | iocV | 98 | unsafe.Sizeof(v4l2EnumDVTimings{})<<sizeShift
	vidiocQueryDVTimings     = iocRead | iocV | 99 | unsafe.Sizeof(v4l2DVTimings{})<<sizeShift
	vidiocDVTimingsCap       = iocReadWrite | iocV | 100 | unsafe.Sizeof(v4l2DVTimingsCap{})<<sizeShift
	vidiocQueryExtCtrl       = iocReadWrite | iocV | 103 | unsafe.Sizeof(v4l2QueryExtCtrl{})<<sizeShift

	subdevEnumMbusCode  = iocReadWrite | iocV | 2 | unsafe.Sizeof(v4l2SubdevMbusCodeEnum{})<<sizeShift
	subdevGFmt          = iocReadWrite | iocV | 4 | unsafe.Sizeof(v4l2SubdevFormat{})<<sizeShift
	subdevSFmt          = iocReadWrite | iocV | 5 | unsafe.Sizeof(v4l2SubdevFormat{})<<sizeShift
	subdevGInterval     = iocReadWrite | iocV | 21 | unsafe.Sizeof(v4l2SubdevFrameInterval{})<<sizeShift
	subdevSInterval     = iocReadWrite | iocV | 22 | unsafe.Sizeof(v4l2SubdevFrameInterval{})<<sizeShift
	subdevGSelection    = iocReadWrite | iocV | 61 | unsafe.Sizeof(v4l2SubdevSelection{})<<sizeShift
	subdevSSelection    = iocReadWrite | iocV | 62 | unsafe.Sizeof(v4l2SubdevSelection{})<<sizeShift
	subdevEnumFrameSize = iocReadWrite | iocV | 74 | unsafe.Sizeof(v4l2SubdevFrameSizeEnum{})<<sizeShift

	mediaIocDeviceInfo = iocReadWrite | iocMedia | unsafe.Sizeof(mediaDeviceInfo{})<<sizeShift
	mediaIocSetupLink  = iocReadWrite | iocMedia | 3 | unsafe.Sizeof(mediaLinkDesc{})<<sizeShift
	mediaIocGTopology  = iocReadWrite | iocMedia | 4 | unsafe.Sizeof(mediaV2Topology{})<<sizeShift

	dmaBufIoctlSync = iocWrite | iocDMABuf | unsafe.Sizeof(dmaBufSync{})<<sizeShift
)
