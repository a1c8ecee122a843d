package m2m

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// The contract over a driver of every shape, with a real encoder behind it.
func TestContract(t *testing.T) {
	both := []media.PixelFormat{media.I420, media.NV12}
	for name, c := range map[string]struct {
		shape  func(*machine)
		quirks Quirks
		format media.VideoFormat
		pixels []media.PixelFormat
	}{
		"single-planar":         {pixels: both},
		"multi-planar API":      {shape: func(m *machine) { m.mplane = true }, pixels: both},
		"planes in own buffers": {shape: func(m *machine) { m.mplane = true; m.takes = []v4l2.FourCC{v4l2.NV12M, v4l2.YUV420M} }, pixels: both},
		"one raw format": {
			shape: func(m *machine) { m.takes = []v4l2.FourCC{v4l2.NV12}; m.strideAlign = 128 }, pixels: both,
			format: media.VideoFormat{Width: 200, Height: 120, FrameRate: media.Rational{Num: 30000, Den: 1001}},
		},
		"memory that cannot be shared": {shape: func(m *machine) { m.noExport = true }, pixels: both},
		"no drain":                     {shape: func(m *machine) { m.noCommand = true }},
		"raw buffers come back late":   {shape: func(m *machine) { m.keepRaw = true; m.minOutput = 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			encodetest.Run(t, func(t *testing.T, s encode.Settings) (encode.Encoder, error) {
				m := newMachine()
				m.coder = newRealCoder
				if c.shape != nil {
					c.shape(m)
				}
				e, err := New(Config{Settings: s, Quirks: c.quirks, kernel: m})
				if err != nil {
					return nil, err
				}
				t.Cleanup(func() { finish(t, m, e) })
				return e, nil
			}, encodetest.Options{Format: c.format, Pixels: c.pixels})
		})
	}
}

// finish closes an encoder, and checks that nothing is left and no rule of the
// kernel's was broken.
func finish(t *testing.T, m *machine, e *Encoder) {
	t.Helper()
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Empty(t, m.trouble)
	require.Empty(t, m.fds, "descriptors are left open")
	require.Zero(t, m.openNow, "devices are left open")
}
