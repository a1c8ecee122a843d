package realtime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// stream is a transport stream of pictures with markers, by the product's muxer.
func stream(t *testing.T, pictures int) []byte {
	video := &media.Track{Codec: media.H264, Video: &media.VideoParams{
		Width: 1280, Height: 720, FrameRate: media.Rational{Num: perSecond, Den: 1},
		SPS: []byte{0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0xc0, 0xf1, 0x83, 0x19, 0x60},
		PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0},
	}}
	sound := aac.Track(sampleRate, 2)
	m, err := ts.New(ts.Config{Tracks: []*media.Track{video, sound}})
	require.NoError(t, err)
	var all []byte
	for n := range pictures {
		at := time.Duration(n) * Picture
		slice := make([]byte, 500+3000*(n%3))
		for i := range slice {
			slice[i] = byte(i)%250 + 4
		}
		slice[0] = 0x41
		if n%10 == 0 {
			slice[0] = 0x65
		}
		data := h264.AppendUnit(nil, slice)
		unit := append(h264.AppendUnit(nil, marker(n, len(data))), data...)
		all, err = m.Append(all, media.Packet{Track: video, PTS: at, DTS: at, Key: n%10 == 0, Data: unit})
		require.NoError(t, err)
		all, err = m.Append(all, media.Packet{Track: sound, PTS: at, DTS: at, Key: true, Data: quiet()})
		require.NoError(t, err)
	}
	require.Zero(t, len(all)%tsPacket)
	return all
}

// found reads a stream in pieces of a size.
func found(b []byte, piece int) (whole, torn []int) {
	r := &tsReader{done: func(unit []byte, _ time.Duration) {
		if s, _, ok := find(unit); ok && s.whole {
			whole = append(whole, s.number)
		} else if ok {
			torn = append(torn, s.number)
		}
	}}
	for len(b) > 0 {
		n := min(piece, len(b))
		r.write(b[:n])
		b = b[n:]
	}
	r.flush()
	return whole, torn
}

func count(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestPicturesAreFoundInATransportStream(t *testing.T) {
	for _, piece := range []int{1, 100, 1316, 1 << 20} {
		whole, torn := found(stream(t, 40), piece)
		require.Equal(t, count(40), whole)
		require.Empty(t, torn)
	}
}

func TestAHoleTakesThePicturesThatItIsIn(t *testing.T) {
	all := stream(t, 40)
	for hole := range 40 {
		at := len(all) / 41 * hole / tsPacket * tsPacket
		end := min(at+7*tsPacket, len(all))
		whole, _ := found(append(append([]byte(nil), all[:at]...), all[end:]...), 1316)
		require.Less(t, len(whole), 40)
		require.Greater(t, len(whole), 30)
	}
}

// datagram is an SRT data packet as the link sees it.
func datagram(at time.Duration, socket, number uint32, payload []byte) bottleneck.Event {
	b := make([]byte, 28, 28+srtHeader+len(payload))
	b[0], b[9] = 0x45, 17
	b[22], b[23] = 9000>>8, 9000&0xff
	b = append(b, byte(number>>24), byte(number>>16), byte(number>>8), byte(number), 0, 0, 0, 0, 0, 0, 0, 0, byte(socket>>24), byte(socket>>16), byte(socket>>8), byte(socket))
	return bottleneck.Event{At: at, Kind: bottleneck.Arrive, Packet: bottleneck.Packet{Data: append(b, payload...)}}
}

func TestAPictureHasArrivedWithTheLastOfItsPackets(t *testing.T) {
	all := stream(t, 40)
	tap := &tap{port: 9000}
	const first, socket = 1<<31 - 20, 77
	for i := 0; i*1316 < len(all); i++ {
		payload := all[i*1316 : min((i+1)*1316, len(all))]
		number := uint32(first+i) & (1<<31 - 1)
		at := time.Duration(i) * time.Millisecond
		if i%5 == 0 {
			at += time.Second // lost, and sent again
		}
		tap.event(datagram(at, socket, number, payload))
		tap.event(datagram(at+2*time.Second, socket, number, payload)) // once more
	}
	got := tap.pictures()
	require.Len(t, got, 40)
	late := 0
	for _, at := range got {
		require.Less(t, at, 2*time.Second)
		if at >= time.Second {
			late++
		}
	}
	require.Greater(t, late, 10)
	require.Less(t, late, 40)
}

func TestMarkersOfAFile(t *testing.T) {
	var b []byte
	for i := range 5 {
		b = append(b, marker(i*7, 100)...)
		b = append(b, make([]byte, 100)...)
	}
	require.Equal(t, []int{0, 7, 14, 21, 28}, numbers(b))
	s, _, ok := find(b[:60])
	require.True(t, ok)
	require.False(t, s.whole)
	_, _, ok = find(b[:30])
	require.False(t, ok)
}
