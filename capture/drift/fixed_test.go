package drift

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// A sine of 44.1 kHz is the same sine at 48 kHz, from its first sample on, in
// whatever pieces it comes.
func TestFixedRatioKeepsTheSineInPlace(t *testing.T) {
	const in, out, hertz = 44100, 48000, 997.0
	for chans := 1; chans <= 2; chans++ {
		f, err := NewFixed(media.AudioFormat{SampleRate: in, Channels: chans}, out)
		require.NoError(t, err)
		var got []int16
		for _, reset := range []bool{false, true} {
			if reset {
				f.Reset()
			}
			got = got[:0]
			for at := 0; at < in; {
				n := min(1+at%1009, in-at)
				piece := make([]int16, n*chans)
				for i := range piece {
					piece[i] = int16(math.Round(20000 * math.Sin(2*math.Pi*hertz*float64(at+i/chans)/in)))
				}
				got = f.Append(got, piece)
				at += n
			}
			got = f.Append(got, make([]int16, f.Tail()*chans))
		}
		require.InDelta(t, out, len(got)/chans, 1)
		var signal, noise float64
		for i := 200; i < out-200; i++ {
			want := 20000 * math.Sin(2*math.Pi*hertz*float64(i)/out)
			for c := range chans {
				d := want - float64(got[i*chans+c])
				signal, noise = signal+want*want, noise+d*d
			}
		}
		require.Greater(t, 10*math.Log10(signal/noise), 80.0, "dB between signal and error")
	}
}

func TestFixedRatioRefusesWhatItCannot(t *testing.T) {
	_, err := NewFixed(media.AudioFormat{SampleRate: 44100, Channels: 3}, 48000)
	require.Error(t, err)
}
