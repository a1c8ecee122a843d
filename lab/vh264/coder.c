// SPDX-License-Identifier: GPL-2.0
/*
 * From the negotiated state to coded pictures: sequence parameters, the
 * source buffer's planes, bitrate.
 */
#include <linux/math64.h>
#include <linux/vmalloc.h>

#include "vh264.h"

#define DEBT_SECONDS	2

u8 vh264_level_idc(u32 menu)
{
	static const u8 idc[] = {
		[V4L2_MPEG_VIDEO_H264_LEVEL_1_0] = 10,
		[V4L2_MPEG_VIDEO_H264_LEVEL_1B] = 11,
		[V4L2_MPEG_VIDEO_H264_LEVEL_1_1] = 11,
		[V4L2_MPEG_VIDEO_H264_LEVEL_1_2] = 12,
		[V4L2_MPEG_VIDEO_H264_LEVEL_1_3] = 13,
		[V4L2_MPEG_VIDEO_H264_LEVEL_2_0] = 20,
		[V4L2_MPEG_VIDEO_H264_LEVEL_2_1] = 21,
		[V4L2_MPEG_VIDEO_H264_LEVEL_2_2] = 22,
		[V4L2_MPEG_VIDEO_H264_LEVEL_3_0] = 30,
		[V4L2_MPEG_VIDEO_H264_LEVEL_3_1] = 31,
		[V4L2_MPEG_VIDEO_H264_LEVEL_3_2] = 32,
		[V4L2_MPEG_VIDEO_H264_LEVEL_4_0] = 40,
		[V4L2_MPEG_VIDEO_H264_LEVEL_4_1] = 41,
		[V4L2_MPEG_VIDEO_H264_LEVEL_4_2] = 42,
		[V4L2_MPEG_VIDEO_H264_LEVEL_5_0] = 50,
		[V4L2_MPEG_VIDEO_H264_LEVEL_5_1] = 51,
	};

	return menu < ARRAY_SIZE(idc) ? idc[menu] : 40;
}

static void seq_profile(struct vh264_seq *seq, u32 profile)
{
	switch (profile) {
	case V4L2_MPEG_VIDEO_H264_PROFILE_HIGH:
		seq->profile_idc = 100;
		seq->constraints = 0;
		break;
	case V4L2_MPEG_VIDEO_H264_PROFILE_MAIN:
		seq->profile_idc = 77;
		seq->constraints = 0x40;
		break;
	case V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE:
		seq->profile_idc = 66;
		seq->constraints = 0x80;
		break;
	default:
		seq->profile_idc = 66;
		seq->constraints = 0xc0;
	}
}

/* V4L2's names for colours as the code points of H.264 annex E. */
static void seq_colours(struct vh264_seq *seq, const struct vh264_ctx *ctx)
{
	u32 space = ctx->colorspace, enc = ctx->ycbcr_enc;
	u32 xfer = ctx->xfer_func, range = ctx->quantization;

	if (!enc)
		enc = V4L2_MAP_YCBCR_ENC_DEFAULT(space);
	if (!xfer)
		xfer = V4L2_MAP_XFER_FUNC_DEFAULT(space);
	if (!range)
		range = V4L2_MAP_QUANTIZATION_DEFAULT(false, space, enc);
	seq->full_range = range == V4L2_QUANTIZATION_FULL_RANGE;

	switch (space) {
	case V4L2_COLORSPACE_REC709:
	case V4L2_COLORSPACE_SRGB:
	case V4L2_COLORSPACE_JPEG:
		seq->primaries = 1;
		break;
	case V4L2_COLORSPACE_SMPTE170M:
		seq->primaries = 6;
		break;
	case V4L2_COLORSPACE_470_SYSTEM_BG:
		seq->primaries = 5;
		break;
	case V4L2_COLORSPACE_BT2020:
		seq->primaries = 9;
		break;
	default:
		seq->primaries = 2;
	}
	switch (xfer) {
	case V4L2_XFER_FUNC_709:
		seq->transfer = 1;
		break;
	case V4L2_XFER_FUNC_SRGB:
		seq->transfer = 13;
		break;
	case V4L2_XFER_FUNC_SMPTE2084:
		seq->transfer = 16;
		break;
	default:
		seq->transfer = 2;
	}
	switch (enc) {
	case V4L2_YCBCR_ENC_709:
		seq->matrix = 1;
		break;
	case V4L2_YCBCR_ENC_601:
		seq->matrix = 6;
		break;
	case V4L2_YCBCR_ENC_BT2020:
		seq->matrix = 9;
		break;
	default:
		seq->matrix = 2;
	}
}

