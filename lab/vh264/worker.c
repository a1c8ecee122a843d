// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: one source picture, one CAPTURE buffer, in a workqueue.
 *
 * With B_FRAMES n, up to n + 1 pictures make a mini-GOP: its last is coded
 * first, as a reference, the held-back ones after it, as P pictures that
 * nothing refers to. They wait in the m2m framework's own list meanwhile.
 */
#include <media/v4l2-event.h>

#include "vh264.h"

static bool is_key(struct vh264_ctx *ctx, struct vb2_v4l2_buffer *src, u32 i)
{
	struct vh264_coder *c = &ctx->coder;

	return to_vh264(src)->key || (!i && c->need_idr) ||
	       c->gop_pos + i >= ctx->set.gop_size;
}

/*
 * How many pictures the next mini-GOP has: one for a key picture, else up to
 * the next key picture, to the drain's last picture, or to B_FRAMES + 1. 0:
 * more must be queued before that is known.
 */
static u32 batch(struct vh264_ctx *ctx)
{
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	u32 whole = ctx->coder.seq.reorder + 1, i = 0, n = 0;
	struct v4l2_m2m_buffer *b;
	unsigned long flags;

	spin_lock_irqsave(&m2m->out_q_ctx.rdy_spinlock, flags);
	v4l2_m2m_for_each_src_buf(m2m, b) {
		bool key = is_key(ctx, &b->vb, i);

		if (key && i) {
			n = i;
			break;
		}
		i++;
		if (key || i == whole ||
		    v4l2_m2m_is_last_draining_src_buf(m2m, &b->vb)) {
			n = i;
			break;
		}
	}
	spin_unlock_irqrestore(&m2m->out_q_ctx.rdy_spinlock, flags);
	return n;
}

static struct vb2_v4l2_buffer *nth_source(struct vh264_ctx *ctx, u32 n)
{
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	struct vb2_v4l2_buffer *found = NULL;
	struct v4l2_m2m_buffer *b;
	unsigned long flags;

	spin_lock_irqsave(&m2m->out_q_ctx.rdy_spinlock, flags);
	v4l2_m2m_for_each_src_buf(m2m, b) {
		if (n--)
			continue;
		found = &b->vb;
		break;
	}
	spin_unlock_irqrestore(&m2m->out_q_ctx.rdy_spinlock, flags);
	return found;
}

static int job_ready(void *priv)
{
	struct vh264_ctx *ctx = priv;

	if (ctx->dead || vh264_is_hung(ctx))
		return 0;
	return ctx->coder.batch_left || batch(ctx);
}

/* Chooses the next picture in coding order and says how to code it. */
static struct vb2_v4l2_buffer *pick(struct vh264_ctx *ctx,
				    struct vh264_slice *slice)
{
	struct vh264_coder *c = &ctx->coder;
	struct vb2_v4l2_buffer *src;
	u32 at, period = ctx->set.i_period;

	memset(slice, 0, sizeof(*slice));
	slice->type = VH264_P;
	if (c->batch_left) {
		src = nth_source(ctx, 0);
		at = c->batch_pos + c->batch_size - 1 - c->batch_left--;
		slice->poc = 2 * at;
		return src;
	}
	c->batch_size = batch(ctx);
	if (!c->batch_size)
		return NULL;
	src = nth_source(ctx, c->batch_size - 1);
	slice->ref = true;
	if (c->batch_size == 1 && is_key(ctx, src, 0)) {
		slice->type = VH264_IDR;
		c->gop_pos = 0;
		/* stays due until it is coded, whatever goes wrong */
		c->need_idr = true;
	}
	c->batch_pos = c->gop_pos;
	c->batch_left = c->batch_size - 1;
	c->gop_pos += c->batch_size;
	at = c->gop_pos - 1;
	slice->poc = 2 * at;
	if (slice->type == VH264_P && period &&
	    at / period != (c->batch_pos - 1) / period)
		slice->type = VH264_I;
	return src;
}

/*
 * Returns the source and, unless @dst is NULL, the coded picture. The end of
 * a drain is marked on it, or on an empty buffer where there is none.
 */
static void finish(struct vh264_ctx *ctx, struct vb2_v4l2_buffer *src,
		   struct vb2_v4l2_buffer *dst, enum vb2_buffer_state src_state,
		   enum vb2_buffer_state dst_state)
{
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	bool last = false;

	mutex_lock(&ctx->state_lock);
	if (v4l2_m2m_is_last_draining_src_buf(m2m, src))
		ctx->last_taken = true;
	if (ctx->last_taken && !ctx->coder.batch_left)
		last = true;
	if (last && !dst) {
		dst = v4l2_m2m_next_dst_buf(m2m);
		vb2_set_plane_payload(&dst->vb2_buf, 0, 0);
		dst->flags &= ~(V4L2_BUF_FLAG_KEYFRAME |
				V4L2_BUF_FLAG_PFRAME | V4L2_BUF_FLAG_BFRAME);
		v4l2_m2m_buf_copy_metadata(src, dst, false);
	}
	v4l2_m2m_src_buf_remove_by_buf(m2m, src);
	src->sequence = ctx->out.sequence++;
	v4l2_m2m_buf_done(src, src_state);
	if (dst) {
		v4l2_m2m_dst_buf_remove_by_buf(m2m, dst);
		dst->sequence = ctx->cap.sequence++;
		dst->flags &= ~V4L2_BUF_FLAG_LAST;
		if (last)
			dst->flags |= V4L2_BUF_FLAG_LAST;
	}
	if (last) {
		ctx->last_taken = false;
		v4l2_m2m_mark_stopped(m2m);
		vh264_send_eos(ctx);
	}
	if (dst)
		v4l2_m2m_buf_done(dst, dst_state);
	mutex_unlock(&ctx->state_lock);
}

