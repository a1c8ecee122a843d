// SPDX-License-Identifier: GPL-2.0
/*
 * Controls of one open file.
 */
#include "vh264.h"

#define BITRATE_MIN	25000
#define BITRATE_MAX	200000000
#define BITRATE_DEF	4000000
#define GOP_MAX		65535
#define GOP_DEF		60

static int s_bitrate(struct vh264_ctx *ctx, u32 bitrate)
{
	struct vh264_faults *f = &ctx->dev->faults;
	bool streaming = ctx->fh.m2m_ctx &&
		vb2_is_streaming(v4l2_m2m_get_dst_vq(ctx->fh.m2m_ctx));

	if (streaming && READ_ONCE(f->bitrate_busy))
		return -EBUSY;
	ctx->set.bitrate = bitrate;
	if (!streaming || !READ_ONCE(f->ignore_bitrate))
		WRITE_ONCE(ctx->coder.bitrate, bitrate);
	return 0;
}

static int s_ctrl(struct v4l2_ctrl *ctrl)
{
	struct vh264_ctx *ctx = container_of(ctrl->handler, struct vh264_ctx,
					     hdl);
	struct vh264_settings *set = &ctx->set;

	switch (ctrl->id) {
	case V4L2_CID_MPEG_VIDEO_BITRATE:
		return s_bitrate(ctx, ctrl->val);
	case V4L2_CID_MPEG_VIDEO_BITRATE_MODE:
		set->bitrate_mode = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_GOP_SIZE:
		set->gop_size = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_H264_I_PERIOD:
		set->i_period = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_B_FRAMES:
		set->b_frames = ctrl->val;
		if (ctx->ctrl_min_buffers)
			__v4l2_ctrl_s_ctrl(ctx->ctrl_min_buffers,
					   ctrl->val + 1);
		break;
	case V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME:
		ctx->force_key = true;
		break;
	case V4L2_CID_MPEG_VIDEO_H264_PROFILE:
		set->profile = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_H264_LEVEL:
		set->level = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_HEADER_MODE:
		set->header_mode = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER:
		set->repeat_headers = ctrl->val;
		break;
	case V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR:
		set->prepend_headers = ctrl->val;
		break;
	default:	/* QP, VBV, peak, MIN_BUFFERS: kept by the framework */
		break;
	}
	return 0;
}

static const struct v4l2_ctrl_ops ctrl_ops = {
	.s_ctrl = s_ctrl,
};

static struct v4l2_ctrl *add(struct vh264_ctx *ctx, u32 id, s64 min, s64 max,
			     s64 def)
{
	return v4l2_ctrl_new_std(&ctx->hdl, &ctrl_ops, id, min, max, 1, def);
}

static struct v4l2_ctrl *add_menu(struct vh264_ctx *ctx, u32 id, u8 max,
				  u64 skip, u8 def)
{
	return v4l2_ctrl_new_std_menu(&ctx->hdl, &ctrl_ops, id, max, skip, def);
}

/* The highest level of the menu whose level_idc is at most @max_idc. */
static u8 level_limit(u32 max_idc)
{
	u8 level = V4L2_MPEG_VIDEO_H264_LEVEL_1_0, i;

	for (i = 0; i <= V4L2_MPEG_VIDEO_H264_LEVEL_5_1; i++)
		if (!max_idc || vh264_level_idc(i) <= max_idc)
			level = i;
	return level;
}

static void add_rate_controls(struct vh264_ctx *ctx)
{
	add(ctx, V4L2_CID_MPEG_VIDEO_BITRATE, BITRATE_MIN, BITRATE_MAX,
	    BITRATE_DEF);
	add(ctx, V4L2_CID_MPEG_VIDEO_BITRATE_PEAK, BITRATE_MIN, BITRATE_MAX,
	    BITRATE_MAX);
	if (!ctx->dev->faults.no_bitrate_mode)
		add_menu(ctx, V4L2_CID_MPEG_VIDEO_BITRATE_MODE,
			 V4L2_MPEG_VIDEO_BITRATE_MODE_CBR, 0,
			 V4L2_MPEG_VIDEO_BITRATE_MODE_CBR);
	else
		ctx->set.bitrate_mode = V4L2_MPEG_VIDEO_BITRATE_MODE_CBR;
	add(ctx, V4L2_CID_MPEG_VIDEO_VBV_SIZE, 0, 65535, 0);
	add(ctx, V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE, 0, 1, 1);
	add(ctx, V4L2_CID_MPEG_VIDEO_H264_MIN_QP, 0, 51, 10);
	add(ctx, V4L2_CID_MPEG_VIDEO_H264_MAX_QP, 0, 51, 51);
	add(ctx, V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP, 0, 51, 26);
	add(ctx, V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP, 0, 51, 28);
}

