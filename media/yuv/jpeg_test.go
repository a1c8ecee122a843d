package yuv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// picture is a JPEG picture as ffmpeg makes it, with the standard's Huffman tables.
func picture(t testing.TB, pixels string, width, height int) []byte {
	t.Helper()
	return ffmpeg(t, nil, "-f", "lavfi", "-i", "testsrc2=size="+size(width, height), "-frames:v", "1",
		"-pix_fmt", pixels, "-c:v", "mjpeg", "-huffman", "default", "-q:v", "3", "-f", "mjpeg", "-")
}

// without leaves the segments of a marker out.
func without(t testing.TB, data []byte, marker byte) []byte {
	t.Helper()
	out := append([]byte(nil), data[:2]...)
	for at := 2; ; {
		require.Equal(t, byte(0xFF), data[at])
		end := at + 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if data[at+1] != marker {
			out = append(out, data[at:end]...)
		}
		if data[at+1] == markerSOS {
			return append(out, data[end:]...)
		}
		at = end
	}
}

func decoderFor(t testing.TB) *JPEG {
	t.Helper()
	j, err := NewJPEG()
	require.NoError(t, err)
	t.Cleanup(j.Close)
	return j
}

// Every subsampling a camera may send, into every format, full and limited
// range, at its own size and another, against ffmpeg's decoder and scaler. The
// pictures of testdata are cjpeg's, of ffmpeg's testsrc2 at 128x96.
func TestDecodesAsFFmpegDoes(t *testing.T) {
	for _, c := range []struct {
		file, name string
		psnr       float64 // at least; the two interpolate missing rows of chroma differently
	}{
		{"422", "4:2:2", 38}, {"422-restart", "4:2:2", 38}, {"420", "4:2:0", 32}, {"420-progressive", "4:2:0", 32},
		{"444", "4:4:4", 33}, {"440", "4:4:0", 30}, {"411", "4:1:1", 35}, {"gray", "grey", 50},
	} {
		data, err := os.ReadFile("testdata/" + c.file + ".jpg")
		require.NoError(t, err)
		j := decoderFor(t)
		w, h, name, err := j.Header(data)
		require.NoError(t, err)
		assert.Equal(t, []any{128, 96, c.name}, []any{w, h, name})
		for _, to := range formats {
			for _, full := range []bool{false, true} {
				for _, s := range [][2]int{{w, h}, {w / 2, h / 2}} {
					t.Run(fmt.Sprintf("%s to %v %v full %v", c.file, to, s, full), func(t *testing.T) {
						filter := fmt.Sprintf("scale=%d:%d:flags=%s+accurate_rnd:in_range=pc:out_range=%s,format=%s", s[0], s[1],
							map[bool]string{true: "bilinear", false: "area"}[s[0] == w], map[bool]string{false: "tv", true: "pc"}[full], ffmpegName(to))
						if c.name == "grey" { // ffmpeg's short way from grey to NV12 leaves the chroma 0
							filter = "format=yuvj420p," + filter
						}
						want := ffmpeg(t, data, "-f", "mjpeg", "-i", "INPUT", "-vf", filter, "-f", "rawvideo", "-")
						dst, got := blank(to, s[0], s[1])
						dst.FullRange = full
						require.NoError(t, j.Decode(dst, data))
						require.Len(t, want, len(got))
						db := psnr(got, want)
						t.Logf("%.1f dB", db)
						assert.Greater(t, db, c.psnr)
					})
				}
			}
		}
	}
}

func TestFullRangeGreyBecomesLimited(t *testing.T) {
	j := decoderFor(t)
	for full, limited := range map[byte]byte{0: 16, 255: 235, 128: 126} {
		img := image.NewGray(image.Rect(0, 0, 64, 32))
		for i := range img.Pix {
			img.Pix[i] = full
		}
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, img, nil))
		for _, f := range formats {
			for out, want := range map[bool]byte{true: full, false: limited} {
				dst, _ := blank(f, 64, 32)
				dst.FullRange = out
				require.NoError(t, j.Decode(dst, b.Bytes()))
				y, u, v := samples(dst)
				assert.Equal(t, bytes.Repeat([]byte{want}, 64*32), y, f)
				assert.Equal(t, bytes.Repeat([]byte{128}, len(u)), u, f)
				assert.Equal(t, u, v)
			}
		}
	}
}

