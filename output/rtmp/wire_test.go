package rtmp

import (
	"bytes"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/output"
)

func TestAddressOfAPlatformURL(t *testing.T) {
	for _, tc := range []struct{ url, dial, tcURL, app, key string }{
		{"rtmp://a.rtmp.youtube.com/live2/abcd-efgh", "a.rtmp.youtube.com:1935", "rtmp://a.rtmp.youtube.com/live2", "live2", "abcd-efgh"},
		{"rtmp://live.twitch.tv/app/live_1_x?bandwidthtest=true", "live.twitch.tv:1935", "rtmp://live.twitch.tv/app", "app", "live_1_x?bandwidthtest=true"},
		{"rtmps://live-api-s.facebook.com:443/rtmp/FB-1?s_bl=1&s_sw=0", "live-api-s.facebook.com:443", "rtmps://live-api-s.facebook.com:443/rtmp", "rtmp", "FB-1?s_bl=1&s_sw=0"},
		{"rtmps://h/app/k", "h:443", "rtmps://h/app", "app", "k"},
		{"rtmp://h:1936/live/stream", "h:1936", "rtmp://h:1936/live", "live", "stream"},
		{"rtmp://h/app/instance/key", "h:1935", "rtmp://h/app/instance", "app/instance", "key"},
		{"rtmp://h/app/#a/b?c", "h:1935", "rtmp://h/app", "app", "a/b?c"},
		{"rtmp://h/app?auth=1#key", "h:1935", "rtmp://h/app?auth=1", "app?auth=1", "key"},
		{"rtmp://u:p@h/app/k", "h:1935", "rtmp://h/app", "app", "k"},
		{"rtmp://[::1]/live/k%20y", "[::1]:1935", "rtmp://[::1]/live", "live", "k%20y"},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		a, err := parse(u)
		if err != nil {
			t.Errorf("%s: %v", tc.url, err)
			continue
		}
		if a.dial != tc.dial || a.tcURL != tc.tcURL || a.app != tc.app || a.key != tc.key {
			t.Errorf("%s: got %+v", tc.url, a)
		}
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		"rtmp://h/key":         "no stream key",
		"rtmp://h":             "no stream key",
		"rtmp://h/app/":        "no stream key behind the last slash",
		"rtmp:///app/key":      "no host",
		"rtmp://h//key":        "no application",
		"http://h/app/key":     `scheme "http"`,
		"rtmp://u@h/app/key":   "belong together",
		"rtmp://:pw@h/app/key": "belong together",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(output.Target{URL: u}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", raw, err, want)
		}
	}
	u, _ := url.Parse("rtmp://h/app/key")
	if err := Check(output.Target{URL: u, Options: map[string]string{"latency": "1"}}); err == nil || !strings.Contains(err.Error(), "latency") {
		t.Errorf("unknown option: %v", err)
	}
	if err := Check(output.Target{URL: u}); err != nil {
		t.Errorf("good URL: %v", err)
	}
}

// Whatever the sizes and times, gortmplib's chunk reader gets the same messages
// back: across the chunk size, the extended timestamp and the 32-bit wrap.
func TestChunksReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type msg struct {
			timestamp uint32
			data      []byte
		}
		timestamp := rapid.SampledFrom([]uint32{0, 0xfffffe, 0xffffff, math.MaxUint32 - 50}).Draw(t, "start")
		w := chunkWriter{stream: videoChunks, typ: typeVideo}
		var wire bytes.Buffer
		var sent []msg
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			size := rapid.SampledFrom([]int{0, 1, chunkSize - 6, chunkSize - 5, chunkSize - 4, 2*chunkSize - 5, 3 * chunkSize}).Draw(t, "size")
			data := bytes.Repeat([]byte{byte(size), 3}, size/2+1)[:size]
			tag := videoTag(nil, true, -3)
			if _, err := w.message(1, timestamp, tag, data).WriteTo(&wire); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, msg{timestamp, append(tag, data...)})
			timestamp += rapid.SampledFrom([]uint32{0, 33, 0xffffff, 0x1000001}).Draw(t, "delta")
		}
		counted := bytecounter.NewReader(&wire)
		r := rawmessage.NewReader(counted, counted, func(uint32) error { return nil })
		if err := r.SetChunkSize(chunkSize); err != nil {
			t.Fatal(err)
		}
		for i, want := range sent {
			got, err := r.Read()
			if err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if got.Timestamp != time.Duration(want.timestamp)*time.Millisecond || got.Type != typeVideo ||
				got.MessageStreamID != 0x1000000 || !bytes.Equal(got.Body, want.data) {
				t.Fatalf("message %d: got %v, %d bytes; want %d ms, %d bytes", i, got.Timestamp, len(got.Body), want.timestamp, len(want.data))
			}
		}
	})
}

func TestDecoderConfiguration(t *testing.T) {
	idOne := []byte{0x68, 0x5c} // bits 010…: pps id 1
	high := []byte{0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb}
	v := *video.Video
	plain := "\x01\x42\xc0\x28\xff\xe1\x00\x19" + string(sps)
	for _, tc := range []struct {
		name string
		sps  []byte
		sets [][]byte
		want string
	}{
		{"the track's", sps, nil, plain + "\x01\x00\x04" + string(pps)},
		{"a PPS replaced", sps, [][]byte{pps2}, plain + "\x01\x00\x04" + string(pps2)},
		{"a PPS added", sps, [][]byte{idOne}, plain + "\x02\x00\x04" + string(pps) + "\x00\x02" + string(idOne)},
		{"High profile: chroma format and depths behind", high, nil, "\x01\x64\x00\x1f\xff\xe1\x00\x19" + string(high) + "\x01\x00\x04" + string(pps) + "\xfd\xf8\xf8\x00"},
	} {
		v.SPS = tc.sps
		got, err := keyConfig(&v, picture(0, 0, true, 5, tc.sets...).Data)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %x (%v), want %x", tc.name, got, err, tc.want)
		}
	}
	v.SPS = []byte{0x67, 0x42}
	if _, err := keyConfig(&v, nil); err == nil {
		t.Error("a truncated SPS made a configuration")
	}
}
