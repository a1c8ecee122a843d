// SPDX-License-Identifier: GPL-2.0
/*
 * The other ioctls: sizes and rates, crop, encoder commands, queues.
 */
#include <linux/delay.h>
#include <linux/gcd.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "vh264.h"

#define RATE_MAX	120
#define FRACT_MAX	1000000U

static int querycap(struct file *file, void *priv, struct v4l2_capability *cap)
{
	strscpy(cap->driver, VH264_NAME, sizeof(cap->driver));
	strscpy(cap->card, VH264_NAME, sizeof(cap->card));
	strscpy(cap->bus_info, "platform:" VH264_NAME, sizeof(cap->bus_info));
	return 0;
}

static int enum_framesizes(struct file *file, void *priv,
			   struct v4l2_frmsizeenum *f)
{
	if (f->index || (f->pixel_format != V4L2_PIX_FMT_H264 &&
			 !vh264_find_fmt(f->pixel_format)))
		return -EINVAL;
	f->type = V4L2_FRMSIZE_TYPE_STEPWISE;
	f->stepwise = (struct v4l2_frmsize_stepwise){
		.min_width = VH264_MIN_SIZE, .max_width = VH264_MAX_SIZE,
		.min_height = VH264_MIN_SIZE, .max_height = VH264_MAX_SIZE,
		.step_width = 2, .step_height = 2,
	};
	return 0;
}

static bool good_size(u32 n)
{
	return n >= VH264_MIN_SIZE && n <= VH264_MAX_SIZE && n % 2 == 0;
}

static int enum_frameintervals(struct file *file, void *priv,
			       struct v4l2_frmivalenum *f)
{
	if (f->index || !good_size(f->width) || !good_size(f->height) ||
	    (f->pixel_format != V4L2_PIX_FMT_H264 &&
	     !vh264_find_fmt(f->pixel_format)))
		return -EINVAL;
	f->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
	f->stepwise.min = (struct v4l2_fract){ 1, RATE_MAX };
	f->stepwise.max = (struct v4l2_fract){ 1, 1 };
	f->stepwise.step = (struct v4l2_fract){ 1, 1 };
	return 0;
}

static int g_parm(struct file *file, void *priv, struct v4l2_streamparm *a)
{
	struct vh264_ctx *ctx = vh264_ctx(file);

	if (V4L2_TYPE_IS_OUTPUT(a->type)) {
		a->parm.output.capability = V4L2_CAP_TIMEPERFRAME;
		a->parm.output.timeperframe = ctx->out.interval;
	} else {
		a->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
		a->parm.capture.timeperframe = ctx->cap.interval;
	}
	return 0;
}

static void adjust_interval(struct vh264_dev *dev, struct v4l2_fract *f)
{
	u32 g;

	if (!f->numerator || !f->denominator)
		*f = (struct v4l2_fract){ 1, 30 };
	g = gcd(f->numerator, f->denominator);
	f->numerator /= g;
	f->denominator /= g;
	while (f->numerator > FRACT_MAX || f->denominator > FRACT_MAX) {
		f->numerator = f->numerator / 2 ?: 1;
		f->denominator = f->denominator / 2 ?: 1;
	}
	if (f->denominator / f->numerator >= RATE_MAX)
		*f = (struct v4l2_fract){ 1, RATE_MAX };
	else if (f->denominator < f->numerator)
		*f = (struct v4l2_fract){ 1, 1 };
	vh264_round_interval(dev, f);
}

/* The OUTPUT rate is a hint that also sets the coded one, which may differ. */
static int s_parm(struct file *file, void *priv, struct v4l2_streamparm *a)
{
	struct vh264_ctx *ctx = vh264_ctx(file);

	if (V4L2_TYPE_IS_OUTPUT(a->type)) {
		struct v4l2_fract f = a->parm.output.timeperframe;

		adjust_interval(ctx->dev, &f);
		memset(&a->parm, 0, sizeof(a->parm));
		ctx->out.interval = f;
		ctx->cap.interval = f;
	} else {
		struct v4l2_fract f = a->parm.capture.timeperframe;

		adjust_interval(ctx->dev, &f);
		memset(&a->parm, 0, sizeof(a->parm));
		ctx->cap.interval = f;
	}
	return g_parm(file, priv, a);
}

static int g_selection(struct file *file, void *priv, struct v4l2_selection *s)
{
	struct vh264_ctx *ctx = vh264_ctx(file);

	if (s->type != V4L2_BUF_TYPE_VIDEO_OUTPUT)
		return -EINVAL;
	switch (s->target) {
	case V4L2_SEL_TGT_CROP:
		s->r = ctx->crop;
		return 0;
	case V4L2_SEL_TGT_CROP_DEFAULT:
	case V4L2_SEL_TGT_CROP_BOUNDS:
		s->r = (struct v4l2_rect){ 0, 0, ctx->out.width,
					   ctx->out.height };
		return 0;
	default:
		return -EINVAL;
	}
}

static int s_selection(struct file *file, void *priv, struct v4l2_selection *s)
{
	struct vh264_ctx *ctx = vh264_ctx(file);
	struct v4l2_rect *r = &s->r;
	u32 w = ctx->out.width, h = ctx->out.height;

	if (s->type != V4L2_BUF_TYPE_VIDEO_OUTPUT ||
	    s->target != V4L2_SEL_TGT_CROP)
		return -EINVAL;
	if (vb2_is_streaming(v4l2_m2m_get_src_vq(ctx->fh.m2m_ctx)))
		return -EBUSY;
	r->width = round_down(clamp(r->width, VH264_MIN_SIZE, w), 2);
	r->height = round_down(clamp(r->height, VH264_MIN_SIZE, h), 2);
	r->left = round_down(clamp_t(s32, r->left, 0, w - r->width), 2);
	r->top = round_down(clamp_t(s32, r->top, 0, h - r->height), 2);
	ctx->crop = *r;
	return 0;
}