static void add_stream_controls(struct vh264_ctx *ctx)
{
	u8 top = level_limit(ctx->dev->faults.max_level);

	add(ctx, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 1, GOP_MAX, GOP_DEF);
	add(ctx, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 0, GOP_MAX, 0);
	ctx->fixed_ctrls[0] = add(ctx, V4L2_CID_MPEG_VIDEO_B_FRAMES, 0,
				  VH264_MAX_B, vh264_options.default_b_frames);
	ctx->fixed_ctrls[1] = add_menu(ctx, V4L2_CID_MPEG_VIDEO_H264_PROFILE,
		V4L2_MPEG_VIDEO_H264_PROFILE_HIGH,
		BIT(V4L2_MPEG_VIDEO_H264_PROFILE_EXTENDED),
		V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE);
	ctx->fixed_ctrls[2] = add_menu(ctx, V4L2_CID_MPEG_VIDEO_H264_LEVEL,
		top, BIT(V4L2_MPEG_VIDEO_H264_LEVEL_1B),
		min_t(u8, top, V4L2_MPEG_VIDEO_H264_LEVEL_4_0));
	add_menu(ctx, V4L2_CID_MPEG_VIDEO_H264_ENTROPY_MODE,
		 V4L2_MPEG_VIDEO_H264_ENTROPY_MODE_CAVLC, 0,
		 V4L2_MPEG_VIDEO_H264_ENTROPY_MODE_CAVLC);
	add_menu(ctx, V4L2_CID_MPEG_VIDEO_MULTI_SLICE_MODE,
		 V4L2_MPEG_VIDEO_MULTI_SLICE_MODE_SINGLE, 0,
		 V4L2_MPEG_VIDEO_MULTI_SLICE_MODE_SINGLE);
}

static void add_header_controls(struct vh264_ctx *ctx)
{
	u32 absent = ctx->dev->faults.no_repeat_headers;

	ctx->set.repeat_headers = vh264_options.repeat_headers;
	ctx->set.header_mode =
		V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME;
	if (!(absent & 1))
		add(ctx, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 0, 1,
		    vh264_options.repeat_headers);
	if (!(absent & 2))
		add(ctx, V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR, 0, 1, 0);
	if (!(absent & 4))
		ctx->fixed_ctrls[3] = add_menu(ctx,
			V4L2_CID_MPEG_VIDEO_HEADER_MODE,
			V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME, 0,
			V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME);
}

int vh264_controls_init(struct vh264_ctx *ctx)
{
	struct v4l2_ctrl_handler *hdl = &ctx->hdl;
	int ret;

	v4l2_ctrl_handler_init(hdl, 26);
	ctx->ctrl_min_buffers = add(ctx, V4L2_CID_MIN_BUFFERS_FOR_OUTPUT, 1,
				    VH264_MAX_B + 1,
				    vh264_options.default_b_frames + 1);
	if (ctx->ctrl_min_buffers)
		ctx->ctrl_min_buffers->flags |= V4L2_CTRL_FLAG_READ_ONLY;
	add_rate_controls(ctx);
	add_stream_controls(ctx);
	add_header_controls(ctx);
	if (!ctx->dev->faults.no_force_key)
		add(ctx, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 0, 0, 0);
	ret = hdl->error ?: v4l2_ctrl_handler_setup(hdl);
	if (ret)
		v4l2_ctrl_handler_free(hdl);
	return ret;
}

/* Refuses, while streaming, what the parameter sets were written from. */
void vh264_controls_grab(struct vh264_ctx *ctx, bool grab)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ctx->fixed_ctrls); i++)
		v4l2_ctrl_grab(ctx->fixed_ctrls[i], grab);
}
