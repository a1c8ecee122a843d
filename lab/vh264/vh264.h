/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual stateful H.264 encoder: what the parts of the driver share.
 */
#ifndef VH264_H
#define VH264_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <media/media-device.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-mem2mem.h>

#include "picture.h"

#define VH264_NAME	"vh264"
#define VH264_MIN_SIZE	32U
#define VH264_MAX_SIZE	1920U
#define VH264_MAX_B	4

/* How the device presents itself; fixed when the module is loaded. */
struct vh264_options {
	unsigned int multiplanar;
	char *only;
	unsigned int stride_align;
	unsigned int height_align;
	unsigned int default_b_frames;
	bool report_aligned_height;
	bool repeat_headers;
};

extern struct vh264_options vh264_options;

/* What goes wrong on purpose; see README.md for each. */
struct vh264_faults {
	u32 hang_after;
	u32 hang_mode;
	u32 hang_streamoff_ms;
	u32 error_every;
	u32 error_lost;
	u32 eio;
	u32 slow_ms;
	u32 ignore_bitrate;
	u32 bitrate_busy;
	u32 no_force_key;
	u32 no_repeat_headers;
	u32 no_bitrate_mode;
	u32 open_fails;
	u32 open_errno;
	u32 skip_every;
	u32 integer_rate;
	u32 max_level;
	u32 level_stalls;
	u32 frames_limit;
};

enum { HANG_ONCE = 1, HANG_DEVICE = 2, HANG_EVERY_OPEN = 3 };
enum { EIO_OFF, EIO_UNTIL_REOPENED, EIO_UNTIL_STREAMOFF, EIO_ALWAYS };

/* What happens to one picture. */
enum vh264_fault {
	FAULT_NONE,
	FAULT_SKIP,		/* no CAPTURE buffer */
	FAULT_ERROR,		/* not coded, CAPTURE buffer in error */
	FAULT_LOSE,		/* coded, but its data does not get out */
	FAULT_REFUSE,		/* not coded, both buffers in error */
};

enum vh264_stat {
	STAT_PICTURES,		/* coded, in CAPTURE buffers without error */
	STAT_KEYS,
	STAT_SKIPPED,
	STAT_ERRORS,
	STAT_BITS,
	STAT_FILLER_BITS,
	STAT_OPENS,
	STAT_OPEN_NOW,
	STAT_BUFFERS_NOW,	/* allocated by REQBUFS or CREATE_BUFS, MMAP */
	STAT_IMPORTED_NOW,	/* DMABUFs attached */
	STAT_MAPPED_NOW,	/* mappings through the video node */
	STAT_COUNT
};

struct vh264_dev {
	struct v4l2_device v4l2_dev;
	struct media_device mdev;
	struct video_device vfd;
	struct v4l2_m2m_dev *m2m;
	struct workqueue_struct *wq;
	struct mutex lock;		/* ioctls, open, release, list of ctxs */
	struct list_head ctxs;
	struct dentry *debugfs;
	struct vh264_faults faults;
	bool hung;			/* the whole device, mode 2 */
	atomic64_t stats[STAT_COUNT];
};

struct vh264_fmt {
	u32 fourcc;
	enum vh264_layout layout;
	u8 mem_planes;
	bool single_api;		/* offered with multiplanar=0 */
};

/* The negotiated state of one queue. */
struct vh264_queue {
	const struct vh264_fmt *fmt;	/* NULL on CAPTURE */
	u32 width, height;
	u32 stride[3];
	u32 sizeimage[3];
	u32 mem_planes;
	u32 sequence;
	struct v4l2_fract interval;
};

/* The encoder proper; only the worker touches it while a job runs. */
struct vh264_coder {
	struct vh264_seq seq;
	struct vh264_tile *ref;
	bool need_idr;
	bool need_headers;
	u32 frame_num;
	u16 idr_id;
	u32 gop_pos;		/* display position of the next mini-GOP */
	u32 batch_pos;		/* that of the running one's first picture */
	u32 batch_size;
	u32 batch_left;		/* pictures held back behind a coded anchor */
	s64 debt;		/* bits sent beyond the bitrate */
	u32 bitrate;		/* in force, which faults may make a past one */
};

