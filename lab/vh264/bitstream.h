/* SPDX-License-Identifier: GPL-2.0 */
/*
 * H.264 syntax: bits, NAL units, parameter sets, slice headers, filler.
 */
#ifndef VH264_BITSTREAM_H
#define VH264_BITSTREAM_H

#include "portable.h"

/* A NAL unit under way: bits in, bytes with emulation prevention out. */
struct vh264_bits {
	u8 *p;
	u8 *end;
	u64 acc;		/* the low @fill bits are not yet written */
	unsigned int fill;
	unsigned int zeros;	/* zero bytes just written, up to two */
	bool full;		/* something did not fit: the NAL unit is void */
};

/* What the parameter sets say. The picture is 4:2:0, 8 bits, progressive. */
struct vh264_seq {
	u32 width, height;	/* visible, even */
	u32 rate_num, rate_den;	/* pictures a second; 0/0: not written */
	u8 profile_idc;
	u8 constraints;		/* constraint_set0_flag is the top bit */
	u8 level_idc;
	u8 reorder;		/* pictures held back behind an anchor; 0: none */
	u8 full_range;
	u8 primaries, transfer, matrix;	/* ISO/IEC 23091-2; 2: not known */
};

enum vh264_type {
	VH264_IDR,
	VH264_I,		/* an I picture that is no IDR picture */
	VH264_P,
};

struct vh264_slice {
	enum vh264_type type;
	bool ref;		/* later pictures are predicted from it */
	u32 frame_num;
	u32 poc;		/* display position since the IDR picture, times 2 */
	u16 idr_id;
};

#define VH264_LOG2_FRAME_NUM	8
#define VH264_LOG2_POC		8
#define VH264_HEADERS_MAX	128	/* SPS and PPS never need more */
#define VH264_FILLER_MIN	6	/* start code, header, trailing bits */

static inline u32 vh264_mbs(u32 pixels)
{
	return (pixels + 15) / 16;
}

void vh264_bits_nal(struct vh264_bits *b, u8 *buf, size_t len, u8 header);
void vh264_bits_put(struct vh264_bits *b, u32 value, unsigned int n);
void vh264_bits_ue(struct vh264_bits *b, u32 value);
void vh264_bits_align(struct vh264_bits *b);
void vh264_bits_words(struct vh264_bits *b, const u64 *words, unsigned int n);
size_t vh264_bits_end(struct vh264_bits *b, const u8 *buf);

size_t vh264_write_headers(u8 *buf, size_t len, const struct vh264_seq *seq);
size_t vh264_write_filler(u8 *buf, size_t len, size_t want);
void vh264_slice_header(struct vh264_bits *b, u8 *buf, size_t len,
			const struct vh264_seq *seq,
			const struct vh264_slice *slice);

#endif
