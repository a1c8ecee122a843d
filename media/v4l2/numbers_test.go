package v4l2

// ioctlNames pairs our names of ioctl numbers with C's.
func ioctlNames() map[string]string {
	return map[string]string{
		"vidiocQueryCap": "VIDIOC_QUERYCAP", "vidiocEnumFmt": "VIDIOC_ENUM_FMT", "vidiocGFmt": "VIDIOC_G_FMT",
		"vidiocSFmt": "VIDIOC_S_FMT", "vidiocReqBufs": "VIDIOC_REQBUFS", "vidiocQueryBuf": "VIDIOC_QUERYBUF",
		"vidiocQBuf": "VIDIOC_QBUF", "vidiocExpBuf": "VIDIOC_EXPBUF", "vidiocDQBuf": "VIDIOC_DQBUF",
		"vidiocStreamOn": "VIDIOC_STREAMON", "vidiocStreamOff": "VIDIOC_STREAMOFF", "vidiocGParm": "VIDIOC_G_PARM",
		"vidiocSParm": "VIDIOC_S_PARM", "vidiocEnumInput": "VIDIOC_ENUMINPUT", "vidiocQueryMenu": "VIDIOC_QUERYMENU",
		"vidiocGInput": "VIDIOC_G_INPUT", "vidiocSInput": "VIDIOC_S_INPUT", "vidiocGEDID": "VIDIOC_G_EDID",
		"vidiocSEDID": "VIDIOC_S_EDID", "vidiocTryFmt": "VIDIOC_TRY_FMT", "vidiocGExtCtrls": "VIDIOC_G_EXT_CTRLS",
		"vidiocSExtCtrls": "VIDIOC_S_EXT_CTRLS", "vidiocEnumFrameSizes": "VIDIOC_ENUM_FRAMESIZES",
		"vidiocEnumFrameIntervals": "VIDIOC_ENUM_FRAMEINTERVALS", "vidiocEncoderCmd": "VIDIOC_ENCODER_CMD",
		"vidiocSDVTimings": "VIDIOC_S_DV_TIMINGS", "vidiocGDVTimings": "VIDIOC_G_DV_TIMINGS", "vidiocDQEvent": "VIDIOC_DQEVENT",
		"vidiocSubscribeEvent": "VIDIOC_SUBSCRIBE_EVENT", "vidiocUnsubscribeEvent": "VIDIOC_UNSUBSCRIBE_EVENT",
		"vidiocGSelection": "VIDIOC_G_SELECTION", "vidiocSSelection": "VIDIOC_S_SELECTION",
		"vidiocEnumDVTimings": "VIDIOC_ENUM_DV_TIMINGS", "vidiocQueryDVTimings": "VIDIOC_QUERY_DV_TIMINGS",
		"vidiocDVTimingsCap": "VIDIOC_DV_TIMINGS_CAP", "vidiocQueryExtCtrl": "VIDIOC_QUERY_EXT_CTRL",
		"subdevEnumMbusCode": "VIDIOC_SUBDEV_ENUM_MBUS_CODE",
		"subdevGFmt":         "VIDIOC_SUBDEV_G_FMT", "subdevSFmt": "VIDIOC_SUBDEV_S_FMT",
		"subdevGInterval": "VIDIOC_SUBDEV_G_FRAME_INTERVAL", "subdevSInterval": "VIDIOC_SUBDEV_S_FRAME_INTERVAL",
		"subdevGSelection": "VIDIOC_SUBDEV_G_SELECTION", "subdevSSelection": "VIDIOC_SUBDEV_S_SELECTION",
		"subdevEnumFrameSize": "VIDIOC_SUBDEV_ENUM_FRAME_SIZE",
		"mediaIocDeviceInfo":  "MEDIA_IOC_DEVICE_INFO", "mediaIocSetupLink": "MEDIA_IOC_SETUP_LINK",
		"mediaIocGTopology": "MEDIA_IOC_G_TOPOLOGY", "dmaBufIoctlSync": "DMA_BUF_IOCTL_SYNC",
	}
}

