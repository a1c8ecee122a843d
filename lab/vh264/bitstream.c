// SPDX-License-Identifier: GPL-2.0
/*
 * H.264 syntax: bits, NAL units, parameter sets, slice headers, filler
 * (ITU-T H.264, clauses 7.3 and 9.1, annexes B and E).
 */
#include "bitstream.h"

#define NAL_SLICE	1
#define NAL_IDR		5
#define NAL_SPS		7
#define NAL_PPS		8
#define NAL_FILLER	12
#define NAL_REF		(3 << 5)

#define START_CODE	4
#define PROFILE_HIGH	100
#define SAR_SQUARE	1

static void put_byte(struct vh264_bits *b, u8 byte)
{
	if (b->end - b->p < 2) {
		b->full = true;
		return;
	}
	if (b->zeros == 2 && byte <= 3) {
		*b->p++ = 3;
		b->zeros = 0;
	}
	*b->p++ = byte;
	b->zeros = byte ? 0 : b->zeros + 1;
}

/* Starts a NAL unit in @buf: start code and header byte. */
void vh264_bits_nal(struct vh264_bits *b, u8 *buf, size_t len, u8 header)
{
	memset(b, 0, sizeof(*b));
	b->p = buf;
	b->end = buf + len;
	if (len < START_CODE + 1) {
		b->full = true;
		return;
	}
	*b->p++ = 0;
	*b->p++ = 0;
	*b->p++ = 0;
	*b->p++ = 1;
	*b->p++ = header;
}

/* @n is at most 32. */
void vh264_bits_put(struct vh264_bits *b, u32 value, unsigned int n)
{
	b->acc = b->acc << n | value;
	b->fill += n;
	while (b->fill >= 8) {
		b->fill -= 8;
		put_byte(b, b->acc >> b->fill);
	}
}

void vh264_bits_ue(struct vh264_bits *b, u32 value)
{
	unsigned int n = 0;

	while ((value + 1) >> (n + 1))
		n++;
	vh264_bits_put(b, 0, n);
	vh264_bits_put(b, value + 1, n + 1);
}

/* Zero bits up to the next byte. */
void vh264_bits_align(struct vh264_bits *b)
{
	if (b->fill)
		vh264_bits_put(b, 0, 8 - b->fill);
}

static bool has_zero_byte(u64 v)
{
	return (v - 0x0101010101010101ULL) & ~v & 0x8080808080808080ULL;
}

/*
 * Whole bytes, little-endian words, at a byte boundary. A word without a zero
 * byte can neither need an emulation prevention byte inside nor leave one due
 * behind it, so only words with a zero byte (or behind two) go byte by byte.
 */
void vh264_bits_words(struct vh264_bits *b, const u64 *words, unsigned int n)
{
	unsigned int i, k;

	if ((size_t)(b->end - b->p) < n * 12 + 2) {
		b->full = true;
		return;
	}
	for (i = 0; i < n; i++) {
		if (b->zeros < 2 && !has_zero_byte(words[i])) {
			store64(words[i], b->p);
			b->p += 8;
			b->zeros = 0;
			continue;
		}
		for (k = 0; k < 64; k += 8)
			put_byte(b, words[i] >> k);
	}
}

/* Ends the NAL unit; its length from @buf, or 0 when it did not fit. */
size_t vh264_bits_end(struct vh264_bits *b, const u8 *buf)
{
	vh264_bits_put(b, 1, 1);
	vh264_bits_align(b);
	return b->full ? 0 : b->p - buf;
}

