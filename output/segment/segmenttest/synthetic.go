package segmenttest

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

// Parameter sets of a 128×72 H.264 High stream at 25 pictures a second, as x264 wrote them.
const (
	sps = "6764000aacb20417f2e022000003000200000300641e244c90"
	pps = "68ebc3cb22c0"
)

// Video is a new video track of 25 pictures a second.
func Video() *media.Track {
	v := &media.VideoParams{Width: 128, Height: 72, FrameRate: media.Rational{Num: 25, Den: 1}}
	v.SPS, _ = hex.DecodeString(sps)
	v.PPS, _ = hex.DecodeString(pps)
	return &media.Track{Codec: media.H264, Video: v}
}

// Audio is a new audio track of 48 kHz stereo.
func Audio() *media.Track { return aac.Track(48000, 2) }

// Picture is an access unit of size bytes that no decoder would take.
func Picture(t *media.Track, pts time.Duration, key bool, size int) media.Packet {
	data := make([]byte, size)
	binary.BigEndian.PutUint32(data, uint32(size-4))
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	return media.Packet{Track: t, PTS: pts, DTS: pts, Key: key, Data: data}
}

// Sound is the n-th AAC frame after start, silent.
func Sound(t *media.Track, start time.Duration, n int) media.Packet {
	pts := start + media.SamplesToDuration(int64(n)*media.AACFrameSamples, t.Audio.SampleRate)
	return media.Packet{Track: t, PTS: pts, DTS: pts, Key: true, Data: aac.SilentFrame(t.Audio.Channels)}
}