static void set_flags(struct vb2_v4l2_buffer *src, struct vb2_v4l2_buffer *dst,
		      u32 flags)
{
	v4l2_m2m_buf_copy_metadata(src, dst, false);
	dst->flags &= ~(V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME |
			V4L2_BUF_FLAG_BFRAME);
	dst->flags |= flags;
}

/* HEADER_MODE separate: a buffer of SPS and PPS before the first picture. */
static bool send_headers(struct vh264_ctx *ctx)
{
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	struct vb2_v4l2_buffer *src = v4l2_m2m_next_src_buf(m2m);
	struct vb2_v4l2_buffer *dst = v4l2_m2m_next_dst_buf(m2m);
	struct vb2_buffer *vb = &dst->vb2_buf;
	size_t n;

	if (!ctx->coder.need_headers || ctx->set.header_mode !=
	    V4L2_MPEG_VIDEO_HEADER_MODE_SEPARATE)
		return false;
	n = vh264_code_headers(ctx, vb2_plane_vaddr(vb, 0),
			       vb2_plane_size(vb, 0));
	vb2_set_plane_payload(vb, 0, n);
	set_flags(src, dst, 0);
	dst->flags &= ~V4L2_BUF_FLAG_LAST;
	dst->sequence = ctx->cap.sequence++;
	v4l2_m2m_dst_buf_remove_by_buf(m2m, dst);
	v4l2_m2m_buf_done(dst, n ? VB2_BUF_STATE_DONE : VB2_BUF_STATE_ERROR);
	vh264_count(ctx->dev, STAT_BITS, (s64)n * 8);
	ctx->coder.need_headers = false;
	return true;
}

static void account(struct vh264_ctx *ctx, enum vh264_type type, size_t bytes)
{
	vh264_count(ctx->dev, STAT_PICTURES, 1);
	vh264_count(ctx->dev, STAT_BITS, (s64)bytes * 8);
	if (type != VH264_P)
		vh264_count(ctx->dev, STAT_KEYS, 1);
}

static void encode(struct vh264_ctx *ctx, struct vb2_v4l2_buffer *src,
		   struct vb2_v4l2_buffer *dst, struct vh264_slice *slice)
{
	struct vb2_buffer *vb = &dst->vb2_buf;
	u8 *buf = vb2_plane_vaddr(vb, 0);
	size_t len = vb2_plane_size(vb, 0), n = 0;
	enum vh264_fault fault = vh264_fault_picture(ctx, slice);
	enum vb2_buffer_state src_state = VB2_BUF_STATE_DONE;

	if (fault == FAULT_SKIP) {
		vh264_count(ctx->dev, STAT_SKIPPED, 1);
		finish(ctx, src, NULL, src_state, src_state);
		return;
	}
	if (fault == FAULT_NONE || fault == FAULT_LOSE)
		n = vh264_code(ctx, src, buf, len, slice);
	if (n && fault == FAULT_NONE) {
		n += vh264_fill(ctx, buf, len, n);
		account(ctx, slice->type, n);
		vb2_set_plane_payload(vb, 0, n);
		set_flags(src, dst, slice->type == VH264_P ?
			  V4L2_BUF_FLAG_PFRAME : V4L2_BUF_FLAG_KEYFRAME);
		finish(ctx, src, dst, src_state, VB2_BUF_STATE_DONE);
		return;
	}
	if (fault == FAULT_NONE)	/* the buffer is too small */
		ctx->coder.need_idr = true;
	if (fault == FAULT_REFUSE)
		src_state = VB2_BUF_STATE_ERROR;
	vh264_count(ctx->dev, STAT_ERRORS, 1);
	vb2_set_plane_payload(vb, 0, n / 2);
	set_flags(src, dst, 0);
	finish(ctx, src, dst, src_state, VB2_BUF_STATE_ERROR);
}

void vh264_work(struct work_struct *work)
{
	struct vh264_ctx *ctx = container_of(work, struct vh264_ctx, work);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	u32 ms = READ_ONCE(ctx->dev->faults.slow_ms);
	struct vh264_slice slice;
	struct vb2_v4l2_buffer *src;

	if (ms)
		wait_event_timeout(ctx->abort_wq, READ_ONCE(ctx->aborting),
				   msecs_to_jiffies(ms));
	if (!send_headers(ctx)) {
		src = pick(ctx, &slice);
		if (src) {
			encode(ctx, src, v4l2_m2m_next_dst_buf(m2m), &slice);
			vh264_fault_coded(ctx);
		}
	}
	v4l2_m2m_job_finish(ctx->dev->m2m, m2m);
}

static void device_run(void *priv)
{
	struct vh264_ctx *ctx = priv;

	queue_work(ctx->dev->wq, &ctx->work);
}

static void job_abort(void *priv)
{
	struct vh264_ctx *ctx = priv;

	wake_up_all(&ctx->abort_wq);
}

const struct v4l2_m2m_ops vh264_m2m_ops = {
	.device_run	= device_run,
	.job_ready	= job_ready,
	.job_abort	= job_abort,
};