static void put_vui(struct vh264_bits *b, const struct vh264_seq *seq)
{
	vh264_bits_put(b, 1, 1);	/* aspect_ratio_info_present_flag */
	vh264_bits_put(b, SAR_SQUARE, 8);
	vh264_bits_put(b, 0, 1);	/* overscan_info_present_flag */
	vh264_bits_put(b, 1, 1);	/* video_signal_type_present_flag */
	vh264_bits_put(b, 5, 3);	/* video_format: unspecified */
	vh264_bits_put(b, seq->full_range, 1);
	vh264_bits_put(b, 1, 1);	/* colour_description_present_flag */
	vh264_bits_put(b, seq->primaries, 8);
	vh264_bits_put(b, seq->transfer, 8);
	vh264_bits_put(b, seq->matrix, 8);
	vh264_bits_put(b, 0, 1);	/* chroma_loc_info_present_flag */
	vh264_bits_put(b, seq->rate_num != 0, 1);
	if (seq->rate_num) {
		vh264_bits_put(b, seq->rate_den, 32);
		vh264_bits_put(b, seq->rate_num * 2, 32);
		vh264_bits_put(b, 0, 1);	/* fixed_frame_rate_flag */
	}
	vh264_bits_put(b, 0, 1);	/* nal_hrd_parameters_present_flag */
	vh264_bits_put(b, 0, 1);	/* vcl_hrd_parameters_present_flag */
	vh264_bits_put(b, 0, 1);	/* pic_struct_present_flag */
	vh264_bits_put(b, 1, 1);	/* bitstream_restriction_flag */
	vh264_bits_put(b, 1, 1);	/* motion_vectors_over_pic_boundaries */
	vh264_bits_ue(b, 0);		/* max_bytes_per_pic_denom: no limit */
	vh264_bits_ue(b, 0);		/* max_bits_per_mb_denom: no limit */
	vh264_bits_ue(b, 0);		/* log2_max_mv_length_horizontal */
	vh264_bits_ue(b, 0);		/* log2_max_mv_length_vertical */
	vh264_bits_ue(b, seq->reorder ? 1 : 0);	/* max_num_reorder_frames */
	vh264_bits_ue(b, seq->reorder ? 2 : 1);	/* max_dec_frame_buffering */
}

static void put_sps(struct vh264_bits *b, const struct vh264_seq *seq)
{
	u32 mbw = vh264_mbs(seq->width), mbh = vh264_mbs(seq->height);
	u32 right = mbw * 16 - seq->width, bottom = mbh * 16 - seq->height;

	vh264_bits_put(b, seq->profile_idc, 8);
	vh264_bits_put(b, seq->constraints, 8);
	vh264_bits_put(b, seq->level_idc, 8);
	vh264_bits_ue(b, 0);		/* seq_parameter_set_id */
	if (seq->profile_idc >= PROFILE_HIGH) {
		vh264_bits_ue(b, 1);	/* chroma_format_idc: 4:2:0 */
		vh264_bits_ue(b, 0);	/* bit_depth_luma_minus8 */
		vh264_bits_ue(b, 0);	/* bit_depth_chroma_minus8 */
		vh264_bits_put(b, 0, 1);/* qpprime_y_zero_transform_bypass */
		vh264_bits_put(b, 0, 1);/* seq_scaling_matrix_present_flag */
	}
	vh264_bits_ue(b, VH264_LOG2_FRAME_NUM - 4);
	if (seq->reorder) {
		vh264_bits_ue(b, 0);	/* pic_order_cnt_type */
		vh264_bits_ue(b, VH264_LOG2_POC - 4);
	} else {
		vh264_bits_ue(b, 2);	/* display order is coding order */
	}
	vh264_bits_ue(b, 1);		/* max_num_ref_frames */
	vh264_bits_put(b, 0, 1);	/* gaps_in_frame_num_value_allowed */
	vh264_bits_ue(b, mbw - 1);
	vh264_bits_ue(b, mbh - 1);
	vh264_bits_put(b, 1, 1);	/* frame_mbs_only_flag */
	vh264_bits_put(b, 1, 1);	/* direct_8x8_inference_flag */
	vh264_bits_put(b, right || bottom, 1);
	if (right || bottom) {
		vh264_bits_ue(b, 0);
		vh264_bits_ue(b, right / 2);
		vh264_bits_ue(b, 0);
		vh264_bits_ue(b, bottom / 2);
	}
	vh264_bits_put(b, 1, 1);	/* vui_parameters_present_flag */
	put_vui(b, seq);
}

