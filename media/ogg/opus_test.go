package ogg

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func stream(t *testing.T) *Opus {
	t.Helper()
	return &Opus{Serial: 7, Channels: 2, SampleRate: 44100, PreSkip: PreSkip, Vendor: "box", Comments: []string{"TITLE=a b", "ARTIST=ü"}}
}

func TestHeadersAreAsTheStandardSays(t *testing.T) {
	b, err := stream(t).AppendHeaders([]byte("before"))
	require.NoError(t, err)
	b = b[len("before"):]
	const size = 27 + 1 + 19
	require.Equal(t, "OggS\x00\x02", string(b[:6]))
	require.Equal(t, "OpusHead\x01\x02\x00\x0f\x44\xac\x00\x00\x00\x00\x00", string(b[28:size]))
	require.Equal(t, "OggS\x00\x00", string(b[size:size+6]))
	require.Equal(t, uint32(1), binary.LittleEndian.Uint32(b[size+18:]), "page number")
	require.Contains(t, string(b[size:]), "OpusTags\x03\x00\x00\x00box\x02\x00\x00\x00\x09\x00\x00\x00TITLE=a b\x09\x00\x00\x00ARTIST=ü")
}

func TestPacketsOfEverySizeComeBackFromTheirPage(t *testing.T) {
	var packets [][]byte
	for _, n := range []int{1, 254, 255, 256, 509, 510, 1275} {
		packets = append(packets, bytes.Repeat([]byte{byte(n)}, n))
	}
	page, err := stream(t).Append(nil, 12345, packets...)
	require.NoError(t, err)
	require.Equal(t, int64(12345), int64(binary.LittleEndian.Uint64(page[6:])))
	lacing, body := page[27:27+int(page[26])], page[27+int(page[26]):]
	for _, want := range packets {
		n := 0
		for more := true; more; lacing = lacing[1:] {
			n += int(lacing[0])
			more = lacing[0] == 255
		}
		require.Equal(t, want, body[:n])
		body = body[n:]
	}
	require.Empty(t, lacing)
	require.Empty(t, body)
}

// The checksum of Ogg (RFC 3533 §6, field 7) over "123456789", as CRC-32 without
// reflections, start and end value zero has it.
func TestChecksum(t *testing.T) {
	require.Equal(t, uint32(0x89a1897f), checksum(makeTable(), []byte("123456789")))
}

func TestRefusals(t *testing.T) {
	o := stream(t)
	_, err := o.Append(nil, 0)
	require.Error(t, err)
	_, err = o.Append(nil, 0, make([][]byte, MaxPackets+1)...)
	require.Error(t, err)
	_, err = o.Append(nil, 0, nil)
	require.Error(t, err)
	_, err = o.Append(nil, 0, make([]byte, 1276))
	require.Error(t, err)
	o.Channels = 3
	_, err = o.AppendHeaders(nil)
	require.Error(t, err)
	o = stream(t)
	o.Comments = []string{strings.Repeat("x", 70000)}
	_, err = o.AppendHeaders(nil)
	require.Error(t, err)
}

func TestReadByFFprobe(t *testing.T) {
	o := stream(t)
	b, err := o.AppendHeaders(nil)
	require.NoError(t, err)
	silence := []byte{0xfc, 0xff, 0xfe} // CELT, 20 ms, stereo
	for i := range 50 {
		b, err = o.Append(b, int64(i+1)*960, silence)
		require.NoError(t, err)
	}
	b = o.AppendEnd(b, 50*960)
	cmd := exec.Command("ffprobe", "-v", "warning", "-show_entries", "stream=codec_name,channels:stream_tags=title,artist", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv", "-")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(b), &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	require.Empty(t, stderr.String())
	require.Equal(t, "stream,opus,2,50,a b,ü", strings.TrimSpace(string(out)))
}
