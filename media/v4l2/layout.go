package v4l2

// The kernel's structures (linux/videodev2.h, v4l2-common.h, v4l2-subdev.h,
// v4l2-mediabus.h, media.h, dma-buf.h), with every padding spelled out: Go
// aligns 64-bit integers to 4 bytes on arm, C to 8. testdata/layout-*.txt, made
// by C compilers, holds what sizes, offsets and ioctl numbers must be.
//
// A pointer in a structure is a typed Go pointer, so that it keeps what it
// points to alive, and always to the heap, which does not move. Where C has a
// union of a pointer and numbers, there is a Go structure for each use.

const maxPlanes = 8 // VIDEO_MAX_PLANES: what the kernel may write

type v4l2Capability struct {
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	version      uint32
	capabilities uint32
	deviceCaps   uint32
	reserved     [3]uint32
}

type v4l2FmtDesc struct {
	index, typ, flags uint32
	description       [32]byte
	pixelFormat       uint32
	mbusCode          uint32
	reserved          [3]uint32
}

type v4l2FrmSizeEnum struct {
	index, pixelFormat, typ uint32
	// discrete: width, height; else min, max, step of width, then of height
	size     [6]uint32
	reserved [2]uint32
}

type v4l2Fract struct{ numerator, denominator uint32 }

type v4l2FrmIvalEnum struct {
	index, pixelFormat, width, height, typ uint32
	// discrete: the first; else min, max, step
	interval [3]v4l2Fract
	reserved [2]uint32
}

type v4l2PixFormat struct {
	width, height, pixelFormat, field   uint32
	bytesPerLine, sizeImage, colorspace uint32
	priv, flags, ycbcrEnc, quantization uint32
	xferFunc                            uint32
}

type v4l2PlanePixFormat struct {
	sizeImage, bytesPerLine uint32
	reserved                [6]uint16
}

type v4l2PixFormatMplane struct {
	width, height, pixelFormat, field, colorspace uint32

	planeFmt                                           [maxPlanes]v4l2PlanePixFormat
	numPlanes, flags, ycbcrEnc, quantization, xferFunc uint8
	reserved                                           [7]uint8
}

// wordAligned gives what follows it the alignment of a C unsigned long, as a
// pointer in one arm of a C union does.
type wordAligned [0]uintptr

type v4l2Format struct {
	typ uint32
	_   wordAligned
	pix v4l2PixFormat
	_   [200 - 48]byte
}

type v4l2FormatMplane struct {
	typ uint32
	_   wordAligned
	pix v4l2PixFormatMplane
	_   [200 - 192]byte
}

type v4l2StreamParm struct {
	typ              uint32
	capability, mode uint32
	timePerFrame     v4l2Fract
	extended         uint32
	buffers          uint32
	_                [200 - 24]byte
}

type v4l2RequestBuffers struct {
	count, typ, memory, capabilities uint32
	flags                            uint8
	reserved                         [3]uint8
}

type v4l2Timecode struct {
	typ, flags                      uint32
	frames, seconds, minutes, hours uint8
	userbits                        [4]uint8
}

// v4l2Timeval is the kernel's 64-bit timeval, in use on all architectures.
type v4l2Timeval struct{ sec, usec int64 }

// v4l2BufferHead is what v4l2_buffer begins with, before the union m.
type v4l2BufferHead struct {
	index, typ, bytesUsed, flags, field uint32
	_                                   uint32
	timestamp                           v4l2Timeval
	timecode                            v4l2Timecode
	sequence, memory                    uint32
}

// v4l2Buffer is a v4l2_buffer of a single-planar queue.
type v4l2Buffer struct {
	v4l2BufferHead
	m         uintptr // an offset, or a descriptor; as wide as unsigned long
	length    uint32
	reserved2 uint32
	requestFD int32
}

// v4l2BufferMplane is a v4l2_buffer of a multi-planar queue.
type v4l2BufferMplane struct {
	v4l2BufferHead
	planes    *[maxPlanes]v4l2Plane
	length    uint32
	reserved2 uint32
	requestFD int32
}

type v4l2Plane struct {
	bytesUsed, length uint32
	m                 uintptr // an offset, or a descriptor; as wide as unsigned long
	dataOffset        uint32
	_                 [11]uint32
}

type v4l2ExportBuffer struct {
	typ, index, plane, flags uint32
	fd                       int32
	_                        [11]uint32
}

type v4l2Rect struct {
	left, top     int32
	width, height uint32
}

type v4l2Selection struct {
	typ, target, flags uint32
	r                  v4l2Rect
	reserved           [9]uint32
}

type v4l2Input struct {
	index                uint32
	name                 [32]byte
	typ, audioset, tuner uint32
	std                  uint64
	status, capabilities uint32
	reserved             [3]uint32
	_                    uint32
}