// numbers are our values of C's constants, the same on all architectures.
func numbers() map[string]uint64 {
	m := map[string]uint64{
		"V4L2_BUF_TYPE_VIDEO_CAPTURE": uint64(VideoCapture), "V4L2_BUF_TYPE_VIDEO_OUTPUT": uint64(VideoOutput),
		"V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE": uint64(VideoCaptureMplane), "V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE": uint64(VideoOutputMplane),
		"V4L2_MEMORY_MMAP": uint64(MMAP), "V4L2_MEMORY_DMABUF": uint64(DMABUF), "VIDEO_MAX_PLANES": maxPlanes,

		"V4L2_CAP_VIDEO_CAPTURE": uint64(CapVideoCapture), "V4L2_CAP_VIDEO_OUTPUT": uint64(CapVideoOutput),
		"V4L2_CAP_VIDEO_CAPTURE_MPLANE": uint64(CapVideoCaptureMplane), "V4L2_CAP_VIDEO_OUTPUT_MPLANE": uint64(CapVideoOutputMplane),
		"V4L2_CAP_VIDEO_M2M": uint64(CapVideoM2M), "V4L2_CAP_VIDEO_M2M_MPLANE": uint64(CapVideoM2MMplane),
		"V4L2_CAP_META_CAPTURE": uint64(CapMetaCapture), "V4L2_CAP_META_OUTPUT": uint64(CapMetaOutput),
		"V4L2_CAP_READWRITE": uint64(CapReadWrite), "V4L2_CAP_STREAMING": uint64(CapStreaming),
		"V4L2_CAP_IO_MC": uint64(CapIOMC), "V4L2_CAP_DEVICE_CAPS": uint64(capDeviceCaps),

		"V4L2_FIELD_ANY": uint64(FieldAny), "V4L2_FIELD_NONE": uint64(FieldNone), "V4L2_FIELD_TOP": uint64(FieldTop),
		"V4L2_FIELD_BOTTOM": uint64(FieldBottom), "V4L2_FIELD_INTERLACED": uint64(FieldInterlaced),
		"V4L2_FIELD_ALTERNATE": uint64(FieldAlternate), "V4L2_FIELD_INTERLACED_TB": uint64(FieldInterlacedTB),
		"V4L2_FIELD_INTERLACED_BT": uint64(FieldInterlacedBT),

		"V4L2_BUF_FLAG_DONE": uint64(FlagDone), "V4L2_BUF_FLAG_KEYFRAME": uint64(FlagKeyFrame), "V4L2_BUF_FLAG_PFRAME": uint64(FlagPFrame),
		"V4L2_BUF_FLAG_BFRAME": uint64(FlagBFrame), "V4L2_BUF_FLAG_ERROR": uint64(FlagError), "V4L2_BUF_FLAG_LAST": uint64(FlagLast),
		"V4L2_BUF_FLAG_TSTAMP_SRC_SOE": uint64(FlagSOE), "V4L2_BUF_FLAG_TIMESTAMP_MASK": uint64(timestampMask),
		"V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC": uint64(timestampMonotonic), "V4L2_BUF_FLAG_TIMESTAMP_COPY": uint64(timestampCopy),

		"V4L2_PIX_FMT_NV12": uint64(NV12), "V4L2_PIX_FMT_NV12M": uint64(NV12M), "V4L2_PIX_FMT_NV21": uint64(NV21),
		"V4L2_PIX_FMT_NV21M": uint64(NV21M), "V4L2_PIX_FMT_YUV420": uint64(YUV420), "V4L2_PIX_FMT_YUV420M": uint64(YUV420M),
		"V4L2_PIX_FMT_YVU420": uint64(YVU420), "V4L2_PIX_FMT_YVU420M": uint64(YVU420M), "V4L2_PIX_FMT_YUYV": uint64(YUYV),
		"V4L2_PIX_FMT_UYVY": uint64(UYVY), "V4L2_PIX_FMT_RGB24": uint64(RGB24), "V4L2_PIX_FMT_BGR24": uint64(BGR24),
		"V4L2_PIX_FMT_MJPEG": uint64(MJPEG), "V4L2_PIX_FMT_JPEG": uint64(JPEG), "V4L2_PIX_FMT_H264": uint64(H264),
		"V4L2_PIX_FMT_FWHT": uint64(FWHT), "V4L2_PIX_FMT_PRIV_MAGIC": pixFmtPrivMagic,

		"V4L2_SEL_TGT_CROP": uint64(SelCrop), "V4L2_SEL_TGT_CROP_DEFAULT": uint64(SelCropDefault),
		"V4L2_SEL_TGT_CROP_BOUNDS": uint64(SelCropBounds), "V4L2_SEL_TGT_NATIVE_SIZE": uint64(SelNativeSize),
		"V4L2_SEL_TGT_COMPOSE": uint64(SelCompose), "V4L2_SEL_TGT_COMPOSE_DEFAULT": uint64(SelComposeDefault),
		"V4L2_SEL_TGT_COMPOSE_BOUNDS": uint64(SelComposeBounds), "V4L2_SEL_TGT_COMPOSE_PADDED": uint64(SelComposePadded),

		"V4L2_EVENT_EOS": uint64(EventEOS), "V4L2_EVENT_CTRL": uint64(EventCtrl), "V4L2_EVENT_SOURCE_CHANGE": uint64(EventSourceChange),
		"V4L2_EVENT_SRC_CH_RESOLUTION": SourceChangeResolution,
		"V4L2_ENC_CMD_START":           uint64(EncStart), "V4L2_ENC_CMD_STOP": uint64(EncStop),
		"V4L2_CAP_TIMEPERFRAME": capTimePerFrame, "V4L2_FRMSIZE_TYPE_DISCRETE": enumDiscrete, "V4L2_FRMIVAL_TYPE_DISCRETE": enumDiscrete,
	}
	for _, more := range []map[string]uint64{colorNumbers(), timingsNumbers(), controlNumbers(), mediaNumbers()} {
		for name, v := range more {
			m[name] = v
		}
	}
	for name, v := range ioctlValues() {
		m[name] = uint64(v)
	}
	return m
}

