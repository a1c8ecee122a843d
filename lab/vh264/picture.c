// SPDX-License-Identifier: GPL-2.0
/*
 * A picture as slice data: P_Skip where nothing changed, I_PCM elsewhere.
 *
 * A skipped macroblock's motion vector is predicted as zero here, since every
 * neighbour is either intra or itself skipped with a zero vector, so P_Skip
 * means "as in the reference picture".
 */
#include "picture.h"

#define MB_I_PCM_IN_I	25
#define MB_I_PCM_IN_P	30

/* The even bytes of a word, in its low half. */
static u64 even4(u64 v)
{
	v &= 0x00ff00ff00ff00ffULL;
	v = (v | v >> 8) & 0x0000ffff0000ffffULL;
	return (v | v >> 16) & 0xffffffffULL;
}

static u64 even8(u64 a, u64 b)
{
	return even4(a) | even4(b) << 32;
}

static u64 odd8(u64 a, u64 b)
{
	return even8(a >> 8, b >> 8);
}

/* The chroma bytes of four YUYV pixels, averaged over two lines, rounded up. */
static u64 chroma4(const u8 *top, const u8 *bottom)
{
	u64 a = load64(top) >> 8 & 0x00ff00ff00ff00ffULL;
	u64 b = load64(bottom) >> 8 & 0x00ff00ff00ff00ffULL;

	return even4((a + b + 0x0001000100010001ULL) >> 1);
}

static void tile_luma(u64 *w, const u8 *y, u32 stride)
{
	unsigned int i;

	for (i = 0; i < 16; i++, y += stride) {
		*w++ = load64(y);
		*w++ = load64(y + 8);
	}
}

static void tile_nv12(u64 *w, const struct vh264_frame *f, u32 mx, u32 my)
{
	const u8 *c = f->plane[1] + (size_t)my * 8 * f->stride[1] + mx * 16;
	unsigned int i;

	tile_luma(w, f->plane[0] + (size_t)my * 16 * f->stride[0] + mx * 16,
		  f->stride[0]);
	for (i = 0; i < 8; i++, c += f->stride[1]) {
		u64 a = load64(c), b = load64(c + 8);

		w[32 + i] = even8(a, b);
		w[40 + i] = odd8(a, b);
	}
}

static void tile_i420(u64 *w, const struct vh264_frame *f, u32 mx, u32 my)
{
	const u8 *cb = f->plane[1] + (size_t)my * 8 * f->stride[1] + mx * 8;
	const u8 *cr = f->plane[2] + (size_t)my * 8 * f->stride[2] + mx * 8;
	unsigned int i;

	tile_luma(w, f->plane[0] + (size_t)my * 16 * f->stride[0] + mx * 16,
		  f->stride[0]);
	for (i = 0; i < 8; i++, cb += f->stride[1], cr += f->stride[2]) {
		w[32 + i] = load64(cb);
		w[40 + i] = load64(cr);
	}
}

static void tile_yuyv(u64 *w, const struct vh264_frame *f, u32 mx, u32 my)
{
	const u8 *top = f->plane[0] + (size_t)my * 16 * f->stride[0] + mx * 32;
	unsigned int i, k;

	for (i = 0; i < 16; i++) {
		const u8 *p = top + (size_t)i * f->stride[0];

		w[2 * i] = even8(load64(p), load64(p + 8));
		w[2 * i + 1] = even8(load64(p + 16), load64(p + 24));
	}
	for (i = 0; i < 8; i++) {
		const u8 *p = top + (size_t)2 * i * f->stride[0];
		const u8 *q = p + f->stride[0];
		u64 c[2];

		for (k = 0; k < 2; k++)
			c[k] = chroma4(p + 16 * k, q + 16 * k) |
			       chroma4(p + 16 * k + 8, q + 16 * k + 8) << 32;
		w[32 + i] = even8(c[0], c[1]);
		w[40 + i] = odd8(c[0], c[1]);
	}
}

