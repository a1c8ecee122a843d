// SPDX-License-Identifier: GPL-2.0
/*
 * Formats of both queues: what is offered, how a request is adjusted.
 *
 * Everything is computed as struct v4l2_pix_format_mplane; the single-planar
 * API gets the same figures.
 */
#include <linux/string.h>

#include "vh264.h"

#define STRIDE_MAX	16384U
#define CODED_MIN	(128U << 10)	/* room for filler at small sizes */
#define CODED_MAX	(64U << 20)

static const struct vh264_fmt formats[] = {
	{ V4L2_PIX_FMT_YUV420, VH264_I420, 1, true },
	{ V4L2_PIX_FMT_YUYV, VH264_YUYV, 1, true },
	{ V4L2_PIX_FMT_YUV420M, VH264_I420, 3, false },
	{ V4L2_PIX_FMT_NV12, VH264_NV12, 1, true },
	{ V4L2_PIX_FMT_NV12M, VH264_NV12, 2, false },
};

static bool offered(const struct vh264_fmt *fmt)
{
	const char *only = vh264_options.only;

	if (only && (strlen(only) != 4 ||
		     v4l2_fourcc(only[0], only[1], only[2], only[3]) != fmt->fourcc))
		return false;
	switch (vh264_options.multiplanar) {
	case 0:
		return fmt->single_api;
	case 1:
		return true;
	default:
		return !fmt->single_api;
	}
}

const struct vh264_fmt *vh264_find_fmt(u32 fourcc)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].fourcc == fourcc && offered(&formats[i]))
			return &formats[i];
	return NULL;
}

static const struct vh264_fmt *nth_fmt(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (offered(&formats[i]) && n-- == 0)
			return &formats[i];
	return NULL;
}

bool vh264_any_fmt(void)
{
	return nth_fmt(0);
}

int vh264_enum_fmt_out(struct file *file, void *priv, struct v4l2_fmtdesc *f)
{
	const struct vh264_fmt *fmt = nth_fmt(f->index);

	if (!fmt)
		return -EINVAL;
	f->pixelformat = fmt->fourcc;
	return 0;
}

int vh264_enum_fmt_cap(struct file *file, void *priv, struct v4l2_fmtdesc *f)
{
	if (f->index)
		return -EINVAL;
	f->pixelformat = V4L2_PIX_FMT_H264;
	f->flags = V4L2_FMT_FLAG_COMPRESSED |
		   V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL;
	return 0;
}

/*
 * Lines of the first plane are as long as the client wants and the alignment
 * allows; sizeimage covers the aligned height, whatever height is reported.
 */
static void try_raw(struct v4l2_pix_format_mplane *pix)
{
	const struct vh264_fmt *fmt = vh264_find_fmt(pix->pixelformat);
	u32 align = vh264_options.stride_align, stride, lines, i;

	if (!fmt)
		fmt = nth_fmt(0);
	pix->pixelformat = fmt->fourcc;
	pix->width = round_down(clamp(pix->width, VH264_MIN_SIZE,
				      VH264_MAX_SIZE), 2);
	pix->height = round_down(clamp(pix->height, VH264_MIN_SIZE,
				       VH264_MAX_SIZE), 2);
	lines = ALIGN(pix->height, vh264_options.height_align);
	if (vh264_options.report_aligned_height)
		pix->height = lines;

	stride = pix->width * (fmt->layout == VH264_YUYV ? 2 : 1);
	stride = clamp(pix->plane_fmt[0].bytesperline, stride,
		       max(stride, STRIDE_MAX));
	stride = ALIGN(stride, align);

	pix->num_planes = fmt->mem_planes;
	memset(pix->plane_fmt, 0, sizeof(pix->plane_fmt));
	for (i = 0; i < fmt->mem_planes; i++) {
		bool chroma = i > 0;
		bool half = chroma && fmt->layout == VH264_I420;

		pix->plane_fmt[i].bytesperline = half ? stride / 2 : stride;
		pix->plane_fmt[i].sizeimage =
			pix->plane_fmt[i].bytesperline *
			(chroma ? lines / 2 : lines);
	}
	if (fmt->mem_planes == 1 && fmt->layout != VH264_YUYV)
		pix->plane_fmt[0].sizeimage += stride * lines / 2;
}