/*
 * The state lock keeps the worker from returning the very buffer that the
 * drain is about to take for its last one.
 */
static int encoder_cmd(struct file *file, void *priv, struct v4l2_encoder_cmd *ec)
{
	struct vh264_ctx *ctx = vh264_ctx(file);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	int ret;

	ret = v4l2_m2m_ioctl_try_encoder_cmd(file, priv, ec);
	if (ret)
		return ret;
	if (!vb2_is_streaming(v4l2_m2m_get_src_vq(m2m)) ||
	    !vb2_is_streaming(v4l2_m2m_get_dst_vq(m2m)))
		return 0;
	/* hung hardware takes the command and never answers */
	if (vh264_is_hung(ctx))
		return 0;

	mutex_lock(&ctx->state_lock);
	if (ec->cmd == V4L2_ENC_CMD_STOP && !m2m->is_draining)
		ctx->last_taken = false;
	ret = v4l2_m2m_ioctl_encoder_cmd(file, priv, ec);
	if (!ret && v4l2_m2m_has_stopped(m2m))
		vh264_send_eos(ctx);
	if (!ret && ec->cmd == V4L2_ENC_CMD_START)
		vb2_clear_last_buffer_dequeued(v4l2_m2m_get_dst_vq(m2m));
	mutex_unlock(&ctx->state_lock);
	if (!ret)
		v4l2_m2m_try_schedule(m2m);
	return ret;
}

static int qbuf(struct file *file, void *priv, struct v4l2_buffer *b)
{
	return vh264_ctx(file)->dead ? -EIO :
	       v4l2_m2m_ioctl_qbuf(file, priv, b);
}

static int dqbuf(struct file *file, void *priv, struct v4l2_buffer *b)
{
	return vh264_ctx(file)->dead ? -EIO :
	       v4l2_m2m_ioctl_dqbuf(file, priv, b);
}

static int streamoff(struct file *file, void *priv, enum v4l2_buf_type type)
{
	struct vh264_ctx *ctx = vh264_ctx(file);
	u32 ms = READ_ONCE(ctx->dev->faults.hang_streamoff_ms);
	int ret;

	if (ms)
		msleep(ms);
	WRITE_ONCE(ctx->aborting, true);
	wake_up_all(&ctx->abort_wq);
	ret = v4l2_m2m_ioctl_streamoff(file, priv, type);
	WRITE_ONCE(ctx->aborting, false);
	return ret;
}

static int subscribe(struct v4l2_fh *fh,
		     const struct v4l2_event_subscription *sub)
{
	if (sub->type == V4L2_EVENT_EOS)
		return v4l2_event_subscribe(fh, sub, 0, NULL);
	return v4l2_ctrl_subscribe_event(fh, sub);
}

const struct v4l2_ioctl_ops vh264_ioctl_ops = {
	.vidioc_querycap		= querycap,

	.vidioc_enum_fmt_vid_cap	= vh264_enum_fmt_cap,
	.vidioc_g_fmt_vid_cap		= vh264_g_fmt,
	.vidioc_try_fmt_vid_cap		= vh264_try_fmt,
	.vidioc_s_fmt_vid_cap		= vh264_s_fmt,
	.vidioc_g_fmt_vid_cap_mplane	= vh264_g_fmt,
	.vidioc_try_fmt_vid_cap_mplane	= vh264_try_fmt,
	.vidioc_s_fmt_vid_cap_mplane	= vh264_s_fmt,

	.vidioc_enum_fmt_vid_out	= vh264_enum_fmt_out,
	.vidioc_g_fmt_vid_out		= vh264_g_fmt,
	.vidioc_try_fmt_vid_out		= vh264_try_fmt,
	.vidioc_s_fmt_vid_out		= vh264_s_fmt,
	.vidioc_g_fmt_vid_out_mplane	= vh264_g_fmt,
	.vidioc_try_fmt_vid_out_mplane	= vh264_try_fmt,
	.vidioc_s_fmt_vid_out_mplane	= vh264_s_fmt,

	.vidioc_enum_framesizes		= enum_framesizes,
	.vidioc_enum_frameintervals	= enum_frameintervals,
	.vidioc_g_parm			= g_parm,
	.vidioc_s_parm			= s_parm,
	.vidioc_g_selection		= g_selection,
	.vidioc_s_selection		= s_selection,

	.vidioc_try_encoder_cmd		= v4l2_m2m_ioctl_try_encoder_cmd,
	.vidioc_encoder_cmd		= encoder_cmd,

	.vidioc_reqbufs			= v4l2_m2m_ioctl_reqbufs,
	.vidioc_create_bufs		= v4l2_m2m_ioctl_create_bufs,
	.vidioc_querybuf		= v4l2_m2m_ioctl_querybuf,
	.vidioc_prepare_buf		= v4l2_m2m_ioctl_prepare_buf,
	.vidioc_expbuf			= v4l2_m2m_ioctl_expbuf,
	.vidioc_qbuf			= qbuf,
	.vidioc_dqbuf			= dqbuf,
	.vidioc_streamon		= v4l2_m2m_ioctl_streamon,
	.vidioc_streamoff		= streamoff,

	.vidioc_subscribe_event		= subscribe,
	.vidioc_unsubscribe_event	= v4l2_event_unsubscribe,
};