/* The controls' values. */
struct vh264_settings {
	u32 bitrate, bitrate_mode;
	u32 gop_size, i_period;
	u32 b_frames;
	u32 profile, level;
	u32 header_mode;
	bool repeat_headers, prepend_headers;
};

struct vh264_ctx {
	struct v4l2_fh fh;
	struct vh264_dev *dev;
	struct list_head list;
	struct v4l2_ctrl_handler hdl;
	struct v4l2_ctrl *ctrl_min_buffers;
	struct v4l2_ctrl *fixed_ctrls[4];	/* not to be set while streaming */
	struct vh264_queue out, cap;
	struct v4l2_rect crop;
	u32 coded_wish;			/* the sizeimage asked for on CAPTURE */
	u32 colorspace, ycbcr_enc, quantization, xfer_func;
	struct vh264_settings set;
	bool force_key;			/* the next queued buffer's */
	struct vh264_coder coder;
	struct work_struct work;
	struct mutex state_lock;	/* drain state against the worker */
	bool last_taken;		/* the drain's last source is coded */
	wait_queue_head_t abort_wq;
	bool aborting;
	u64 taken;			/* pictures since open */
	bool hung;
	bool dead;			/* EIO until closed */
};

struct vh264_buffer {
	struct v4l2_m2m_buffer m2m;	/* must come first */
	bool key;
};

static inline struct vh264_ctx *vh264_ctx(struct file *file)
{
	return container_of(file->private_data, struct vh264_ctx, fh);
}

static inline struct vh264_buffer *to_vh264(struct vb2_v4l2_buffer *vbuf)
{
	return container_of(vbuf, struct vh264_buffer, m2m.vb);
}

static inline struct vh264_queue *vh264_queue(struct vh264_ctx *ctx, u32 type)
{
	return V4L2_TYPE_IS_OUTPUT(type) ? &ctx->out : &ctx->cap;
}

static inline void vh264_count(struct vh264_dev *dev, enum vh264_stat stat,
			       s64 n)
{
	atomic64_add(n, &dev->stats[stat]);
}

/* queues.c */
int vh264_queue_init(void *priv, struct vb2_queue *src, struct vb2_queue *dst);
void vh264_send_eos(struct vh264_ctx *ctx);

/* worker.c */
extern const struct v4l2_m2m_ops vh264_m2m_ops;
void vh264_work(struct work_struct *work);

/* coder.c */
u8 vh264_level_idc(u32 menu);
int vh264_coder_start(struct vh264_ctx *ctx);
bool vh264_coder_fits(struct vh264_ctx *ctx);
size_t vh264_code(struct vh264_ctx *ctx, struct vb2_v4l2_buffer *src,
		  u8 *buf, size_t len, struct vh264_slice *slice);
size_t vh264_code_headers(struct vh264_ctx *ctx, u8 *buf, size_t len);
size_t vh264_fill(struct vh264_ctx *ctx, u8 *buf, size_t len, size_t used);

/* formats.c */
extern const struct v4l2_ioctl_ops vh264_ioctl_ops;
void vh264_default_formats(struct vh264_ctx *ctx);
int vh264_enum_fmt_cap(struct file *file, void *priv, struct v4l2_fmtdesc *f);
int vh264_enum_fmt_out(struct file *file, void *priv, struct v4l2_fmtdesc *f);
int vh264_g_fmt(struct file *file, void *priv, struct v4l2_format *f);
int vh264_try_fmt(struct file *file, void *priv, struct v4l2_format *f);
int vh264_s_fmt(struct file *file, void *priv, struct v4l2_format *f);
const struct vh264_fmt *vh264_find_fmt(u32 fourcc);
bool vh264_any_fmt(void);			/* with these options */

/* controls.c */
int vh264_controls_init(struct vh264_ctx *ctx);
void vh264_controls_grab(struct vh264_ctx *ctx, bool grab);

/* faults.c */
extern struct vh264_faults vh264_faults;
void vh264_debugfs_init(struct vh264_dev *dev);
bool vh264_is_hung(struct vh264_ctx *ctx);
enum vh264_fault vh264_fault_picture(struct vh264_ctx *ctx,
				     const struct vh264_slice *slice);
void vh264_fault_coded(struct vh264_ctx *ctx);
int vh264_fault_open(struct vh264_dev *dev);
void vh264_round_interval(struct vh264_dev *dev, struct v4l2_fract *f);

#endif
