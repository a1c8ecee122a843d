package models

import (
	"time"

	"github.com/encoderbox/encoderbox/board"
)

// hotPlugWait is how long a source may take to show up after an EDID was set:
// tc358743.c raises the hot-plug line 100 ms later, and sources take their time.
const hotPlugWait = 1500 * time.Millisecond

// The encoders, by driver. Kernel sources are of Linux 6.1 and 6.12, and of the
// Raspberry Pi kernel rpi-6.6.y for bcm2835-codec.
var (
	bcm2835 = board.Encoder{
		Driver: "bcm2835-codec", Card: "bcm2835-codec-encode",
		MaxWidth: 1920, MaxHeight: 1920, MaxRate: 30, MaxLevel: "4.0",
		Quirks: []board.Quirk{
			{Is: board.StrideAlign, Value: 64, Source: "bcm2835-v4l2-codec.c: bytesperline_align of YU12 and NV12"},
			{Is: board.LowLevelStalls, Source: "https://github.com/raspberrypi/linux/issues/4906"},
			{Is: board.StreamOffBlocks, Value: 2000, Source: "https://github.com/raspberrypi/linux/issues/4606"},
			{Is: board.CaptureBufferSize, Value: 768 << 10, Source: "bcm2835-v4l2-codec.c: DEF_COMP_BUF_SIZE_GREATER_720P"},
			// At very low bit rates it leaves pictures out
			// (https://github.com/raspberrypi/picamera2/issues/1236); from where on, nobody says.
			{Is: board.DeadlineMS, Value: 2000, Source: "as long as its STREAMOFF may take"},
		},
	}
	// Its limits are those of the SoC.
	venus = board.Encoder{
		Driver: "qcom-venus",
		Quirks: []board.Quirk{
			{Is: board.IntegerFrameRate, Source: "drivers/media/platform/qcom/venus/venc.c: venc_s_parm"},
		},
	}
	wave5 = board.Encoder{
		Driver: "wave5-enc",
		Quirks: []board.Quirk{
			{Is: board.NoForceKey, Source: "drivers/media/platform/chips-media/wave5/wave5-vpu-enc.c: no V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME"},
			{Is: board.NoLiveBitrate, Source: "wave5-vpu-enc.c: the control is read when the instance is opened"},
			{Is: board.IntegerFrameRate, Source: "wave5-vpu-enc.c: set_encoding_params divides the rate, 30000/1001 gives 29"},
		},
	}
	mediatek = board.Encoder{
		Driver: "mtk-vcodec-enc",
		Quirks: []board.Quirk{
			{Is: board.MultiPlanarOnly, Source: "drivers/media/platform/mediatek/vcodec/encoder: mtk_video_formats_output"},
		},
	}
	coda = board.Encoder{
		Driver: "coda", MaxWidth: 1920, MaxHeight: 1088,
		Quirks: []board.Quirk{
			{Is: board.MaxGOP, Value: 99, Source: "drivers/media/platform/chips-media/coda-common.c: V4L2_CID_MPEG_VIDEO_GOP_SIZE"},
		},
	}
	amphion = board.Encoder{Driver: "amphion-vpu"}
	s5pMFC  = board.Encoder{
		Driver: "s5p-mfc",
		Quirks: []board.Quirk{
			{Is: board.NoLiveBitrate, Source: "drivers/media/platform/samsung/s5p-mfc/s5p_mfc_enc.c: stored, not pushed to a running instance"},
			{Is: board.MultiPlanarOnly, Source: "s5p_mfc_enc.c: formats"},
		},
	}
)