static u8 luma_at(const struct vh264_frame *f, u32 x, u32 y)
{
	const u8 *line = f->plane[0] + (size_t)y * f->stride[0];

	return f->layout == VH264_YUYV ? line[2 * x] : line[x];
}

static u8 chroma_at(const struct vh264_frame *f, u32 x, u32 y, u32 cr)
{
	const u8 *line;

	switch (f->layout) {
	case VH264_NV12:
		return f->plane[1][(size_t)y * f->stride[1] + 2 * x + cr];
	case VH264_I420:
		return f->plane[1 + cr][(size_t)y * f->stride[1 + cr] + x];
	default:
		line = f->plane[0] + (size_t)2 * y * f->stride[0];
		x = 4 * x + 1 + 2 * cr;
		return (line[x] + line[f->stride[0] + x] + 1) >> 1;
	}
}

/* A macroblock that hangs over the picture's edge: the edge is repeated. */
static void tile_edge(u64 *w, const struct vh264_frame *f, u32 mx, u32 my)
{
	unsigned int i, c;

	memset(w, 0, sizeof(struct vh264_tile));
	for (i = 0; i < 256; i++) {
		u32 x = min(mx * 16 + i % 16, f->width - 1);
		u32 y = min(my * 16 + i / 16, f->height - 1);

		w[i / 8] |= (u64)luma_at(f, x, y) << (i % 8 * 8);
	}
	for (i = 0; i < 64; i++) {
		u32 x = min(mx * 8 + i % 8, f->width / 2 - 1);
		u32 y = min(my * 8 + i / 8, f->height / 2 - 1);

		for (c = 0; c < 2; c++)
			w[32 + 8 * c + i / 8] |=
				(u64)chroma_at(f, x, y, c) << (i % 8 * 8);
	}
}

static void tile_load(struct vh264_tile *t, const struct vh264_frame *f,
		      u32 mx, u32 my)
{
	if ((mx + 1) * 16 > f->width || (my + 1) * 16 > f->height)
		tile_edge(t->w, f, mx, my);
	else if (f->layout == VH264_NV12)
		tile_nv12(t->w, f, mx, my);
	else if (f->layout == VH264_I420)
		tile_i420(t->w, f, mx, my);
	else
		tile_yuyv(t->w, f, mx, my);
}

/*
 * Codes @frame, which is of @seq's size, against @ref: the last reference
 * picture's tiles, which a reference picture replaces. Returns the length, or
 * 0 when there was no room; @ref is then of no use before the next I picture.
 */
size_t vh264_write_picture(u8 *buf, size_t len, const struct vh264_seq *seq,
			   const struct vh264_slice *slice,
			   const struct vh264_frame *frame,
			   struct vh264_tile *ref)
{
	u32 mbw = vh264_mbs(seq->width), mbh = vh264_mbs(seq->height);
	bool predict = slice->type == VH264_P;
	struct vh264_tile tile;
	struct vh264_bits b;
	u32 mx, my, skipped = 0;

	vh264_slice_header(&b, buf, len, seq, slice);
	for (my = 0; my < mbh && !b.full; my++) {
		for (mx = 0; mx < mbw; mx++, ref++) {
			tile_load(&tile, frame, mx, my);
			if (predict && !memcmp(&tile, ref, sizeof(tile))) {
				skipped++;
				continue;
			}
			if (predict)
				vh264_bits_ue(&b, skipped);
			skipped = 0;
			vh264_bits_ue(&b, predict ? MB_I_PCM_IN_P :
						    MB_I_PCM_IN_I);
			vh264_bits_align(&b);
			vh264_bits_words(&b, tile.w, VH264_TILE_WORDS);
			if (slice->ref)
				*ref = tile;
		}
		breathe();
	}
	if (skipped)
		vh264_bits_ue(&b, skipped);
	return vh264_bits_end(&b, buf);
}