/* Begins a stream that owes nothing to what was coded before. */
int vh264_coder_start(struct vh264_ctx *ctx)
{
	struct vh264_coder *c = &ctx->coder;
	struct vh264_seq *seq = &c->seq;
	struct vh264_tile *ref;

	ref = vmalloc(vh264_ref_bytes(ctx->crop.width, ctx->crop.height));
	if (!ref)
		return -ENOMEM;
	vfree(c->ref);
	c->ref = ref;

	memset(seq, 0, sizeof(*seq));
	seq->width = ctx->crop.width;
	seq->height = ctx->crop.height;
	seq->level_idc = vh264_level_idc(ctx->set.level);
	seq->reorder = ctx->set.b_frames;
	seq_profile(seq, ctx->set.profile);
	seq_colours(seq, ctx);

	c->need_idr = true;
	c->need_headers = true;
	c->batch_left = 0;
	c->gop_pos = 0;
	c->debt = 0;
	c->bitrate = ctx->set.bitrate;
	return 0;
}

/* Whether pictures of the present format can go on in the running stream. */
bool vh264_coder_fits(struct vh264_ctx *ctx)
{
	struct vh264_coder *c = &ctx->coder;

	return c->ref && c->seq.width == ctx->crop.width &&
	       c->seq.height == ctx->crop.height;
}

/* Where the visible picture's planes lie in a source buffer. */
static void frame_of(struct vh264_ctx *ctx, struct vb2_buffer *vb,
		     struct vh264_frame *f)
{
	const struct vh264_queue *q = &ctx->out;
	u32 x = ctx->crop.left, y = ctx->crop.top, i;

	memset(f, 0, sizeof(*f));
	f->layout = q->fmt->layout;
	f->width = ctx->crop.width;
	f->height = ctx->crop.height;
	for (i = 0; i < q->mem_planes; i++) {
		f->plane[i] = (u8 *)vb2_plane_vaddr(vb, i) +
			      vb->planes[i].data_offset;
		f->stride[i] = q->stride[i];
	}
	if (f->layout == VH264_YUYV) {
		f->plane[0] += (size_t)y * f->stride[0] + 2 * x;
		return;
	}
	if (q->mem_planes == 1) {
		u32 half = f->layout == VH264_I420 ? 2 : 1;

		f->stride[1] = q->stride[0] / half;
		f->stride[2] = f->stride[1];
		f->plane[1] = f->plane[0] + (size_t)q->stride[0] * q->height;
		f->plane[2] = f->plane[1] +
			      (size_t)f->stride[1] * (q->height / 2);
	}
	f->plane[0] += (size_t)y * f->stride[0] + x;
	f->plane[1] += (size_t)(y / 2) * f->stride[1];
	f->plane[1] += f->layout == VH264_NV12 ? x : x / 2;
	if (f->layout == VH264_I420)
		f->plane[2] += (size_t)(y / 2) * f->stride[2] + x / 2;
}

size_t vh264_code_headers(struct vh264_ctx *ctx, u8 *buf, size_t len)
{
	struct vh264_seq *seq = &ctx->coder.seq;

	seq->rate_num = ctx->cap.interval.denominator;
	seq->rate_den = ctx->cap.interval.numerator;
	return vh264_write_headers(buf, len, seq);
}

/* One picture with the headers due; its length, or 0 if it did not fit. */
size_t vh264_code(struct vh264_ctx *ctx, struct vb2_v4l2_buffer *src,
		  u8 *buf, size_t len, struct vh264_slice *slice)
{
	struct vh264_coder *c = &ctx->coder;
	struct vh264_frame frame;
	size_t n = 0, k;

	if (slice->type == VH264_IDR) {
		if (c->need_headers || ctx->set.repeat_headers ||
		    ctx->set.prepend_headers) {
			n = vh264_code_headers(ctx, buf, len);
			if (!n)
				return 0;
		}
		c->frame_num = 0;
		slice->idr_id = c->idr_id++;
	}
	slice->frame_num = c->frame_num;
	frame_of(ctx, &src->vb2_buf, &frame);
	k = vh264_write_picture(buf + n, len - n, &c->seq, slice, &frame,
				c->ref);
	if (!k)
		return 0;
	if (slice->type == VH264_IDR) {
		c->need_idr = false;
		c->need_headers = false;
	}
	if (slice->ref)
		c->frame_num++;
	return n + k;
}

/*
 * Filler behind @used bytes. What went out beyond the bitrate is a debt paid
 * by later pictures' filler left away, for DEBT_SECONDS at most. VBR fills to
 * half of the bitrate.
 */
size_t vh264_fill(struct vh264_ctx *ctx, u8 *buf, size_t len, size_t used)
{
	struct vh264_coder *c = &ctx->coder;
	u32 rate = READ_ONCE(c->bitrate);
	s64 share = div_u64((u64)rate * ctx->cap.interval.numerator,
			    ctx->cap.interval.denominator);
	size_t n = 0;

	if (ctx->set.bitrate_mode == V4L2_MPEG_VIDEO_BITRATE_MODE_VBR)
		share /= 2;
	c->debt += (s64)used * 8 - share;
	if (c->debt < 0) {
		n = vh264_write_filler(buf + used, len - used, -c->debt / 8);
		c->debt += (s64)n * 8;
	}
	c->debt = clamp(c->debt, -share, (s64)rate * DEBT_SECONDS);
	vh264_count(ctx->dev, STAT_FILLER_BITS, (s64)n * 8);
	return n;
}
