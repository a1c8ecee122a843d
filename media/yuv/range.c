#include "range.h"

#include <stddef.h>

// (t + (t >> 8)) >> 8 with t = x + 128 is x / 255 rounded, for x up to 65 407;
// 16-bit arithmetic lets the compiler do many samples at once.
static void to_limited(const uint8_t *src, uint8_t *dst, int n, uint16_t scale, uint16_t offset)
{
	for (int i = 0; i < n; i++) {
		uint16_t t = (uint16_t)(src[i] * scale + offset);

		dst[i] = (uint8_t)((uint16_t)(t + (t >> 8)) >> 8);
	}
}

static void to_full(const uint8_t *src, uint8_t *dst, int n, int scale, int offset)
{
	for (int i = 0; i < n; i++) {
		int v = ((src[i] - 16) * scale + offset) >> 16;

		v = v < 0 ? 0 : v;
		dst[i] = (uint8_t)(v > 255 ? 255 : v);
	}
}

void range_plane(const uint8_t *src, int src_stride, uint8_t *dst, int dst_stride, int width, int height, int what)
{
	for (int y = 0; y < height; y++) {
		const uint8_t *s = src + (size_t)y * src_stride;
		uint8_t *d = dst + (size_t)y * dst_stride;

		switch (what) {
		case RANGE_LUMA_TO_LIMITED: // 16 + y * 219 / 255
			to_limited(s, d, width, 219, 16 * 255 + 128);
			break;
		case RANGE_CHROMA_TO_LIMITED: // 128 + (c - 128) * 224 / 255
			to_limited(s, d, width, 224, 128 * 31 + 128);
			break;
		case RANGE_LUMA_TO_FULL: // (y - 16) * 255 / 219
			to_full(s, d, width, 76309, 32768);
			break;
		case RANGE_CHROMA_TO_FULL: // 128 + (c - 128) * 255 / 224 = (c - 16) * 255 / 224 + 1 / 2
			to_full(s, d, width, 74606, 65536);
			break;
		}
	}
}