func TestPicturesWithoutHuffmanTablesAreDecoded(t *testing.T) {
	data := picture(t, "yuvj422p", 320, 180)
	bare := without(t, data, markerDHT)
	require.Less(t, len(bare), len(data)-400)
	j := decoderFor(t)
	dst, got := blank(media.I420, 320, 180)
	require.NoError(t, j.Decode(dst, data))
	want := bytes.Clone(got)

	clear(got)
	require.NoError(t, j.Decode(dst, bare))
	assert.True(t, bytes.Equal(want, got))

	t.Run("after a picture that brought others", func(t *testing.T) {
		other := ffmpeg(t, nil, "-f", "lavfi", "-i", "mandelbrot=size=320x180", "-frames:v", "1",
			"-pix_fmt", "yuvj422p", "-c:v", "mjpeg", "-huffman", "optimal", "-f", "mjpeg", "-")
		require.NoError(t, j.Decode(dst, other))
		clear(got)
		require.NoError(t, j.Decode(dst, bare))
		assert.True(t, bytes.Equal(want, got))
	})
}

// A picture cut anywhere is refused before anything is written.
func TestAPictureCutAnywhereIsTruncated(t *testing.T) {
	data := picture(t, "yuvj422p", 64, 32)
	j := decoderFor(t)
	dst, got := blank(media.NV12, 64, 32)
	for n := range data {
		require.ErrorIs(t, j.Decode(dst, data[:n]), ErrTruncated, "%d of %d bytes", n, len(data))
	}
	require.ErrorIs(t, j.Decode(dst, data[1:]), ErrTruncated, "begins in the middle")
	assert.Equal(t, make([]byte, len(got)), got)
	require.NoError(t, j.Decode(dst, data))
}

func TestWhatFollowsThePictureIsIgnored(t *testing.T) {
	data := picture(t, "yuvj420p", 64, 32)
	j := decoderFor(t)
	dst, got := blank(media.NV12, 64, 32)
	require.NoError(t, j.Decode(dst, data))
	want := bytes.Clone(got)
	for name, tail := range map[string][]byte{
		"zeros": make([]byte, 1000), "filling": bytes.Repeat([]byte{0xFF}, 100), "another picture": data[:len(data)/2],
	} {
		clear(got)
		require.NoError(t, j.Decode(dst, append(bytes.Clone(data), tail...)), name)
		assert.Equal(t, want, got, name)
	}
}

// A transfer lost in the middle leaves SOI and EOI in place.
func TestAPictureWithAHoleIsDamaged(t *testing.T) {
	data := picture(t, "yuvj422p", 320, 180)
	holed := append(bytes.Clone(data[:len(data)/2]), data[len(data)/2+2000:]...)
	j := decoderFor(t)
	dst, _ := blank(media.I420, 320, 180)
	require.ErrorIs(t, j.Decode(dst, holed), ErrDamaged)
	require.NoError(t, j.Decode(dst, data), "the next one is whole")
}

func TestPicturesThatCannotBeDecodedAreRefusedInWords(t *testing.T) {
	good := picture(t, "yuvj422p", 64, 32)
	header := bytes.Index(good, []byte{0xFF, 0xC0})
	patched := func(at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[header+at:], b)
		return out
	}
	j := decoderFor(t)
	dst, _ := blank(media.I420, 64, 32)
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":            {nil, "no SOI marker at the start of its 0 bytes"},
		"no picture":         {[]byte{0xFF, 0xD8, 0xFF, 0xD9}, "no picture between its SOI and EOI markers"},
		"too large":          {patched(5, 0x20, 0x08, 0x20, 0x08), "size 8200x8200 is not between"},
		"beyond JPEG":        {patched(5, 0xFF, 0xF0, 0xFF, 0xF0), "Maximum supported image dimension is 65500 pixels"},
		"no size":            {patched(5, 0, 0, 0, 0), "Empty JPEG image"},
		"unusual sampling":   {patched(11, 0x33), "Could not determine subsampling type"},
		"segment of no size": {[]byte{0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0xFF, 0xD9}, "the segment of marker 0xe0 at byte 4 says it has 1 bytes"},
		"twelve bits":        {patched(4, 12), "Unsupported JPEG data precision 12"},
		"no quantisation":    {without(t, good, 0xDB), "Quantization table"},
	} {
		err := decoderFor(t).Decode(dst, c.data)
		require.ErrorContains(t, err, "yuv: JPEG decode: ", name)
		require.ErrorContains(t, err, c.says, name)
	}
	odd := dst
	odd.Width = 63
	require.ErrorContains(t, j.Decode(odd, good), "yuv: JPEG decode to: size 63x32 is odd")
	j.Close()
	j.Close()
	require.ErrorContains(t, j.Decode(dst, good), "the decoder was closed")
}

