/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A picture as slice data: P_Skip where nothing changed, I_PCM elsewhere.
 */
#ifndef VH264_PICTURE_H
#define VH264_PICTURE_H

#include "bitstream.h"

enum vh264_layout {
	VH264_NV12,		/* planes: Y, CbCr */
	VH264_I420,		/* planes: Y, Cb, Cr */
	VH264_YUYV,		/* plane: Y Cb Y Cr */
};

/* A visible picture in memory; width and height are even. */
struct vh264_frame {
	enum vh264_layout layout;
	const u8 *plane[3];
	u32 stride[3];
	u32 width, height;
};

/* One macroblock as I_PCM wants it: 256 Y, 64 Cb, 64 Cr bytes. */
#define VH264_TILE_WORDS	48
struct vh264_tile {
	u64 w[VH264_TILE_WORDS];
};

/* The longest coded macroblock: every third byte an emulation prevention. */
#define VH264_MB_MAX		(VH264_TILE_WORDS * 12 + 16)

static inline size_t vh264_ref_bytes(u32 width, u32 height)
{
	return (size_t)vh264_mbs(width) * vh264_mbs(height) *
	       sizeof(struct vh264_tile);
}

/* A buffer of this size takes any picture of the size, headers included. */
static inline size_t vh264_worst_bytes(u32 width, u32 height)
{
	return (size_t)vh264_mbs(width) * vh264_mbs(height) * VH264_MB_MAX +
	       VH264_HEADERS_MAX + 64;
}

size_t vh264_write_picture(u8 *buf, size_t len, const struct vh264_seq *seq,
			   const struct vh264_slice *slice,
			   const struct vh264_frame *frame,
			   struct vh264_tile *ref);

#endif