type v4l2BTTimings struct {
	width, height, interlaced, polarities uint32
	pixelClockLow, pixelClockHigh         uint32 // one u64, not aligned
	hFront, hSync, hBack                  uint32
	vFront, vSync, vBack                  uint32
	ilVFront, ilVSync, ilVBack            uint32
	standards, flags                      uint32
	pictureAspect                         v4l2Fract
	cea861VIC, hdmiVIC                    uint8
	reserved                              [46]uint8
}

type v4l2DVTimings struct {
	typ uint32
	bt  v4l2BTTimings
	_   [128 - 124]byte
}

type v4l2EnumDVTimings struct {
	index, pad uint32
	reserved   [2]uint32
	timings    v4l2DVTimings
}

type v4l2DVTimingsCap struct {
	typ, pad                            uint32
	reserved                            [2]uint32
	minWidth, maxWidth                  uint32
	minHeight, maxHeight                uint32
	minPixelClockLow, minPixelClockHigh uint32 // one u64
	maxPixelClockLow, maxPixelClockHigh uint32 // one u64
	standards, capabilities             uint32
	_                                   [128 - 40]byte
}

type v4l2EDID struct {
	pad, startBlock, blocks uint32
	reserved                [5]uint32
	edid                    *byte
}

type v4l2ExtControl struct {
	id    uint32
	_     [2]uint32 // the size of compound values; reserved
	value [2]uint32 // an s32 in the first, or one s64, not aligned
}

type v4l2ExtControls struct {
	which, count, errorIdx uint32
	requestFD              int32
	reserved               uint32
	controls               *v4l2ExtControl
}

type v4l2QueryExtCtrl struct {
	id, typ          uint32
	name             [32]byte
	minimum, maximum int64
	step             uint64
	defaultValue     int64
	flags, elemSize  uint32
	elems, nrOfDims  uint32
	dims             [4]uint32
	reserved         [32]uint32
}

type v4l2QueryMenu struct {
	id, index uint32
	name      [32]byte // or an s64
	reserved  uint32
}

type v4l2Event struct {
	typ               uint32
	_                 uint32
	u                 [64]byte
	pending, sequence uint32
	sec, nsec         int64
	id                uint32
	reserved          [8]uint32
	_                 uint32
}

type v4l2EventSubscription struct {
	typ, id, flags uint32
	reserved       [5]uint32
}

type v4l2EncoderCmd struct {
	cmd, flags uint32
	raw        [8]uint32
}

type v4l2MbusFrameFmt struct {
	width, height, code, field, colorspace  uint32
	ycbcrEnc, quantization, xferFunc, flags uint16
	reserved                                [10]uint16
}

type v4l2SubdevFormat struct {
	which, pad uint32
	format     v4l2MbusFrameFmt
	reserved   [8]uint32
}

type v4l2SubdevMbusCodeEnum struct {
	pad, index, code, which, flags uint32
	reserved                       [7]uint32
}

type v4l2SubdevFrameSizeEnum struct {
	index, pad, code                         uint32
	minWidth, maxWidth, minHeight, maxHeight uint32
	which                                    uint32
	reserved                                 [8]uint32
}

type v4l2SubdevFrameInterval struct {
	pad      uint32
	interval v4l2Fract
	reserved [9]uint32
}

type v4l2SubdevSelection struct {
	which, pad, target, flags uint32
	r                         v4l2Rect
	reserved                  [8]uint32
}

type mediaDeviceInfo struct {
	driver                                  [16]byte
	model                                   [32]byte
	serial                                  [40]byte
	busInfo                                 [32]byte
	mediaVersion, hwRevision, driverVersion uint32
	reserved                                [31]uint32
}

type mediaV2Entity struct {
	id              uint32
	name            [64]byte
	function, flags uint32
	_               [5]uint32
}

type mediaV2Interface struct {
	id, typ      uint32
	_            [10]uint32 // flags, none are defined; reserved
	major, minor uint32
	_            [14]uint32
}

type mediaV2Pad struct {
	id, entity, flags, index uint32
	_                        [4]uint32
}

type mediaV2Link struct {
	id, source, sink, flags uint32
	_                       [6]uint32
}

type mediaV2Topology struct {
	version uint64

	numEntities, reserved1   uint32
	entities                 userPtr[mediaV2Entity]
	numInterfaces, reserved2 uint32
	interfaces               userPtr[mediaV2Interface]
	numPads, reserved3       uint32
	pads                     userPtr[mediaV2Pad]
	numLinks, reserved4      uint32
	links                    userPtr[mediaV2Link]
}

type mediaPadDesc struct {
	entity   uint32
	index    uint16
	_        uint16
	flags    uint32
	reserved [2]uint32
}

type mediaLinkDesc struct {
	source, sink mediaPadDesc
	flags        uint32
	reserved     [2]uint32
}

type dmaBufSync struct{ flags uint64 }
