package audio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// withSilence writes video packets of the given DTS and returns what came out.
func withSilence(t *testing.T, dts ...time.Duration) (s *Silence, all, sound []media.Packet) {
	t.Helper()
	s = NewSilence(media.WriterFunc(func(p media.Packet) {
		all = append(all, p)
		if p.Track.Kind() == media.Audio {
			sound = append(sound, p)
		}
	}))
	video := &media.Track{Codec: media.H264, Video: &media.VideoParams{}}
	for _, d := range dts {
		s.Write(media.Packet{Track: video, PTS: d + time.Second, DTS: d})
	}
	return s, all, sound
}

func TestSilenceKeepsUpWithThePictures(t *testing.T) {
	var dts []time.Duration
	for n := range 250 {
		dts = append(dts, 3333333333+media.Rational{Num: 25, Den: 1}.FrameTime(int64(n)))
	}
	s, all, sound := withSilence(t, dts...)
	unit := s.Track().FrameDuration()
	require.Equal(t, media.Video, all[0].Track.Kind(), "nothing is there before the first picture, which nobody would read")
	require.Equal(t, media.Audio, all[1].Track.Kind(), "the sound begins with it")
	require.Less(t, dts[0]-all[1].DTS, unit)
	last, pictures := time.Duration(-1), 0
	for _, p := range all {
		if p.Track.Kind() == media.Video {
			require.Equal(t, dts[pictures], p.DTS)
			require.LessOrEqual(t, last, p.DTS, "the sound is not ahead")
			if pictures > 0 {
				require.Greater(t, last+unit+time.Microsecond, p.DTS, "nor an access unit behind")
			}
			pictures++
			continue
		}
		require.Same(t, s.Track(), p.Track)
		require.Greater(t, p.DTS, last)
		if last >= 0 {
			require.EqualValues(t, frame, media.ToTimescale(p.DTS, silenceRate)-media.ToTimescale(last, silenceRate))
		}
		require.True(t, p.Key)
		require.False(t, p.Gap)
		last = p.DTS
	}
	require.Equal(t, 250, pictures)
	pcm := decoded(t, sound)
	require.Equal(t, make([]int16, len(pcm)), pcm)
}

func TestSilenceFromTimeZero(t *testing.T) {
	_, _, sound := withSilence(t, -40*time.Millisecond, 0, 40*time.Millisecond)
	require.Zero(t, sound[0].PTS)
	require.Len(t, sound, 2)
}

func TestSilenceLeavesLongHoles(t *testing.T) {
	_, _, sound := withSilence(t, time.Second, 2*time.Second, time.Hour, time.Hour+time.Second)
	gaps := 0
	for _, p := range sound {
		if p.Gap {
			gaps++
			require.InDelta(t, time.Hour, p.PTS, float64(time.Millisecond))
		}
	}
	require.Equal(t, 1, gaps)
	require.InDelta(t, 94, len(sound), 4, "two seconds of sound")
}

func TestSilencePassesSoundThrough(t *testing.T) {
	var got []media.Packet
	s := NewSilence(media.WriterFunc(func(p media.Packet) { got = append(got, p) }))
	p := media.Packet{Track: s.Track(), PTS: 5, DTS: 5}
	s.Write(p)
	require.Equal(t, []media.Packet{p}, got)
}
