package alsa

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/gen2brain/alsa"
	"github.com/stretchr/testify/require"
)

func TestWhatIsAskedOfACard(t *testing.T) {
	wide := span{1, 1 << 30}
	all := abilities{
		formats: []alsa.PcmFormat{alsa.SNDRV_PCM_FORMAT_S16_LE}, rate: span{8000, 192000}, channels: span{1, 8},
		period: wide, counts: wide, buffer: wide,
	}
	edit := func(f func(*abilities)) abilities { a := all; f(&a); return a }
	for name, c := range map[string]struct {
		can                            abilities
		rate, channels, period, counts int
	}{
		"anything":           {all, 48000, 2, 480, 50},
		"44.1 kHz, mono":     {edit(func(a *abilities) { a.rate, a.channels = span{44100, 44100}, span{1, 1} }), 44100, 1, 441, 50},
		"up to 32 kHz":       {edit(func(a *abilities) { a.rate = span{8000, 32000} }), 32000, 2, 320, 50},
		"odd rate":           {edit(func(a *abilities) { a.rate = span{22050, 22050} }), 22050, 2, 220, 51},
		"eight channels":     {edit(func(a *abilities) { a.channels = span{8, 8} }), 48000, 8, 480, 50},
		"long periods":       {edit(func(a *abilities) { a.period = span{1024, 4096} }), 48000, 2, 1024, 24},
		"few periods":        {edit(func(a *abilities) { a.counts = span{2, 4} }), 48000, 2, 480, 4},
		"small buffer":       {edit(func(a *abilities) { a.buffer = span{64, 2048} }), 48000, 2, 480, 50},
		"many periods":       {edit(func(a *abilities) { a.counts = span{64, 1024} }), 48000, 2, 480, 64},
		"no rate in between": {edit(func(a *abilities) { a.rate = span{50000, 60000} }), 50000, 2, 500, 50},
	} {
		list, err := c.can.attempts(48000)
		require.NoError(t, err, name)
		got := list[0]
		require.Equal(t, []int{c.rate, c.channels, c.period, c.counts},
			[]int{int(got.Rate), int(got.Channels), int(got.PeriodSize), int(got.PeriodCount)}, name)
		require.Less(t, len(list), 300, name)
		for _, try := range list {
			require.Equal(t, try.PeriodSize*try.PeriodCount, try.StopThreshold, "an overrun is noticed")
			require.GreaterOrEqual(t, try.PeriodCount, uint32(2))
		}
	}
	_, err := abilities{}.attempts(48000)
	require.ErrorIs(t, err, errFormat)
}

// The kernel's struct is 152 bytes where a long has 64 bits, else 128, and its
// size is part of the request.
func TestStatusIsLaidOutAsInTheKernel(t *testing.T) {
	var s pcmStatus
	want := map[uintptr][4]uintptr{8: {152, 24, 64, 0x80984120}, 4: {128, 24, 52, 0x80804120}}[unsafe.Sizeof(uint(0))]
	require.Equal(t, want, [4]uintptr{unsafe.Sizeof(s), unsafe.Offsetof(s.stamp), unsafe.Offsetof(s.available), ioctlStatus}, runtime.GOARCH)
}

func TestSamplesOfEachFormat(t *testing.T) {
	for _, c := range []struct {
		format Format
		bytes  []byte
		want   []float32
	}{
		{S16, []byte{0, 0x80, 0xff, 0x7f, 0xff, 0xff, 0, 0}, []float32{-32768, 32767, -1, 0}},
		{S24Of3, []byte{0, 0, 0x80, 0xff, 0xff, 0x7f, 0x80, 0, 0}, []float32{-32768, 32767.99609375, 0.5}},
		{S24, []byte{0, 0, 0x80, 0x55, 0xff, 0xff, 0x7f, 0, 0x80, 0xff, 0xff, 0xff}, []float32{-32768, 32767.99609375, -0.5}},
		{S32, []byte{0, 0, 0, 0x80, 0, 0x80, 0, 0}, []float32{-32768, 0.5}},
	} {
		require.Equal(t, c.want, decode(make([]float32, 16), c.bytes, c.format), c.format.String())
	}
	require.Equal(t, "S24_3LE", S24Of3.String())
}
