package usbip

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/yuv"
)

// luma is that of a raw or JPEG picture, by the daemon's own converter.
func luma(t *testing.T, s size, jpeg bool, data []byte) []byte {
	t.Helper()
	w, h := s.width, s.height
	all := make([]byte, w*h*3/2)
	dst := yuv.Picture{Format: media.I420, Width: w, Height: h, Planes: [3]media.Plane{
		{Data: all[:w*h], Stride: w}, {Data: all[w*h : w*h*5/4], Stride: w / 2}, {Data: all[w*h*5/4:], Stride: w / 2},
	}}
	if jpeg {
		j, err := yuv.NewJPEG()
		require.NoError(t, err)
		defer j.Close()
		_, _, sampling, err := j.Header(data)
		require.NoError(t, err)
		assert.Equal(t, "4:2:2", sampling)
		require.NoError(t, j.Decode(dst, data))
		return all[:w*h]
	}
	require.Len(t, data, w*h*2)
	src := yuv.Picture{Format: media.YUYV, Width: w, Height: h, Planes: [3]media.Plane{{Data: data, Stride: 2 * w}}}
	require.NoError(t, yuv.NewConverter().Convert(dst, src))
	return all[:w*h]
}

func TestNumbersAreRead(t *testing.T) {
	for _, s := range sizes() {
		for _, n := range []int64{0, 1, 2, 29, 30, 12345, 1<<NumberBits - 1, 1 << NumberBits, 1<<NumberBits + 5} {
			for _, flash := range []bool{false, true} {
				p := draw(s, n, flash, Moving)
				raw, jpeg := luma(t, s, false, p.yuyv()), luma(t, s, true, p.jpeg())
				require.InDeltaSlice(t, raw, jpeg, 1, "both formats hold the same")
				for _, y := range [][]byte{raw, jpeg} {
					number, flashes, ok := Read(y, s.width, s.width, s.height)
					assert.True(t, ok)
					assert.Equal(t, n%(1<<NumberBits), number)
					assert.Equal(t, flash, flashes)
				}
			}
		}
	}
}

func TestOtherPicturesHaveNoNumber(t *testing.T) {
	s := sizes()[0]
	_, _, ok := Read(luma(t, s, false, draw(s, 5, false, Blue).yuyv()), s.width, s.width, s.height)
	assert.False(t, ok)
	for _, y := range [][]byte{nil, make([]byte, 100)} {
		_, _, ok = Read(y, 320, 320, 180)
		assert.False(t, ok)
	}
}