func colorNumbers() map[string]uint64 {
	return map[string]uint64{
		"V4L2_COLORSPACE_SMPTE170M": spaceSMPTE170M, "V4L2_COLORSPACE_SMPTE240M": spaceSMPTE240M, "V4L2_COLORSPACE_REC709": spaceRec709,
		"V4L2_COLORSPACE_470_SYSTEM_M": space470M, "V4L2_COLORSPACE_470_SYSTEM_BG": space470BG, "V4L2_COLORSPACE_JPEG": spaceJPEG,
		"V4L2_COLORSPACE_SRGB": spaceSRGB, "V4L2_COLORSPACE_OPRGB": spaceOpRGB, "V4L2_COLORSPACE_BT2020": spaceBT2020,
		"V4L2_COLORSPACE_DCI_P3": spaceDCIP3,
		"V4L2_XFER_FUNC_709":     xfer709, "V4L2_XFER_FUNC_SRGB": xferSRGB, "V4L2_XFER_FUNC_OPRGB": xferOpRGB,
		"V4L2_XFER_FUNC_SMPTE240M": xferSMPTE240M, "V4L2_XFER_FUNC_NONE": xferNone, "V4L2_XFER_FUNC_DCI_P3": xferDCIP3,
		"V4L2_XFER_FUNC_SMPTE2084": xferSMPTE2084,
		"V4L2_YCBCR_ENC_601":       enc601, "V4L2_YCBCR_ENC_709": enc709, "V4L2_YCBCR_ENC_XV601": encXV601, "V4L2_YCBCR_ENC_XV709": encXV709,
		"V4L2_YCBCR_ENC_SYCC": encSYCC, "V4L2_YCBCR_ENC_BT2020": encBT2020, "V4L2_YCBCR_ENC_BT2020_CONST_LUM": encBT2020Const,
		"V4L2_YCBCR_ENC_SMPTE240M":     encSMPTE240M,
		"V4L2_QUANTIZATION_FULL_RANGE": quantFull, "V4L2_QUANTIZATION_LIM_RANGE": quantLimited,
	}
}

func timingsNumbers() map[string]uint64 {
	return map[string]uint64{
		"V4L2_IN_ST_NO_POWER": uint64(NoPower), "V4L2_IN_ST_NO_SIGNAL": uint64(NoSignal), "V4L2_IN_ST_NO_H_LOCK": uint64(NoHLock),
		"V4L2_IN_ST_NO_V_LOCK": uint64(NoVLock), "V4L2_IN_ST_NO_SYNC": uint64(NoSync), "V4L2_IN_ST_NO_CARRIER": uint64(NoCarrier),
		"V4L2_DV_FL_REDUCED_BLANKING": DVReducedBlanking, "V4L2_DV_FL_CAN_REDUCE_FPS": DVCanReduceFPS,
		"V4L2_DV_FL_REDUCED_FPS": DVReducedFPS, "V4L2_DV_FL_IS_CE_VIDEO": DVIsCEVideo,
		"V4L2_DV_FL_HAS_PICTURE_ASPECT": dvHasAspect, "V4L2_DV_FL_HAS_CEA861_VIC": dvHasCEA861VIC, "V4L2_DV_FL_HAS_HDMI_VIC": dvHasHDMIVIC,
	}
}

