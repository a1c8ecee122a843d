package score

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLastGoodPictureStays(t *testing.T) {
	r := record()
	r.Frames = r.Frames[:20] // one GOP
	require.Zero(t, Judge(r).PSNR, "no pictures")
	for i := range r.Frames {
		r.Frames[i].Noise = 6.5025 // 40 dB
	}
	r.Moved = func(a, b int) float64 { return float64(max(a, b)-min(a, b)) * 643.7475 }
	require.InDelta(t, 40, Judge(r).PSNR, 1e-9)
	r.Frames[10].Skipped = true // one picture is shown for two: 20 dB
	require.InDelta(t, (19*40+20)/20., Judge(r).PSNR, 1e-9)
	r.Frames[10].Skipped, r.Frames[18].Arrived = false, Never
	require.InDelta(t, (18*40+20+17.0115)/20, Judge(r).PSNR, 1e-3)
	r.Frames[0].Arrived = Never
	require.Zero(t, Judge(r).PSNR, "nothing is shown")
}
