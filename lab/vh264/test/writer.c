// SPDX-License-Identifier: GPL-2.0
/*
 * Codes made-up pictures with the driver's stream writer, in user space:
 *   writer WIDTH HEIGHT nv12|i420|yuyv COUNT GOP REORDER OUT.h264 OUT.yuv
 * OUT.yuv gets the pictures as 4:2:0 in display order, so that any decoder's
 * output can be compared with it byte for byte.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../picture.h"

struct sheet {			/* a picture in its layout, with padding */
	struct vh264_frame f;
	u8 *mem;
};

static void die(const char *what)
{
	fprintf(stderr, "writer: %s\n", what);
	exit(1);
}

static void *must(void *p)
{
	if (!p)
		die("no memory");
	return p;
}

static void sheet_init(struct sheet *s, enum vh264_layout l, u32 w, u32 h)
{
	u32 stride = (l == VH264_YUYV ? 2 * w : w) + 64;
	size_t luma = (size_t)stride * h;

	s->mem = must(calloc(2, luma + 64));
	s->f.layout = l;
	s->f.width = w;
	s->f.height = h;
	s->f.plane[0] = s->mem;
	s->f.plane[1] = s->mem + luma;
	s->f.stride[0] = stride;
	s->f.stride[1] = stride;
	if (l == VH264_I420) {
		s->f.plane[2] = s->mem + luma + (size_t)stride / 2 * (h / 2);
		s->f.stride[1] = stride / 2;
		s->f.stride[2] = stride / 2;
	}
}

