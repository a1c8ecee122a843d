package fmp4_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// A file cut out of a stream begins at zero, in each track's own time scale; also one
// whose media times are times of day.
func TestInitFromBeginsAtZero(t *testing.T) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	for _, start := range []time.Duration{10 * time.Second, 72*time.Hour + 33*time.Millisecond, 56 * 365 * 24 * time.Hour} {
		b, err := fmp4.InitFrom(start, video, audio)
		require.NoError(t, err)
		f, err := mp4.DecodeFile(bytes.NewReader(b))
		require.NoError(t, err)
		require.Len(t, f.Moov.Traks, 2)
		for i, scale := range []int{fmp4.Timescale(video), fmp4.Timescale(audio)} {
			trak := f.Moov.Traks[i]
			require.NotNil(t, trak.Edts)
			edits := trak.Edts.Elst[0].Entries
			require.Len(t, edits, 1)
			require.InDelta(t, start.Seconds()*float64(scale), float64(edits[0].MediaTime), 1)
			require.EqualValues(t, 1, edits[0].MediaRateInteger)
			require.Zero(t, edits[0].SegmentDuration, "the duration of all fragments")
		}
		tracks, err := fmp4.ReadInits(b)
		require.NoError(t, err)
		require.Len(t, tracks, 2)
	}
	plain, err := fmp4.InitOf(video, audio)
	require.NoError(t, err)
	require.NotContains(t, string(plain), "elst")
}
