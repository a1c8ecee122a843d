package yuv

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// Every format into every other, at the same size, smaller and larger, against
// ffmpeg's scaler.
func TestConvertsAsFFmpegDoes(t *testing.T) {
	const w, h = 320, 180
	for _, from := range formats {
		src, all := blank(from, w, h)
		copy(all, ffmpeg(t, nil, "-f", "lavfi", "-i", "testsrc2=size="+size(w, h), "-frames:v", "1", "-pix_fmt", ffmpegName(from), "-f", "rawvideo", "-"))
		for _, to := range formats {
			for _, c := range []struct {
				w, h   int
				filter string
				psnr   float64 // at least: the two choose other weights
			}{
				{w, h, "bilinear", 33}, // the chroma of 4:2:0 and 4:2:2 into each other
				{w / 2, h / 2 / 2 * 2, "area", 38},
				{w / 4, h / 4 / 2 * 2, "area", 34},
				{480, 270, "bilinear", 33},
				{200, 100, "bilinear", 26},
			} {
				t.Run(fmt.Sprintf("%v to %v %s", from, to, size(c.w, c.h)), func(t *testing.T) {
					want := ffmpeg(t, all, "-f", "rawvideo", "-pix_fmt", ffmpegName(from), "-s", size(w, h), "-i", "INPUT",
						"-vf", fmt.Sprintf("scale=%d:%d:flags=%s+accurate_rnd", c.w, c.h, c.filter), "-pix_fmt", ffmpegName(to), "-f", "rawvideo", "-")
					dst, got := blank(to, c.w, c.h)
					require.NoError(t, NewConverter().Convert(dst, src))
					require.Len(t, want, len(got))
					db := psnr(got, want)
					t.Logf("%.1f dB", db)
					assert.Greater(t, db, c.psnr)
				})
			}
		}
	}
}

func TestSameFormatIsACopy(t *testing.T) {
	for _, f := range formats {
		src, want := blank(f, 62, 34)
		fill(src)
		dst, got := blank(f, 62, 34)
		require.NoError(t, NewConverter().Convert(dst, src))
		assert.True(t, bytes.Equal(want, got), f)
	}
}

// 4:2:0 and 4:2:2 formats lose nothing among themselves.
func TestThereAndBackIsLossless(t *testing.T) {
	for _, c := range [][2]media.PixelFormat{{media.I420, media.NV12}, {media.NV12, media.I420}, {media.YUYV, media.UYVY}, {media.UYVY, media.YUYV}} {
		src, want := blank(c[0], 94, 26)
		fill(src)
		there, _ := blank(c[1], 94, 26)
		back, got := blank(c[0], 94, 26)
		convert := NewConverter()
		require.NoError(t, convert.Convert(there, src))
		require.NoError(t, convert.Convert(back, there))
		assert.True(t, bytes.Equal(want, got), c)
	}
}

func TestSizesThatTheFormatCannotHaveAreRefused(t *testing.T) {
	good, _ := blank(media.I420, 64, 32)
	change := func(f func(*Picture)) Picture {
		p := good
		f(&p)
		return p
	}
	for name, c := range map[string]struct {
		picture Picture
		says    string
	}{
		"zero":                {Picture{}, "pixel format 0 is not one of"},
		"unknown format":      {change(func(p *Picture) { p.Format = 9 }), "pixel format 9 is not one of"},
		"odd width":           {change(func(p *Picture) { p.Width = 63 }), "size 63x32 is odd"},
		"odd height":          {change(func(p *Picture) { p.Height = 31 }), "size 64x31 is odd"},
		"no width":            {change(func(p *Picture) { p.Width = 0 }), "size 0x32 is not between"},
		"negative":            {change(func(p *Picture) { p.Height = -2 }), "size 64x-2 is not between"},
		"huge":                {change(func(p *Picture) { p.Width = math.MaxInt32 - 1 }), "is not between"},
		"stride too small":    {change(func(p *Picture) { p.Planes[0].Stride = 63 }), "plane 0 of a 64x32 I420 picture: stride 63, but a row has 64 bytes"},
		"negative stride":     {change(func(p *Picture) { p.Planes[1].Stride = -64 }), "plane 1 of a 64x32 I420 picture: stride -64"},
		"stride beyond C":     {change(func(p *Picture) { p.Planes[0].Stride = math.MaxInt32 }), "but 32 rows of stride 2147483647 need"},
		"not mapped":          {change(func(p *Picture) { p.Planes[2].Data = nil }), "plane 2 of a 64x32 I420 picture: 0 bytes, but 16 rows of stride 32 need 512"},
		"last row cut by one": {change(func(p *Picture) { p.Planes[0].Data = p.Planes[0].Data[:64*32-1] }), "2047 bytes, but 32 rows of stride 64 need 2048"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, NewConverter().Convert(good, c.picture), "yuv: convert from: ")
			require.ErrorContains(t, NewConverter().Convert(good, c.picture), c.says)
			require.ErrorContains(t, NewConverter().Convert(c.picture, good), "yuv: convert to: ")
		})
	}
}

