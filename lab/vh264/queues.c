// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer queues: sizes, checks, start and stop, the drain's ends.
 */
#include <linux/module.h>
#include <media/v4l2-event.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#include "vh264.h"

void vh264_send_eos(struct vh264_ctx *ctx)
{
	static const struct v4l2_event eos = { .type = V4L2_EVENT_EOS };

	v4l2_event_queue_fh(&ctx->fh, &eos);
}

static int queue_setup(struct vb2_queue *vq, unsigned int *nbuffers,
		       unsigned int *nplanes, unsigned int sizes[],
		       struct device *alloc_devs[])
{
	struct vh264_ctx *ctx = vb2_get_drv_priv(vq);
	struct vh264_queue *q = vh264_queue(ctx, vq->type);
	unsigned int i;

	if (*nplanes) {
		if (*nplanes != q->mem_planes)
			return -EINVAL;
		for (i = 0; i < q->mem_planes; i++)
			if (sizes[i] < q->sizeimage[i])
				return -EINVAL;
		return 0;
	}
	if (V4L2_TYPE_IS_OUTPUT(vq->type))
		*nbuffers = max(*nbuffers, ctx->set.b_frames + 1);
	*nplanes = q->mem_planes;
	for (i = 0; i < q->mem_planes; i++)
		sizes[i] = q->sizeimage[i];
	return 0;
}

static enum vh264_stat buffer_stat(struct vb2_buffer *vb)
{
	return vb->memory == VB2_MEMORY_DMABUF ? STAT_IMPORTED_NOW :
						 STAT_BUFFERS_NOW;
}

static int buf_init(struct vb2_buffer *vb)
{
	struct vh264_ctx *ctx = vb2_get_drv_priv(vb->vb2_queue);

	vh264_count(ctx->dev, buffer_stat(vb), 1);
	return 0;
}

static void buf_cleanup(struct vb2_buffer *vb)
{
	struct vh264_ctx *ctx = vb2_get_drv_priv(vb->vb2_queue);

	vh264_count(ctx->dev, buffer_stat(vb), -1);
}

static int buf_out_validate(struct vb2_buffer *vb)
{
	to_vb2_v4l2_buffer(vb)->field = V4L2_FIELD_NONE;
	return 0;
}

static int buf_prepare(struct vb2_buffer *vb)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(vb);
	struct vh264_ctx *ctx = vb2_get_drv_priv(vb->vb2_queue);
	struct vh264_queue *q = vh264_queue(ctx, vb->vb2_queue->type);
	unsigned int i;

	if (V4L2_TYPE_IS_CAPTURE(vb->vb2_queue->type))
		return 0;
	if (vbuf->field == V4L2_FIELD_ANY)
		vbuf->field = V4L2_FIELD_NONE;
	if (vbuf->field != V4L2_FIELD_NONE)
		return -EINVAL;
	for (i = 0; i < q->mem_planes; i++)
		if (vb2_plane_size(vb, i) < q->sizeimage[i] ||
		    vb2_plane_size(vb, i) - q->sizeimage[i] <
		    vb->planes[i].data_offset)
			return -EINVAL;
	return 0;
}

static void buf_queue(struct vb2_buffer *vb)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(vb);
	struct vh264_ctx *ctx = vb2_get_drv_priv(vb->vb2_queue);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;

	if (V4L2_TYPE_IS_OUTPUT(vb->vb2_queue->type)) {
		to_vh264(vbuf)->key = ctx->force_key;
		ctx->force_key = false;
	} else if (vb2_is_streaming(vb->vb2_queue) &&
		   v4l2_m2m_dst_buf_is_last(m2m)) {
		vb2_set_plane_payload(vb, 0, 0);
		vbuf->field = V4L2_FIELD_NONE;
		vbuf->sequence = ctx->cap.sequence++;
		v4l2_m2m_last_buffer_done(m2m, vbuf);
		vh264_send_eos(ctx);
		return;
	}
	v4l2_m2m_buf_queue(m2m, vbuf);
}

