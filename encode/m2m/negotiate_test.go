package m2m

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

func hd(w, h int) encode.Settings {
	s := testSettings
	s.Format.Width, s.Format.Height = w, h
	return s
}

func TestLayout(t *testing.T) {
	type want struct {
		pixel   media.PixelFormat
		strides [3]int
		rows    int
		memory  []int
		places  [3]media.DMAPlane
	}
	for name, c := range map[string]struct {
		takes  []v4l2.FourCC
		stride int
		rows   int
		extra  bool
		prefer []media.PixelFormat
		q      Quirks
		want   want
	}{
		"NV12, 1080 rows in 1088": {
			takes: []v4l2.FourCC{v4l2.NV12}, rows: 16,
			want: want{media.NV12, [3]int{1920, 1920}, 1088, []int{1920 * 1088 * 3 / 2}, [3]media.DMAPlane{{}, {Offset: 1920 * 1088}}},
		},
		"NV12, wider rows": {
			takes: []v4l2.FourCC{v4l2.NV12}, stride: 2048,
			want: want{media.NV12, [3]int{2048, 2048}, 1080, []int{2048 * 1080 * 3 / 2}, [3]media.DMAPlane{{}, {Offset: 2048 * 1080}}},
		},
		"I420": {
			takes: []v4l2.FourCC{v4l2.YUV420}, rows: 16,
			want: want{media.I420, [3]int{1920, 960, 960}, 1088, []int{1920 * 1088 * 3 / 2},
				[3]media.DMAPlane{{}, {Offset: 1920 * 1088}, {Offset: 1920 * 1088 * 5 / 4}}},
		},
		"I420, the board model knows the stride": {
			takes: []v4l2.FourCC{v4l2.YUV420}, extra: true, q: Quirks{StrideAlign: 256},
			want: want{media.I420, [3]int{2048, 1024, 1024}, 1080, []int{2048 * 1080 * 3 / 2},
				[3]media.DMAPlane{{}, {Offset: 2048 * 1080}, {Offset: 2048 * 1080 * 5 / 4}}},
		},
		"NV12 in two buffers": {
			takes: []v4l2.FourCC{v4l2.NV12M}, rows: 16,
			want: want{media.NV12, [3]int{1920, 1920}, 1088, []int{1920 * 1088, 1920 * 1088 / 2}, [3]media.DMAPlane{{}, {Memory: 1}}},
		},
		"I420 in three buffers": {
			takes: []v4l2.FourCC{v4l2.YUV420M}, stride: 64,
			want: want{media.I420, [3]int{1920, 960, 960}, 1080, []int{1920 * 1080, 1920 * 1080 / 4, 1920 * 1080 / 4},
				[3]media.DMAPlane{{}, {Memory: 1}, {Memory: 2}}},
		},
		"what the source gives comes first": {
			takes: []v4l2.FourCC{v4l2.NV12, v4l2.YUYV, v4l2.UYVY}, prefer: []media.PixelFormat{media.UYVY, media.YUYV},
			want: want{media.UYVY, [3]int{3840}, 1080, []int{3840 * 1080}, [3]media.DMAPlane{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			m.takes, m.strideAlign, m.rowAlign, m.extraStride = c.takes, max(1, c.stride), max(1, c.rows), c.extra
			e, err := New(Config{Settings: hd(1920, 1080), Prefer: c.prefer, Quirks: c.q, kernel: m})
			require.NoError(t, err)
			l := e.Pool().Layout()
			b := e.Pool().Get()
			require.Equal(t, c.want, want{l.Format.Pixel, l.Strides, l.Rows, l.Memory, b.DMA.Planes})
			require.Equal(t, 1080, l.Format.Height)
			require.GreaterOrEqual(t, l.Count, 8)
			media.Frame{Buffer: b}.Release()
			finish(t, m, e)
		})
	}
}

func TestNewRefusesWithTheReason(t *testing.T) {
	bitrate := v4l2.Control{ID: v4l2.CtrlBitrate, Type: v4l2.ControlInteger, Max: 1e9, Step: 1}
	for name, c := range map[string]struct {
		shape    func(*hardware)
		q        Quirks
		settings encode.Settings
		device   string
		want     string
	}{
		"odd size":           {settings: hd(321, 180), want: "321x180 is not even"},
		"no bit rate":        {settings: encode.Settings{Format: testSettings.Format}, want: "bit rate 0"},
		"B-frames":           {shape: func(h *hardware) { h.controls = []v4l2.Control{bitrate, {ID: v4l2.CtrlBFrames, Min: 1, Max: 2}} }, want: "insists on B-frames (2 at least)"},
		"no bit rate to set": {shape: func(h *hardware) { h.controls = nil }, want: "no control for the bit rate"},
		"too large for the driver": {
			shape: func(h *hardware) {
				h.sizes = []v4l2.SizeRange{{MinWidth: 32, MaxWidth: 1920, StepWidth: 16, MinHeight: 32, MaxHeight: 1920, StepHeight: 16}}
			},
			settings: hd(3840, 2160), want: "3840x2160 is outside what this encoder codes, 32x32 to 1920x1920",
		},
		"too large for the board": {q: Quirks{MaxWidth: 1920, MaxHeight: 1920}, settings: hd(3840, 2160), want: "3840x2160 is larger than this encoder's 1920x1920"},
		"level":                   {q: Quirks{MaxLevel: 31}, settings: hd(1920, 1080), want: "needs level 4.0; this encoder goes up to 3.1"},
		"no crop":                 {shape: func(h *hardware) { h.rowAlign, h.noCrop = 16, true }, want: "codes 320x192 for 320x180 and cannot crop"},
		"another crop":            {shape: func(h *hardware) { h.cropTo = v4l2.Rect{Width: 320, Height: 176} }, want: "shows 320x176 at 0,0 for 320x180"},
		"no raw format":           {shape: func(h *hardware) { h.takes = []v4l2.FourCC{v4l2.RGB24} }, want: "none of NV12, I420, YUYV and UYVY"},
		"no memory":               {shape: func(h *hardware) { h.noExport, h.noMap = true, true }, want: "invalid argument"},
		"one buffer":              {shape: func(h *hardware) { h.giveRaw = 1 }, want: "gave 1 and 4 buffers"},
		"frame rate": {shape: func(h *hardware) {
			h.rate = func(media.Rational) (media.Rational, error) { return media.Rational{Num: 5, Den: 1}, nil }
		}, want: "makes 5 frames a second of 25"},
		"no such device": {device: "wave5", want: `is called "wave5"; there is fake-enc (/dev/video7)`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			if c.shape != nil {
				c.shape(&m.hardware)
			}
			if c.settings.Format.Width == 0 {
				c.settings = testSettings
			}
			_, err := New(Config{Settings: c.settings, Quirks: c.q, Device: c.device, kernel: m})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			require.Zero(t, m.openNow)
			require.Empty(t, m.fds)
			require.Empty(t, m.trouble)
		})
	}
}