static u32 coded_bytes(const struct vh264_ctx *ctx)
{
	u32 worst = vh264_worst_bytes(ctx->crop.width, ctx->crop.height);

	return max((u32)PAGE_ALIGN(worst), CODED_MIN);
}

static void try_coded(struct vh264_ctx *ctx, struct v4l2_pix_format_mplane *pix)
{
	u32 want = pix->plane_fmt[0].sizeimage, least = coded_bytes(ctx);

	pix->pixelformat = V4L2_PIX_FMT_H264;
	pix->width = ALIGN(ctx->crop.width, 16);
	pix->height = ALIGN(ctx->crop.height, 16);
	pix->num_planes = 1;
	memset(pix->plane_fmt, 0, sizeof(pix->plane_fmt));
	pix->plane_fmt[0].sizeimage = clamp(want, least, CODED_MAX);
	pix->colorspace = ctx->colorspace;
	pix->ycbcr_enc = ctx->ycbcr_enc;
	pix->quantization = ctx->quantization;
	pix->xfer_func = ctx->xfer_func;
}

static void try_mp(struct vh264_ctx *ctx, u32 type,
		   struct v4l2_pix_format_mplane *pix)
{
	pix->field = V4L2_FIELD_NONE;
	pix->flags = 0;
	memset(pix->reserved, 0, sizeof(pix->reserved));
	if (V4L2_TYPE_IS_CAPTURE(type)) {
		try_coded(ctx, pix);
		return;
	}
	try_raw(pix);
	if (!pix->colorspace)
		pix->colorspace = V4L2_COLORSPACE_REC709;
}

static void to_mp(const struct v4l2_format *f, struct v4l2_pix_format_mplane *mp)
{
	const struct v4l2_pix_format *pix = &f->fmt.pix;

	if (V4L2_TYPE_IS_MULTIPLANAR(f->type)) {
		*mp = f->fmt.pix_mp;
		return;
	}
	memset(mp, 0, sizeof(*mp));
	mp->width = pix->width;
	mp->height = pix->height;
	mp->pixelformat = pix->pixelformat;
	mp->plane_fmt[0].bytesperline = pix->bytesperline;
	mp->plane_fmt[0].sizeimage = pix->sizeimage;
	mp->colorspace = pix->colorspace;
	mp->ycbcr_enc = pix->ycbcr_enc;
	mp->quantization = pix->quantization;
	mp->xfer_func = pix->xfer_func;
}

static void from_mp(struct v4l2_format *f,
		    const struct v4l2_pix_format_mplane *mp)
{
	struct v4l2_pix_format *pix = &f->fmt.pix;

	if (V4L2_TYPE_IS_MULTIPLANAR(f->type)) {
		f->fmt.pix_mp = *mp;
		return;
	}
	memset(pix, 0, sizeof(*pix));
	pix->width = mp->width;
	pix->height = mp->height;
	pix->pixelformat = mp->pixelformat;
	pix->field = mp->field;
	pix->bytesperline = mp->plane_fmt[0].bytesperline;
	pix->sizeimage = mp->plane_fmt[0].sizeimage;
	pix->colorspace = mp->colorspace;
	pix->ycbcr_enc = mp->ycbcr_enc;
	pix->quantization = mp->quantization;
	pix->xfer_func = mp->xfer_func;
	pix->priv = V4L2_PIX_FMT_PRIV_MAGIC;
}

static void store(struct vh264_ctx *ctx, u32 type,
		  const struct v4l2_pix_format_mplane *pix)
{
	struct vh264_queue *q = vh264_queue(ctx, type);
	unsigned int i;

	q->width = pix->width;
	q->height = pix->height;
	q->mem_planes = pix->num_planes;
	for (i = 0; i < pix->num_planes; i++) {
		q->stride[i] = pix->plane_fmt[i].bytesperline;
		q->sizeimage[i] = pix->plane_fmt[i].sizeimage;
	}
	if (V4L2_TYPE_IS_CAPTURE(type))
		return;
	q->fmt = vh264_find_fmt(pix->pixelformat);
	ctx->crop = (struct v4l2_rect){ 0, 0, q->width, q->height };
	ctx->colorspace = pix->colorspace;
	ctx->ycbcr_enc = pix->ycbcr_enc;
	ctx->quantization = pix->quantization;
	ctx->xfer_func = pix->xfer_func;
}

