package drift

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// ideal is a driver that is never late.
func ideal(frames int64, rate int, off float64) time.Duration {
	return time.Second + time.Duration(float64(frames)/(float64(rate)*(1+off))*1e9)
}

// played sends seconds of a signal through a Converter, as a card that is off
// would, and returns the runs as one, and the number of the first sample.
func played(t *testing.T, c Config, off, seconds float64, signal func(at float64) float32) (out []int16, first int64) {
	t.Helper()
	v, err := New(c)
	require.NoError(t, err)
	v.line.prior, v.line.priorSD = 1/(1+off)-1, 1e-9 // locked from the start
	period := c.Rate / 100
	in := make([]float32, period*c.Channels)
	dst := make([]int16, 4096)
	rate := float64(c.Rate) * (1 + off)
	first = -1
	for f := int64(0); float64(f) < seconds*rate; f += int64(period) {
		for i := range period {
			for ch := range c.Channels {
				in[i*c.Channels+ch] = signal(1 + float64(f+int64(i))/rate)
			}
		}
		v.Observe(f+int64(period), ideal(f+int64(period), c.Rate, off))
		v.Write(in)
		for {
			at, n := v.Read(dst)
			if n == 0 {
				break
			}
			if first < 0 {
				first = at
			}
			require.Equal(t, first+int64(len(out)/c.Out.Channels), at, "contiguous")
			out = append(out, dst[:n*c.Out.Channels]...)
		}
	}
	require.Zero(t, v.Stats().Lost)
	return out, first
}

// fitted takes a sine of known frequency out of a signal by least squares, and
// returns its amplitude, its phase against time zero, and the ratio of its
// power to that of what is left.
func fitted(x []float64, rate, freq float64, first int64) (amplitude, phase, sinad float64) {
	var cc, ss, cs, xc, xs float64
	w := 2 * math.Pi * freq / rate
	for i, v := range x {
		s, c := math.Sincos(w * float64(first+int64(i)))
		cc, ss, cs, xc, xs = cc+c*c, ss+s*s, cs+c*s, xc+v*c, xs+v*s
	}
	d := cc*ss - cs*cs
	a, b := (xc*ss-xs*cs)/d, (xs*cc-xc*cs)/d
	var signal, noise float64
	for i, v := range x {
		s, c := math.Sincos(w * float64(first+int64(i)))
		m := a*c + b*s
		signal, noise = signal+m*m, noise+(v-m)*(v-m)
	}
	return math.Hypot(a, b), math.Atan2(a, b), 10 * math.Log10(signal/noise)
}

func channel(x []int16, channels, ch int) []float64 {
	out := make([]float64, len(x)/channels)
	for i := range out {
		out[i] = float64(x[i*channels+ch])
	}
	return out
}

var conversions = []struct {
	in, out, channels int
	flat              float64 // Hz
}{
	{48000, 48000, 2, 18000},
	{48000, 48000, 1, 18000},
	{44100, 48000, 2, 16500},
	{32000, 48000, 2, 12000},
	{16000, 48000, 1, 6000},
	{96000, 48000, 2, 18000},
	{192000, 48000, 2, 18000},
	{48000, 44100, 2, 16500},
	{48000, 48000, 8, 18000},
}

func TestSineComesOutAsItWas(t *testing.T) {
	for _, c := range conversions {
		for _, off := range []float64{0, 200e-6, -137e-6} {
			t.Run(fmt.Sprintf("%d_to_%d_%d_channels_%+.0f_ppm", c.in, c.out, c.channels, off*1e6), func(t *testing.T) {
				t.Parallel()
				const freq, level = 997, 29205 // -1 dBFS
				cfg := Config{Rate: c.in, Channels: c.channels, Out: media.AudioFormat{SampleRate: c.out, Channels: min(2, c.channels)}}
				out, first := played(t, cfg, off, 6, func(at float64) float32 {
					return float32(level * math.Sin(2*math.Pi*freq*at))
				})
				skip := c.out / 2
				for ch := range cfg.Out.Channels {
					x := channel(out, cfg.Out.Channels, ch)[skip:]
					amplitude, phase, sinad := fitted(x, float64(c.out), freq, first+int64(skip))
					t.Logf("SINAD %.1f dB, level %+.3f dB, %.1f µs late", sinad, 20*math.Log10(amplitude/level), -phase/(2*math.Pi*freq)*1e6)
					require.Greater(t, sinad, 90.0)
					require.InDelta(t, 0, 20*math.Log10(amplitude/level), 0.01)
					require.InDelta(t, 0, phase/(2*math.Pi*freq), 20e-6, "seconds from where it sounded")
				}
			})
		}
	}
}

func TestPassBandIsFlat(t *testing.T) {
	for _, c := range conversions[:8] {
		t.Run(fmt.Sprintf("%d_to_%d", c.in, c.out), func(t *testing.T) {
			t.Parallel()
			const level = 20000
			cfg := Config{Rate: c.in, Channels: 1, Out: media.AudioFormat{SampleRate: c.out, Channels: 1}}
			worst := 0.0
			for _, part := range []float64{0.003, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1} {
				freq := c.flat * part
				out, first := played(t, cfg, 200e-6, 3, func(at float64) float32 {
					return float32(level * math.Sin(2*math.Pi*freq*at))
				})
				x := channel(out, 1, 0)
				x = x[len(x)-c.out/2:]
				amplitude, _, sinad := fitted(x, float64(c.out), freq, first+int64(len(out)-len(x)))
				gain := 20 * math.Log10(amplitude/level)
				worst = max(worst, math.Abs(gain))
				require.InDelta(t, 0, gain, 0.5, "%v Hz", freq)
				require.Greater(t, sinad, 60.0, "%v Hz", freq)
			}
			t.Logf("flat to %.0f Hz within %.2f dB", c.flat, worst)
		})
	}
}

// What lies above the new rate's half must not come back as an alias.
func TestLoweringTheRateDoesNotAlias(t *testing.T) {
	cfg := Config{Rate: 96000, Channels: 1, Out: media.AudioFormat{SampleRate: 48000, Channels: 1}}
	for _, freq := range []float64{26000, 30000, 40000, 47000} {
		out, _ := played(t, cfg, 0, 2, func(at float64) float32 { return float32(29205 * math.Sin(2*math.Pi*freq*at)) })
		for _, v := range out[4800:] {
			require.LessOrEqual(t, max(v, -v), int16(2), "%v Hz: -84 dB and the rounding", freq)
		}
	}
}

func TestFullScaleIsClippedNotWrapped(t *testing.T) {
	cfg := Config{Rate: 48000, Channels: 1, Out: media.AudioFormat{SampleRate: 48000, Channels: 2}}
	square := func(at float64) float32 {
		if math.Mod(at*100, 1) < 0.5 {
			return 32767
		}
		return -32768
	}
	out, first := played(t, cfg, 50e-6, 1, square)
	for i := 96; i < len(out)/2; i++ {
		at := math.Mod(float64(first+int64(i))/48000*100, 0.5)
		if at > 0.05 && at < 0.45 {
			want := square(float64(first+int64(i)) / 48000)
			require.InDelta(t, want, out[2*i], 4000, "sample %d", i)
		}
		require.Equal(t, out[2*i], out[2*i+1], "mono in both channels")
	}
}