func TestFindsTheEncoderByWhatItDoes(t *testing.T) {
	m := newMachine()
	list, err := Find(Config{kernel: m})
	require.NoError(t, err)
	require.Equal(t, []Found{{Path: "/dev/video7", Info: m.info(), Raw: m.takes}}, list)
	for _, selector := range []string{"", "auto", "fake-enc", "Fake encoder", "/dev/video7"} {
		path, err := choose(m, selector)
		require.NoError(t, err)
		require.Equal(t, "/dev/video7", path)
	}
	require.Zero(t, m.openNow)
}

// A driver that cuts the frame rate gives each picture too large a share.
func TestRoundedFrameRate(t *testing.T) {
	cut := func(r media.Rational) (media.Rational, error) { return media.Rational{Num: r.Num / r.Den, Den: 1}, nil }
	for name, c := range map[string]struct {
		q    Quirks
		want int64
	}{
		"as it is":             {Quirks{}, 967_633},
		"rounded before it is": {Quirks{IntegerFrameRates: true}, 1_001_000},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			m.rate = cut
			s := testSettings
			s.Format.FrameRate = media.Rational{Num: 30000, Den: 1001}
			e, err := New(Config{Settings: s, Quirks: c.q, kernel: m})
			require.NoError(t, err)
			require.Equal(t, c.want, m.device().values[v4l2.CtrlBitrate])
			finish(t, m, e)
		})
	}
}

func TestPacker(t *testing.T) {
	f := media.VideoFormat{Width: 320, Height: 180}
	unit := func(start int, nals ...[]byte) (out []byte) {
		for _, n := range nals {
			out = append(append(append(out, make([]byte, start-1)...), 1), n...)
		}
		return out
	}
	want := func(nals ...[]byte) (out []byte) {
		for _, n := range nals {
			out = h264.AppendUnit(out, n)
		}
		return out
	}
	sps, pps, sei := spsFor(320, 180), ppsFor(0), []byte{6, 5, 1, 7, 0x80}
	idr, next := slice(true, 0, 50), slice(false, 0, 40)
	for _, start := range []int{3, 4, 5} {
		p := packer{format: f, level: 30}
		u, err := p.pack(unit(start, []byte{9, 0x10}, sps, pps, sei, idr))
		require.NoError(t, err)
		require.True(t, u.idr)
		require.Equal(t, want(sei, idr), u.data)
		require.Equal(t, sps, p.track.Video.SPS)
		track := p.track

		u, err = p.pack(unit(start, next, next, next))
		require.NoError(t, err)
		require.False(t, u.idr)
		require.Equal(t, want(next, next, next), u.data)

		u, err = p.pack(unit(start, sei))
		require.NoError(t, err)
		require.False(t, u.picture)
		u, err = p.pack(unit(start, next))
		require.NoError(t, err)
		require.Equal(t, want(sei, next), u.data, "what came without a picture goes in front of the next")

		// Another PPS: the same track, and the sets at every key picture.
		other := append([]byte{}, pps...)
		other[len(other)-1] ^= 0x40
		u, err = p.pack(unit(start, sps, other, idr))
		require.NoError(t, err)
		require.Equal(t, want(sps, other, idr), u.data)
		u, err = p.pack(unit(start, idr))
		require.NoError(t, err)
		require.Equal(t, want(sps, other, idr), u.data)
		require.Same(t, track, p.track)
	}
	p := packer{format: f, level: 30}
	_, err := p.pack(unit(4, next))
	require.ErrorContains(t, err, "without parameter sets")
	_, err = p.pack(unit(4, spsFor(320, 192), pps, idr))
	require.ErrorContains(t, err, "320x192 instead of 320x180")
}

func BenchmarkPack(b *testing.B) {
	p := packer{format: media.VideoFormat{Width: 320, Height: 180}, level: 30}
	c := &plainCoder{size: 25_000}
	d := &fakeDevice{crop: v4l2.Rect{Width: 320, Height: 180}}
	if _, err := p.pack(c.code(d, 0, 0, true)); err != nil {
		b.Fatal(err)
	}
	data := c.code(d, 0, 0, false)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.pack(data); err != nil {
			b.Fatal(err)
		}
	}
}
