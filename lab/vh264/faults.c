// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong on purpose, and the counters a test reads: debugfs files in
 * vh264/. Module parameters of the same names give the first values.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "vh264.h"

struct vh264_faults vh264_faults = { .hang_mode = HANG_ONCE, .open_errno = EIO };

#define FAULT(name) module_param_named(name, vh264_faults.name, uint, 0444)
FAULT(hang_after);
FAULT(hang_mode);
FAULT(hang_streamoff_ms);
FAULT(error_every);
FAULT(error_lost);
FAULT(slow_ms);
FAULT(ignore_bitrate);
FAULT(bitrate_busy);
FAULT(no_force_key);
FAULT(no_repeat_headers);
FAULT(no_bitrate_mode);
FAULT(open_fails);
FAULT(open_errno);
FAULT(skip_every);
FAULT(integer_rate);
FAULT(max_level);
FAULT(level_stalls);
FAULT(frames_limit);

/* Plain values; hang_after and eio also act when they are written. */
#define FILE_OF(name) { #name, offsetof(struct vh264_faults, name) }
static const struct {
	const char *name;
	size_t offset;
} fault_files[] = {
	FILE_OF(hang_mode),
	FILE_OF(hang_streamoff_ms),
	FILE_OF(error_every),
	FILE_OF(error_lost),
	FILE_OF(slow_ms),
	FILE_OF(ignore_bitrate),
	FILE_OF(bitrate_busy),
	FILE_OF(no_force_key),
	FILE_OF(no_repeat_headers),
	FILE_OF(no_bitrate_mode),
	FILE_OF(open_fails),
	FILE_OF(open_errno),
	FILE_OF(skip_every),
	FILE_OF(integer_rate),
	FILE_OF(max_level),
	FILE_OF(level_stalls),
	FILE_OF(frames_limit),
};

bool vh264_is_hung(struct vh264_ctx *ctx)
{
	return READ_ONCE(ctx->hung) || READ_ONCE(ctx->dev->hung);
}

/* Level limits, ITU-T H.264 table A-1: macroblocks a second, a picture. */
static bool level_too_low(struct vh264_ctx *ctx)
{
	static const struct {
		u8 idc;
		u32 rate, size;
	} limits[] = {
		{ 10, 1485, 99 }, { 11, 3000, 396 }, { 12, 6000, 396 },
		{ 13, 11880, 396 }, { 20, 11880, 396 }, { 21, 19800, 792 },
		{ 22, 20250, 1620 }, { 30, 40500, 1620 },
		{ 31, 108000, 3600 }, { 32, 216000, 5120 },
		{ 40, 245760, 8192 }, { 41, 245760, 8192 },
		{ 42, 522240, 8704 }, { 50, 589824, 22080 },
		{ 51, 983040, 36864 },
	};
	const struct vh264_seq *seq = &ctx->coder.seq;
	const struct v4l2_fract *f = &ctx->cap.interval;
	u32 mbs = vh264_mbs(seq->width) * vh264_mbs(seq->height), i;

	for (i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i].idc == seq->level_idc)
			return mbs > limits[i].size ||
			       (u64)mbs * f->denominator >
			       (u64)limits[i].rate * f->numerator;
	return false;
}

static bool due(u32 every, u64 done)
{
	u32 rest;

	if (!every)
		return false;
	div_u64_rem(done + 1, every, &rest);
	return !rest;
}

/* What is to go wrong with the next picture. */
enum vh264_fault vh264_fault_picture(struct vh264_ctx *ctx,
				     const struct vh264_slice *slice)
{
	struct vh264_faults *f = &ctx->dev->faults;
	u32 limit = READ_ONCE(f->frames_limit);
	u64 n = ctx->taken++;

	if (limit && n >= limit)
		return FAULT_REFUSE;
	if (due(READ_ONCE(f->error_every), n))
		return READ_ONCE(f->error_lost) ? FAULT_LOSE : FAULT_ERROR;
	if (slice->type == VH264_P && due(READ_ONCE(f->skip_every), n))
		return FAULT_SKIP;
	return FAULT_NONE;
}