static void put_pps(struct vh264_bits *b)
{
	vh264_bits_ue(b, 0);		/* pic_parameter_set_id */
	vh264_bits_ue(b, 0);		/* seq_parameter_set_id */
	vh264_bits_put(b, 0, 1);	/* entropy_coding_mode_flag: CAVLC */
	vh264_bits_put(b, 0, 1);	/* bottom_field_pic_order_in_frame */
	vh264_bits_ue(b, 0);		/* num_slice_groups_minus1 */
	vh264_bits_ue(b, 0);		/* num_ref_idx_l0_default_active_minus1 */
	vh264_bits_ue(b, 0);		/* num_ref_idx_l1_default_active_minus1 */
	vh264_bits_put(b, 0, 1);	/* weighted_pred_flag */
	vh264_bits_put(b, 0, 2);	/* weighted_bipred_idc */
	vh264_bits_ue(b, 0);		/* pic_init_qp_minus26 */
	vh264_bits_ue(b, 0);		/* pic_init_qs_minus26 */
	vh264_bits_ue(b, 0);		/* chroma_qp_index_offset */
	vh264_bits_put(b, 1, 1);	/* deblocking_filter_control_present */
	vh264_bits_put(b, 0, 1);	/* constrained_intra_pred_flag */
	vh264_bits_put(b, 0, 1);	/* redundant_pic_cnt_present_flag */
}

/* SPS and PPS; their length, or 0 when they did not fit. */
size_t vh264_write_headers(u8 *buf, size_t len, const struct vh264_seq *seq)
{
	struct vh264_bits b;
	size_t sps, pps;

	vh264_bits_nal(&b, buf, len, NAL_REF | NAL_SPS);
	put_sps(&b, seq);
	sps = vh264_bits_end(&b, buf);
	if (!sps)
		return 0;
	vh264_bits_nal(&b, buf + sps, len - sps, NAL_REF | NAL_PPS);
	put_pps(&b);
	pps = vh264_bits_end(&b, buf + sps);
	return pps ? sps + pps : 0;
}

/* A filler data NAL unit of @want bytes, or as many as there is room for. */
size_t vh264_write_filler(u8 *buf, size_t len, size_t want)
{
	want = min(want, len);
	if (want < VH264_FILLER_MIN)
		return 0;
	memset(buf, 0, START_CODE - 1);
	buf[START_CODE - 1] = 1;
	buf[START_CODE] = NAL_FILLER;
	memset(buf + START_CODE + 1, 0xff, want - START_CODE - 2);
	buf[want - 1] = 0x80;
	return want;
}

/* Starts a slice of the whole picture, deblocking off. */
void vh264_slice_header(struct vh264_bits *b, u8 *buf, size_t len,
			const struct vh264_seq *seq,
			const struct vh264_slice *slice)
{
	bool idr = slice->type == VH264_IDR;

	vh264_bits_nal(b, buf, len, (slice->ref ? NAL_REF : 0) |
		       (idr ? NAL_IDR : NAL_SLICE));
	vh264_bits_ue(b, 0);		/* first_mb_in_slice */
	vh264_bits_ue(b, slice->type == VH264_P ? 5 : 7);
	vh264_bits_ue(b, 0);		/* pic_parameter_set_id */
	vh264_bits_put(b, slice->frame_num & ((1 << VH264_LOG2_FRAME_NUM) - 1),
		       VH264_LOG2_FRAME_NUM);
	if (idr)
		vh264_bits_ue(b, slice->idr_id);
	if (seq->reorder)
		vh264_bits_put(b, slice->poc & ((1 << VH264_LOG2_POC) - 1),
			       VH264_LOG2_POC);
	if (slice->type == VH264_P) {
		vh264_bits_put(b, 0, 1);/* num_ref_idx_active_override_flag */
		vh264_bits_put(b, 0, 1);/* ref_pic_list_modification_flag_l0 */
	}
	if (idr)
		vh264_bits_put(b, 0, 2);/* no_output_of_prior, long_term */
	else if (slice->ref)
		vh264_bits_put(b, 0, 1);/* adaptive_ref_pic_marking_mode_flag */
	vh264_bits_ue(b, 0);		/* slice_qp_delta */
	vh264_bits_ue(b, 1);		/* disable_deblocking_filter_idc */
}