// Full range to limited and back, each value against the definition.
func TestRangeIsMappedAsDefined(t *testing.T) {
	ramp := make([]byte, 256)
	for i := range ramp {
		ramp[i] = byte(i)
	}
	limit := func(v float64) byte { return byte(math.Round(min(max(v, 0), 255))) }
	for _, c := range []struct {
		name         string
		chroma, full bool
		want         func(v float64) byte
	}{
		{"luma to limited", false, false, func(v float64) byte { return limit(16 + v*219/255) }},
		{"chroma to limited", true, false, func(v float64) byte { return limit(128 + (v-128)*224/255) }},
		{"luma to full", false, true, func(v float64) byte { return limit((v - 16) * 255 / 219) }},
		{"chroma to full", true, true, func(v float64) byte { return limit(128 + (v-128)*255/224) }},
	} {
		got := make([]byte, 256)
		rangePlane(plane{got, 256, 256, 1}, plane{ramp, 256, 256, 1}, c.chroma, c.full)
		for i, g := range got {
			assert.Equal(t, c.want(float64(i)), g, "%s: %d", c.name, i)
		}
	}
}

func TestFullRangeBlackAndWhiteBecomeVideoBlackAndWhite(t *testing.T) {
	for _, f := range formats {
		for _, w := range []int{32, 64} { // scaled, and not
			for full, limited := range map[byte]byte{0: 16, 255: 235} {
				src, _ := blank(media.I420, 32, 32)
				src.FullRange = true
				for i := range src.Planes[0].Data {
					src.Planes[0].Data[i] = full
				}
				for i := range src.Planes[1].Data {
					src.Planes[1].Data[i], src.Planes[2].Data[i] = 128, 128
				}
				dst, _ := blank(f, w, 32)
				require.NoError(t, NewConverter().Convert(dst, src))
				luma, _, _ := samples(dst)
				assert.Equal(t, bytes.Repeat([]byte{limited}, w*32), luma, f)
			}
		}
	}
}

// samples are the components of a picture.
func samples(p Picture) (y, u, v []byte) {
	c := NewConverter().takeApart(&p)
	var out [3][]byte
	for i, s := range c.planes {
		for r := range s.height {
			out[i] = append(out[i], s.data[r*s.stride:r*s.stride+s.width]...)
		}
	}
	return out[0], out[1], out[2]
}

// Planes that end where memory ends: one byte too far, and the test dies.
func TestTouchesNothingOutsideThePlanes(t *testing.T) {
	sizes := [][2]int{{2, 2}, {4, 2}, {2, 36}, {18, 10}, {30, 22}, {62, 34}, {66, 4}, {126, 6}, {320, 18}, {642, 14}}
	convert := NewConverter()
	for _, from := range formats {
		for _, s := range sizes {
			src := guarded(t, from, s[0], s[1], s[0]%3)
			fill(src)
			for _, to := range formats {
				for _, d := range sizes {
					for _, full := range []bool{false, true} {
						dst := guarded(t, to, d[0], d[1], d[1]%5)
						dst.FullRange = full
						require.NoError(t, convert.Convert(dst, src), "%v %v to %v %v", from, s, to, d)
					}
				}
			}
		}
	}
}

// What is not checked is not safe: any sizes, strides and lengths are either
// refused or within memory.
func FuzzConvert(f *testing.F) {
	f.Add(uint8(1), 64, 32, 64, uint8(2), 32, 16, 32, 4096, 4096, true)
	f.Add(uint8(3), 64, 32, 128, uint8(4), 640, 360, 1280, 4096, 640*360*2, false)
	f.Fuzz(func(t *testing.T, from uint8, w, h, stride int, to uint8, dw, dh, dstStride, n, m int, full bool) {
		const most = 1 << 22
		if n < 0 || m < 0 || n > most || m > most {
			return
		}
		src := Picture{Format: media.PixelFormat(from), Width: w, Height: h}
		dst := Picture{Format: media.PixelFormat(to), Width: dw, Height: dh, FullRange: full}
		for i := range src.Planes {
			src.Planes[i] = media.Plane{Data: make([]byte, n), Stride: stride}
			dst.Planes[i] = media.Plane{Data: make([]byte, m), Stride: dstStride}
		}
		_ = NewConverter().Convert(dst, src)
	})
}