static void return_buffers(struct vb2_queue *vq, enum vb2_buffer_state state)
{
	struct vh264_ctx *ctx = vb2_get_drv_priv(vq);
	struct vb2_v4l2_buffer *vbuf;

	for (;;) {
		if (V4L2_TYPE_IS_OUTPUT(vq->type))
			vbuf = v4l2_m2m_src_buf_remove(ctx->fh.m2m_ctx);
		else
			vbuf = v4l2_m2m_dst_buf_remove(ctx->fh.m2m_ctx);
		if (!vbuf)
			return;
		v4l2_m2m_buf_done(vbuf, state);
	}
}

/*
 * CAPTURE begins a new stream. OUTPUT goes on with the running one if it can;
 * off and on again, it also ends the stop that a drain left behind.
 */
static int start_streaming(struct vb2_queue *vq, unsigned int count)
{
	struct vh264_ctx *ctx = vb2_get_drv_priv(vq);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	int ret = 0;

	vh264_queue(ctx, vq->type)->sequence = 0;
	v4l2_m2m_update_start_streaming_state(m2m, vq);
	if (V4L2_TYPE_IS_CAPTURE(vq->type)) {
		ret = vh264_coder_start(ctx);
		if (!ret)
			vh264_controls_grab(ctx, true);
	} else {
		if (!vh264_coder_fits(ctx))
			ret = vh264_coder_start(ctx);
		if (v4l2_m2m_has_stopped(m2m)) {
			v4l2_m2m_clear_state(m2m);
			vb2_clear_last_buffer_dequeued(v4l2_m2m_get_dst_vq(m2m));
		}
	}
	if (ret)
		return_buffers(vq, VB2_BUF_STATE_QUEUED);
	return ret;
}

static void stop_streaming(struct vb2_queue *vq)
{
	struct vh264_ctx *ctx = vb2_get_drv_priv(vq);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;

	/* the job is over for the framework, but its work may still return */
	flush_work(&ctx->work);
	return_buffers(vq, VB2_BUF_STATE_ERROR);
	ctx->coder.batch_left = 0;
	ctx->last_taken = false;
	if (V4L2_TYPE_IS_CAPTURE(vq->type)) {
		vh264_controls_grab(ctx, false);
		v4l2_m2m_update_stop_streaming_state(m2m, vq);
		return;
	}
	if (!m2m->is_draining)
		return;
	v4l2_m2m_update_stop_streaming_state(m2m, vq);
	if (v4l2_m2m_has_stopped(m2m))
		vh264_send_eos(ctx);
}

static const struct vb2_ops queue_ops = {
	.queue_setup		= queue_setup,
	.buf_init		= buf_init,
	.buf_cleanup		= buf_cleanup,
	.buf_out_validate	= buf_out_validate,
	.buf_prepare		= buf_prepare,
	.buf_queue		= buf_queue,
	.start_streaming	= start_streaming,
	.stop_streaming		= stop_streaming,
	.wait_prepare		= vb2_ops_wait_prepare,
	.wait_finish		= vb2_ops_wait_finish,
};

static int init_queue(struct vh264_ctx *ctx, struct vb2_queue *vq, u32 type)
{
	vq->type = type;
	vq->io_modes = VB2_MMAP | VB2_DMABUF;
	vq->drv_priv = ctx;
	vq->buf_struct_size = sizeof(struct vh264_buffer);
	vq->ops = &queue_ops;
	vq->mem_ops = &vb2_vmalloc_memops;
	vq->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	vq->lock = &ctx->dev->lock;
	return vb2_queue_init(vq);
}

int vh264_queue_init(void *priv, struct vb2_queue *src, struct vb2_queue *dst)
{
	bool mp = vh264_options.multiplanar;
	int ret;

	ret = init_queue(priv, src, mp ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE :
					 V4L2_BUF_TYPE_VIDEO_OUTPUT);
	if (ret)
		return ret;
	return init_queue(priv, dst, mp ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE :
					  V4L2_BUF_TYPE_VIDEO_CAPTURE);
}