static u32 noise(void)
{
	static u32 x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/*
 * Every sixth picture repeats the one before; the others change one band:
 * noise, runs that need emulation prevention, black, a gradient.
 */
static void draw(struct sheet *s, u32 n)
{
	size_t bytes = (size_t)s->f.stride[0] * s->f.height;
	size_t from = bytes * (n % 5) / 7, len = bytes / 9, i;

	if (s->f.layout != VH264_YUYV)
		bytes += bytes / 2;
	if (n == 0) {
		for (i = 0; i < bytes; i++)
			s->mem[i] = i >> 5;
		return;
	}
	if (n % 6 == 5)
		return;
	for (i = from; i < from + len; i++) {
		switch (n % 4) {
		case 0:
			s->mem[i] = noise();
			break;
		case 1:
			s->mem[i] = (noise() & 7) > 5 ? noise() & 3 : 0;
			break;
		case 2:
			s->mem[i] = 0;
			break;
		default:
			s->mem[i] = i + n;
		}
	}
	/* some chroma of its own */
	for (i = 0; i < len / 4; i++)
		s->mem[bytes - 1 - i - n % 3 * len / 4] = noise() & 1 ? 0 : n;
}

/* The picture as planar 4:2:0, by the rules the README gives. */
static void dump(FILE *out, const struct vh264_frame *f)
{
	u32 x, y, c;

	for (y = 0; y < f->height; y++)
		for (x = 0; x < f->width; x++) {
			const u8 *l = f->plane[0] + (size_t)y * f->stride[0];

			putc(f->layout == VH264_YUYV ? l[2 * x] : l[x], out);
		}
	for (c = 0; c < 2; c++)
		for (y = 0; y < f->height / 2; y++)
			for (x = 0; x < f->width / 2; x++) {
				const u8 *a = f->plane[0] + (size_t)2 * y * f->stride[0] +
					      4 * x + 1 + 2 * c;

				if (f->layout == VH264_YUYV)
					putc((a[0] + a[f->stride[0]] + 1) / 2, out);
				else if (f->layout == VH264_NV12)
					putc(f->plane[1][(size_t)y * f->stride[1] +
							 2 * x + c], out);
				else
					putc(f->plane[1 + c][(size_t)y *
							     f->stride[1 + c] + x], out);
			}
}

struct writer {
	struct vh264_seq seq;
	struct vh264_tile *ref;
	u8 *buf;
	size_t room;
	u32 frame_num;
	u16 idr_id;
	FILE *out;
};

static void code(struct writer *w, const struct vh264_frame *f,
		 enum vh264_type type, bool ref, u32 poc)
{
	struct vh264_slice s = { .type = type, .ref = ref, .poc = poc };
	size_t n = 0, k;

	if (type == VH264_IDR) {
		w->frame_num = 0;
		s.idr_id = w->idr_id++;
		n = vh264_write_headers(w->buf, w->room, &w->seq);
		if (!n)
			die("no room for headers");
	}
	s.frame_num = w->frame_num;
	k = vh264_write_picture(w->buf + n, w->room - n, &w->seq, &s, f, w->ref);
	if (!k)
		die("the worst case is too small");
	n += k;
	n += vh264_write_filler(w->buf + n, w->room - n, poc % 40);
	if (fwrite(w->buf, 1, n, w->out) != n)
		die("cannot write");
	if (ref)
		w->frame_num++;
}

/* A buffer that is too small must be refused, never overrun. */
static void check_small(struct writer *w, const struct vh264_frame *f)
{
	struct vh264_slice s = { .type = VH264_IDR, .ref = true };
	struct vh264_tile *ref = must(calloc(1, vh264_ref_bytes(f->width, f->height)));
	size_t least = vh264_ref_bytes(f->width, f->height), len;

	for (len = 0; len < min(least, 4096); len += 7) {
		u8 *small = must(malloc(len + 16));

		memset(small + len, 0xa5, 16);
		if (vh264_write_picture(small, len, &w->seq, &s, f, ref))
			die("a picture fitted a buffer that is too small");
		vh264_write_headers(small, len % 40, &w->seq);
		if (small[len] != 0xa5 || small[len + 15] != 0xa5)
			die("wrote past the end");
		free(small);
	}
	free(ref);
}

int main(int argc, char **argv)
{
	enum vh264_layout layout = VH264_NV12;
	struct writer w = { 0 };
	struct sheet *s;
	u32 width, height, count, gop, hold, i, k, n;
	size_t bytes;
	FILE *yuv;

	if (argc != 9)
		die("WIDTH HEIGHT LAYOUT COUNT GOP REORDER OUT.h264 OUT.yuv");
	width = atoi(argv[1]);
	height = atoi(argv[2]);
	if (!strcmp(argv[3], "i420"))
		layout = VH264_I420;
	else if (!strcmp(argv[3], "yuyv"))
		layout = VH264_YUYV;
	count = atoi(argv[4]);
	gop = atoi(argv[5]);
	hold = atoi(argv[6]);
	w.out = must(fopen(argv[7], "wb"));
	yuv = must(fopen(argv[8], "wb"));

	w.seq = (struct vh264_seq){
		.width = width, .height = height, .rate_num = 30000,
		.rate_den = 1001, .profile_idc = hold ? 77 : 66,
		.constraints = hold ? 0 : 0xc0, .level_idc = 40,
		.reorder = hold, .primaries = 1, .transfer = 1, .matrix = 1,
	};
	w.ref = must(calloc(1, vh264_ref_bytes(width, height)));
	w.room = vh264_worst_bytes(width, height);
	w.buf = must(malloc(w.room));

	s = must(calloc(hold + 1, sizeof(*s)));
	for (i = 0; i <= hold; i++)
		sheet_init(&s[i], layout, width, height);
	bytes = (size_t)2 * s[0].f.stride[0] * height;
	for (i = 0; i < count; i += n) {
		n = i % gop ? min(hold + 1, min(gop - i % gop, count - i)) : 1;
		for (k = 0; k < n; k++) {
			/* each picture goes on from the one before it */
			if (k)
				memcpy(s[k].mem, s[k - 1].mem, bytes);
			draw(&s[k], i + k);
			dump(yuv, &s[k].f);
		}
		if (i == 0)
			check_small(&w, &s[0].f);
		k = n - 1;
		code(&w, &s[k].f, i % gop == 0 ? VH264_IDR :
		     i % 11 == 7 ? VH264_I : VH264_P, true, (i + k) % gop * 2);
		for (k = 0; k + 1 < n; k++)
			code(&w, &s[k].f, VH264_P, false, (i + k) % gop * 2);
		if (n > 1)
			memcpy(s[0].mem, s[n - 1].mem, bytes);
	}
	if (fclose(w.out) || fclose(yuv))
		die("cannot write");
	for (i = 0; i <= hold; i++)
		free(s[i].mem);
	free(s);
	free(w.buf);
	free(w.ref);
	return 0;
}