/* A picture is done; whether the encoder hangs from here on. */
void vh264_fault_coded(struct vh264_ctx *ctx)
{
	struct vh264_faults *f = &ctx->dev->faults;
	u32 after = READ_ONCE(f->hang_after);

	if (READ_ONCE(f->level_stalls) && level_too_low(ctx))
		ctx->hung = true;
	if (!after)
		return;
	if (f->hang_mode == HANG_EVERY_OPEN) {
		if (ctx->taken >= after)
			ctx->hung = true;
		return;
	}
	WRITE_ONCE(f->hang_after, after - 1);
	if (after > 1)
		return;
	if (f->hang_mode == HANG_DEVICE)
		ctx->dev->hung = true;
	else
		ctx->hung = true;
}

int vh264_fault_open(struct vh264_dev *dev)
{
	struct vh264_faults *f = &dev->faults;

	if (!f->open_fails)
		return 0;
	f->open_fails--;
	return -(int)clamp_t(u32, f->open_errno, 1, MAX_ERRNO);
}

/* 1: 30000/1001 becomes 30; 2: it becomes 29. */
void vh264_round_interval(struct vh264_dev *dev, struct v4l2_fract *f)
{
	u32 mode = READ_ONCE(dev->faults.integer_rate);
	u32 rate;

	if (!mode)
		return;
	rate = mode == 1 ? DIV_ROUND_CLOSEST(f->denominator, f->numerator) :
			   f->denominator / f->numerator;
	*f = (struct v4l2_fract){ 1, max(rate, 1U) };
}

static int hang_get(void *data, u64 *val)
{
	struct vh264_dev *dev = data;

	*val = dev->faults.hang_after;
	return 0;
}

/* Any write ends a hang of the whole device; what waits is then coded. */
static int hang_set(void *data, u64 val)
{
	struct vh264_dev *dev = data;
	struct vh264_ctx *ctx;

	mutex_lock(&dev->lock);
	WRITE_ONCE(dev->faults.hang_after, val);
	dev->hung = false;
	list_for_each_entry(ctx, &dev->ctxs, list)
		v4l2_m2m_try_schedule(ctx->fh.m2m_ctx);
	mutex_unlock(&dev->lock);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(hang_fops, hang_get, hang_set, "%llu\n");

static int eio_get(void *data, u64 *val)
{
	struct vh264_dev *dev = data;

	*val = dev->faults.eio;
	return 0;
}

static int eio_set(void *data, u64 val)
{
	struct vh264_dev *dev = data;
	struct vh264_ctx *ctx;

	mutex_lock(&dev->lock);
	dev->faults.eio = val;
	list_for_each_entry(ctx, &dev->ctxs, list) {
		if (!val)
			break;
		if (val != EIO_UNTIL_STREAMOFF)
			ctx->dead = true;
		vb2_queue_error(v4l2_m2m_get_src_vq(ctx->fh.m2m_ctx));
		vb2_queue_error(v4l2_m2m_get_dst_vq(ctx->fh.m2m_ctx));
	}
	mutex_unlock(&dev->lock);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(eio_fops, eio_get, eio_set, "%llu\n");

static int stats_show(struct seq_file *s, void *unused)
{
	static const char * const names[STAT_COUNT] = {
		[STAT_PICTURES] = "pictures",
		[STAT_KEYS] = "keys",
		[STAT_SKIPPED] = "skipped",
		[STAT_ERRORS] = "errors",
		[STAT_BITS] = "bits",
		[STAT_FILLER_BITS] = "filler_bits",
		[STAT_OPENS] = "opens",
		[STAT_OPEN_NOW] = "open_now",
		[STAT_BUFFERS_NOW] = "buffers_now",
		[STAT_IMPORTED_NOW] = "imported_now",
		[STAT_MAPPED_NOW] = "mapped_now",
	};
	struct vh264_dev *dev = s->private;
	unsigned int i;

	for (i = 0; i < STAT_COUNT; i++)
		seq_printf(s, "%s %lld\n", names[i],
			   (s64)atomic64_read(&dev->stats[i]));
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(stats);

void vh264_debugfs_init(struct vh264_dev *dev)
{
	unsigned int i;

	dev->debugfs = debugfs_create_dir(VH264_NAME, NULL);
	for (i = 0; i < ARRAY_SIZE(fault_files); i++)
		debugfs_create_u32(fault_files[i].name, 0644, dev->debugfs,
				   (u32 *)((u8 *)&dev->faults +
					   fault_files[i].offset));
	debugfs_create_file_unsafe("hang_after", 0644, dev->debugfs, dev,
				   &hang_fops);
	debugfs_create_file_unsafe("eio", 0644, dev->debugfs, dev, &eio_fops);
	debugfs_create_file("stats", 0444, dev->debugfs, dev, &stats_fops);
}