// A picture of an odd size has no place of its own among raw formats; it is
// scaled like any other.
func TestOddPicturesAreScaled(t *testing.T) {
	j := decoderFor(t)
	for _, s := range [][2]int{{63, 31}, {1, 1}, {33, 64}} {
		img := image.NewYCbCr(image.Rect(0, 0, s[0], s[1]), image.YCbCrSubsampleRatio420)
		for i := range img.Y {
			img.Y[i] = 200
		}
		for i := range img.Cb {
			img.Cb[i], img.Cr[i] = 100, 150
		}
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}))
		dst := guarded(t, media.NV12, 64, 32, 0)
		dst.FullRange = true
		require.NoError(t, j.Decode(dst, b.Bytes()))
		y, u, v := samples(dst)
		for c, want := range map[*[]byte]int{&y: 200, &u: 100, &v: 150} {
			for _, got := range *c {
				require.InDelta(t, want, got, 2, s)
			}
		}
	}
}

// Decoders of several cameras run at once, each on its own goroutine.
func TestDecodersAreIndependent(t *testing.T) {
	data := picture(t, "yuvj422p", 320, 180)
	var group sync.WaitGroup
	pictures := make([][]byte, 4)
	for i := range pictures {
		j := decoderFor(t)
		dst, all := blank(media.NV12, 320, 180)
		pictures[i] = all
		group.Go(func() {
			for range 20 {
				assert.NoError(t, j.Decode(dst, data))
			}
		})
	}
	group.Wait()
	for _, p := range pictures[1:] {
		assert.True(t, bytes.Equal(pictures[0], p))
	}
}

// What C allocates, Go's tools do not see: the memory of the process is looked
// at. All of Go's own is made before.
func TestClosedDecodersLeaveNoMemory(t *testing.T) {
	data := picture(t, "yuvj422p", 320, 180)
	bare := without(t, data, markerDHT)
	dst, _ := blank(media.NV12, 160, 90)
	j := decoderFor(t)
	rounds := func(n int) {
		for range n {
			// The second of each pair has a new decompressor, since the first
			// brought tables.
			require.NoError(t, j.Decode(dst, data))
			require.NoError(t, j.Decode(dst, bare))
		}
	}
	rounds(200)
	before := resident(t)
	const n = 3000
	rounds(n)
	assert.Less(t, resident(t)-before, n*2<<10, "bytes of memory more than before")
}

func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

func FuzzJPEGDecode(f *testing.F) {
	for _, file := range []string{"422", "422-restart", "420", "420-progressive", "440", "gray"} {
		data, err := os.ReadFile("testdata/" + file + ".jpg")
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add(without(f, picture(f, "yuvj422p", 64, 32), markerDHT))
	j := decoderFor(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		// Pictures of many megapixels only slow the search down.
		if w, h, _, err := j.Header(data); err == nil && w*h > 1<<18 {
			return
		}
		for _, to := range formats {
			dst := guarded(t, to, 62, 30, 0)
			_ = j.Decode(dst, data)
		}
	})
}

// The ratio is what matters: 1080p pictures of a camera, by this package and by
// Go's own decoder (which does no conversion, and needs the Huffman tables).
func BenchmarkJPEG(b *testing.B) {
	data := picture(b, "yuvj422p", 1920, 1080)
	for _, to := range []media.PixelFormat{media.I420, media.NV12} {
		b.Run("turbojpeg to "+to.String(), func(b *testing.B) {
			j := decoderFor(b)
			dst, _ := blank(to, 1920, 1080)
			for b.Loop() {
				require.NoError(b, j.Decode(dst, data))
			}
		})
	}
	b.Run("image/jpeg", func(b *testing.B) {
		for b.Loop() {
			_, err := jpeg.Decode(bytes.NewReader(data))
			require.NoError(b, err)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	for _, c := range []struct{ from, to media.PixelFormat }{{media.YUYV, media.NV12}, {media.YUYV, media.I420}, {media.UYVY, media.I420}} {
		for _, s := range [][2]int{{1920, 1080}, {1280, 720}} {
			b.Run(fmt.Sprintf("1080p %v to %v %s", c.from, c.to, size(s[0], s[1])), func(b *testing.B) {
				src, _ := blank(c.from, 1920, 1080)
				dst, _ := blank(c.to, s[0], s[1])
				convert := NewConverter()
				for b.Loop() {
					require.NoError(b, convert.Convert(dst, src))
				}
			})
		}
	}
}