func controlNumbers() map[string]uint64 {
	return map[string]uint64{
		"V4L2_CID_MIN_BUFFERS_FOR_CAPTURE": uint64(CtrlMinBuffersForCapture), "V4L2_CID_MIN_BUFFERS_FOR_OUTPUT": uint64(CtrlMinBuffersForOutput),
		"V4L2_CID_USER_TC358743_BASE": uint64(CtrlTC358743AudioSamplingRate), "V4L2_CID_USER_TC358743_BASE + 1": uint64(CtrlTC358743AudioPresent),
		"V4L2_CID_MPEG_VIDEO_B_FRAMES": uint64(CtrlBFrames), "V4L2_CID_MPEG_VIDEO_GOP_SIZE": uint64(CtrlGOPSize),
		"V4L2_CID_MPEG_VIDEO_GOP_CLOSURE": uint64(CtrlGOPClosure), "V4L2_CID_MPEG_VIDEO_BITRATE_MODE": uint64(CtrlBitrateMode),
		"V4L2_CID_MPEG_VIDEO_BITRATE": uint64(CtrlBitrate), "V4L2_CID_MPEG_VIDEO_BITRATE_PEAK": uint64(CtrlBitratePeak),
		"V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE": uint64(CtrlFrameRCEnable), "V4L2_CID_MPEG_VIDEO_HEADER_MODE": uint64(CtrlHeaderMode),
		"V4L2_CID_MPEG_VIDEO_MB_RC_ENABLE": uint64(CtrlMBRCEnable), "V4L2_CID_MPEG_VIDEO_MULTI_SLICE_MODE": uint64(CtrlMultiSliceMode),
		"V4L2_CID_MPEG_VIDEO_VBV_SIZE": uint64(CtrlVBVSize), "V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER": uint64(CtrlRepeatSeqHeader),
		"V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME": uint64(CtrlForceKeyFrame), "V4L2_CID_MPEG_VIDEO_AU_DELIMITER": uint64(CtrlAUDelimiter),
		"V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP": uint64(CtrlH264IFrameQP), "V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP": uint64(CtrlH264PFrameQP),
		"V4L2_CID_MPEG_VIDEO_H264_MIN_QP": uint64(CtrlH264MinQP), "V4L2_CID_MPEG_VIDEO_H264_MAX_QP": uint64(CtrlH264MaxQP),
		"V4L2_CID_MPEG_VIDEO_H264_8X8_TRANSFORM": uint64(CtrlH2648x8Transform), "V4L2_CID_MPEG_VIDEO_H264_CPB_SIZE": uint64(CtrlH264CPBSize),
		"V4L2_CID_MPEG_VIDEO_H264_ENTROPY_MODE": uint64(CtrlH264EntropyMode), "V4L2_CID_MPEG_VIDEO_H264_I_PERIOD": uint64(CtrlH264IPeriod),
		"V4L2_CID_MPEG_VIDEO_H264_LEVEL": uint64(CtrlH264Level), "V4L2_CID_MPEG_VIDEO_H264_PROFILE": uint64(CtrlH264Profile),
		"V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR": uint64(CtrlPrependSPSPPSToIDR), "V4L2_CID_MPEG_VIDEO_FRAME_SKIP_MODE": uint64(CtrlFrameSkipMode),
		"V4L2_CID_DV_RX_POWER_PRESENT": uint64(CtrlRXPowerPresent), "V4L2_CID_DV_RX_RGB_RANGE": uint64(CtrlRXRGBRange),

		"V4L2_MPEG_VIDEO_BITRATE_MODE_VBR": BitrateVBR, "V4L2_MPEG_VIDEO_BITRATE_MODE_CBR": BitrateCBR, "V4L2_MPEG_VIDEO_BITRATE_MODE_CQ": BitrateCQ,
		"V4L2_MPEG_VIDEO_HEADER_MODE_SEPARATE": HeaderSeparate, "V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME": HeaderJoined,
		"V4L2_MPEG_VIDEO_H264_ENTROPY_MODE_CAVLC": EntropyCAVLC, "V4L2_MPEG_VIDEO_H264_ENTROPY_MODE_CABAC": EntropyCABAC,
		"V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE": ProfileBaseline, "V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE": ProfileConstrainedBaseline,
		"V4L2_MPEG_VIDEO_H264_PROFILE_MAIN": ProfileMain, "V4L2_MPEG_VIDEO_H264_PROFILE_HIGH": ProfileHigh,

		"V4L2_CTRL_TYPE_INTEGER": uint64(ControlInteger), "V4L2_CTRL_TYPE_BOOLEAN": uint64(ControlBoolean), "V4L2_CTRL_TYPE_MENU": uint64(ControlMenu),
		"V4L2_CTRL_TYPE_BUTTON": uint64(ControlButton), "V4L2_CTRL_TYPE_INTEGER64": uint64(ControlInteger64),
		"V4L2_CTRL_TYPE_CTRL_CLASS": uint64(ControlClass), "V4L2_CTRL_TYPE_STRING": uint64(ControlString),
		"V4L2_CTRL_TYPE_BITMASK": uint64(ControlBitmask), "V4L2_CTRL_TYPE_INTEGER_MENU": uint64(ControlIntegerMenu),
		"V4L2_CTRL_FLAG_DISABLED": uint64(ControlDisabled), "V4L2_CTRL_FLAG_GRABBED": uint64(ControlGrabbed),
		"V4L2_CTRL_FLAG_READ_ONLY": uint64(ControlReadOnly), "V4L2_CTRL_FLAG_INACTIVE": uint64(ControlInactive),
		"V4L2_CTRL_FLAG_WRITE_ONLY": uint64(ControlWriteOnly), "V4L2_CTRL_FLAG_VOLATILE": uint64(ControlVolatile),
		"V4L2_CTRL_FLAG_HAS_PAYLOAD": uint64(controlHasPayload),
	}
}