/* Both APIs' operations are there; the node speaks one of them. */
static bool valid_type(u32 type)
{
	return V4L2_TYPE_IS_MULTIPLANAR(type) == !!vh264_options.multiplanar;
}

int vh264_g_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct vh264_ctx *ctx = vh264_ctx(file);
	struct vh264_queue *q = vh264_queue(ctx, f->type);
	struct v4l2_pix_format_mplane pix = { 0 };
	unsigned int i;

	if (!valid_type(f->type))
		return -EINVAL;
	pix.width = q->width;
	pix.height = q->height;
	pix.field = V4L2_FIELD_NONE;
	pix.pixelformat = q->fmt ? q->fmt->fourcc : V4L2_PIX_FMT_H264;
	pix.num_planes = q->mem_planes;
	for (i = 0; i < q->mem_planes; i++) {
		pix.plane_fmt[i].bytesperline = q->stride[i];
		pix.plane_fmt[i].sizeimage = q->sizeimage[i];
	}
	if (V4L2_TYPE_IS_CAPTURE(f->type)) {
		pix.width = ALIGN(ctx->crop.width, 16);
		pix.height = ALIGN(ctx->crop.height, 16);
	}
	pix.colorspace = ctx->colorspace;
	pix.ycbcr_enc = ctx->ycbcr_enc;
	pix.quantization = ctx->quantization;
	pix.xfer_func = ctx->xfer_func;
	from_mp(f, &pix);
	return 0;
}

int vh264_try_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct v4l2_pix_format_mplane pix;

	if (!valid_type(f->type))
		return -EINVAL;
	to_mp(f, &pix);
	try_mp(vh264_ctx(file), f->type, &pix);
	from_mp(f, &pix);
	return 0;
}

static bool busy(struct vh264_ctx *ctx, u32 type)
{
	return vb2_is_busy(v4l2_m2m_get_vq(ctx->fh.m2m_ctx, type));
}

/* CAPTURE is the master: it is fixed once either queue has buffers. */
int vh264_s_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct vh264_ctx *ctx = vh264_ctx(file);
	struct v4l2_pix_format_mplane pix;

	if (!valid_type(f->type))
		return -EINVAL;
	if (busy(ctx, f->type))
		return -EBUSY;
	if (V4L2_TYPE_IS_CAPTURE(f->type) &&
	    busy(ctx, V4L2_BUF_TYPE_VIDEO_OUTPUT))
		return -EBUSY;
	to_mp(f, &pix);
	if (V4L2_TYPE_IS_CAPTURE(f->type))
		ctx->coded_wish = min(pix.plane_fmt[0].sizeimage, CODED_MAX);
	try_mp(ctx, f->type, &pix);
	store(ctx, f->type, &pix);
	from_mp(f, &pix);
	if (V4L2_TYPE_IS_OUTPUT(f->type) &&
	    !busy(ctx, V4L2_BUF_TYPE_VIDEO_CAPTURE))
		ctx->cap.sizeimage[0] = max(ctx->coded_wish, coded_bytes(ctx));
	return 0;
}

void vh264_default_formats(struct vh264_ctx *ctx)
{
	struct v4l2_pix_format_mplane pix = { .width = 640, .height = 360 };

	try_mp(ctx, V4L2_BUF_TYPE_VIDEO_OUTPUT, &pix);
	store(ctx, V4L2_BUF_TYPE_VIDEO_OUTPUT, &pix);
	memset(&pix, 0, sizeof(pix));
	try_mp(ctx, V4L2_BUF_TYPE_VIDEO_CAPTURE, &pix);
	store(ctx, V4L2_BUF_TYPE_VIDEO_CAPTURE, &pix);
	ctx->out.interval = (struct v4l2_fract){ 1, 30 };
	ctx->cap.interval = ctx->out.interval;
}
