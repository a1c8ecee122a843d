#include <stdint.h>

// What to do to the samples of a plane on their way.
enum {
	RANGE_LUMA_TO_LIMITED = 0,
	RANGE_CHROMA_TO_LIMITED = 1,
	RANGE_LUMA_TO_FULL = 2,
	RANGE_CHROMA_TO_FULL = 3,
};

// range_plane copies a plane and maps its samples between full range (0...255)
// and limited range (16...235, chroma 16...240), rounded to the nearest. dst may
// be src.
void range_plane(const uint8_t *src, int src_stride, uint8_t *dst, int dst_stride, int width, int height, int what);