func mediaNumbers() map[string]uint64 {
	return map[string]uint64{
		"MEDIA_ENT_F_IO_V4L": uint64(FuncIOV4L), "MEDIA_ENT_F_CAM_SENSOR": uint64(FuncSensor), "MEDIA_ENT_F_DV_DECODER": uint64(FuncDVBridge),
		"MEDIA_ENT_F_VID_MUX": uint64(FuncVidMux), "MEDIA_ENT_F_VID_IF_BRIDGE": uint64(FuncIFBridge), "MEDIA_ENT_F_PROC_VIDEO_ISP": uint64(FuncISP),
		"MEDIA_ENT_F_PROC_VIDEO_SCALER": uint64(FuncScaler), "MEDIA_INTF_T_V4L_VIDEO": InterfaceVideo, "MEDIA_INTF_T_V4L_SUBDEV": InterfaceSubdev,
		"MEDIA_PAD_FL_SINK": PadSink, "MEDIA_PAD_FL_SOURCE": PadSource, "MEDIA_LNK_FL_ENABLED": uint64(LinkEnabled),
		"MEDIA_LNK_FL_IMMUTABLE": uint64(LinkImmutable), "MEDIA_LNK_FL_DYNAMIC": uint64(LinkDynamic),
		"MEDIA_LNK_FL_LINK_TYPE": 0xf << 28, "MEDIA_LNK_FL_INTERFACE_LINK": 1 << 28,
		"MEDIA_BUS_FMT_RGB888_1X24": uint64(BusRGB888), "MEDIA_BUS_FMT_UYVY8_2X8": uint64(BusUYVY2x), "MEDIA_BUS_FMT_YUYV8_2X8": uint64(BusYUYV2x),
		"MEDIA_BUS_FMT_UYVY8_1X16": uint64(BusUYVY), "MEDIA_BUS_FMT_YUYV8_1X16": uint64(BusYUYV), "MEDIA_BUS_FMT_BGR888_1X24": uint64(BusBGR888),
		"MEDIA_BUS_FMT_JPEG_1X8": uint64(BusJPEG),
		"DMA_BUF_SYNC_READ":      syncRead, "DMA_BUF_SYNC_WRITE": syncWrite, "DMA_BUF_SYNC_END": syncEnd,
	}
}

// ioctlValues are the numbers on this architecture.
func ioctlValues() map[string]uintptr {
	return map[string]uintptr{
		"VIDIOC_QUERYCAP": vidiocQueryCap, "VIDIOC_QBUF": vidiocQBuf, "VIDIOC_DQBUF": vidiocDQBuf, "VIDIOC_DQEVENT": vidiocDQEvent,
		"VIDIOC_S_EXT_CTRLS": vidiocSExtCtrls, "VIDIOC_S_EDID": vidiocSEDID, "MEDIA_IOC_G_TOPOLOGY": mediaIocGTopology,
	}
}
