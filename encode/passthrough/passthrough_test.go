package passthrough

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

var (
	video = &media.Track{Codec: media.H264, Video: &media.VideoParams{}}
	audio = &media.Track{Codec: media.AAC, Audio: &media.AudioParams{}}
)

// list is a packet source.
type list []media.Packet

var errEnd = errors.New("end of the list")

func (l list) Run(_ context.Context, w media.Writer) error {
	for _, p := range l {
		w.Write(p)
	}
	return errEnd
}

func TestPacketsPassUnchangedAndAreCounted(t *testing.T) {
	var in, out list
	for n := range 100 {
		at := time.Duration(n) * 40 * time.Millisecond
		in = append(in,
			media.Packet{Track: video, DTS: at, PTS: at + 80*time.Millisecond, Key: n%25 == 0 && n != 50, Data: make([]byte, 1000)},
			media.Packet{Track: audio, DTS: at, PTS: at, Key: true, Data: make([]byte, 10)})
	}
	p := New(media.WriterFunc(func(p media.Packet) { out = append(out, p) }))
	require.ErrorIs(t, Run(t.Context(), in, p), errEnd)
	require.Equal(t, in, out)
	require.Equal(t, Stats{
		Packets: 100, Bytes: 100_000, Keys: 3, KeyInterval: 2 * time.Second,
		LongestInterval: 2 * time.Second, Span: 99 * 40 * time.Millisecond,
	}, p.Stats(media.Video))
	require.Equal(t, uint64(1000), p.Stats(media.Audio).Bytes)
}

func TestPacketsWhoseDTSDoesNotRiseAreDropped(t *testing.T) {
	at := func(track *media.Track, dts int) media.Packet {
		return media.Packet{Track: track, DTS: time.Duration(dts), PTS: time.Duration(dts)}
	}
	var out list
	p := New(media.WriterFunc(func(p media.Packet) { out = append(out, p) }))
	in := list{at(video, -5), at(video, 10), at(audio, 3), at(video, 10), at(video, 4), at(audio, 2), at(video, 11), at(audio, 4), at(video, 12)}
	require.ErrorIs(t, Run(t.Context(), in, p), errEnd)
	want := list{at(video, -5), at(video, 10), at(audio, 3), at(video, 11), at(audio, 4), at(video, 12)}
	want[3].Gap, want[4].Gap = true, true
	require.Equal(t, want, out)
	require.EqualValues(t, 2, p.Stats(media.Video).Dropped)
	require.EqualValues(t, 1, p.Stats(media.Audio).Dropped)
}
