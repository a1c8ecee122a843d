package whip

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretToken = "very-secret-token"
	shift       = 3*time.Second + 123456789 // of the programme on the stream's clock
)

var (
	soundTrack = &media.Track{Codec: media.Opus, Audio: &media.AudioParams{SampleRate: 48000, Channels: 2}}
	aacTrack   = aac.Track(48000, 2)
)

func target(t *testing.T, rawURL string) output.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return output.Target{
		Name: "test", URL: u, WriteTimeout: 5 * time.Second, Agent: "encoderbox 0.0",
		Log: slog.New(slog.DiscardHandler), Options: map[string]string{},
	}
}

func dial(t *testing.T, tg output.Target, limit time.Duration, tracks ...*media.Track) (*conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := Dial(ctx, tg, tracks)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c.(*conn), nil
}

func mustDial(t *testing.T, tg output.Target, tracks ...*media.Track) *conn {
	t.Helper()
	c, err := dial(t, tg, 10*time.Second, tracks...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// programme is real footage with its sound as Opus, by time, from shift on.
type programme struct {
	video   *media.Track
	packets []media.Packet
}

// street is n seconds of a programme with pictures and sound.
func street(t *testing.T, seconds int) programme {
	t.Helper()
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	var p programme
	for _, one := range clip.Packets {
		if one.Track.Codec == media.H264 {
			p.video = one.Track
			p.packets = append(p.packets, one)
		}
	}
	p.packets = append(p.packets, opusOf(t, path)...)
	slices.SortStableFunc(p.packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	end := time.Duration(seconds) * time.Second
	p.packets = slices.DeleteFunc(p.packets, func(x media.Packet) bool { return x.DTS < 0 || x.DTS >= end })
	for i := range p.packets {
		p.packets[i].PTS += shift
		p.packets[i].DTS += shift
	}
	return p
}

// opusOf is a file's sound as Opus packets of 20 ms.
func opusOf(t *testing.T, path string) (all []media.Packet) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sound.ogg")
	if log, err := peer.Run(t.Context(), peer.Command{Args: []string{"ffmpeg", "-nostdin", "-v", "error", "-i", path, "-vn",
		"-c:a", "libopus", "-b:a", "96k", "-frame_duration", "20", "-page_duration", "1", "-t", "15", file}}); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, head, err := oggreader.NewWith(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	skip := media.SamplesToDuration(int64(head.PreSkip), clockOpus)
	for i := 0; ; {
		page, h, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if kind, _ := h.HeaderType(page); kind == oggreader.HeaderOpusTags {
			continue
		}
		at := time.Duration(i)*20*time.Millisecond - skip
		all = append(all, media.Packet{Track: soundTrack, PTS: at, DTS: at, Key: true, Data: page})
		i++
	}
}

// play writes packets at the pace of their times.
func play(c output.Conn, packets []media.Packet) error {
	start := time.Now()
	for _, p := range packets {
		time.Sleep(time.Until(start.Add(p.DTS - packets[0].DTS)))
		if err := c.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// of keeps one kind.
func (p programme) of(k media.Kind) (all []media.Packet) {
	for _, one := range p.packets {
		if one.Track.Kind() == k {
			all = append(all, one)
		}
	}
	return all
}

var (
	testSPS = []byte{ // 1920x1080 Baseline
		0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04,
		0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20,
	}
	testVideo = &media.Track{Codec: media.H264, Video: &media.VideoParams{
		Width: 1920, Height: 1080, FrameRate: media.Rational{Num: 25, Den: 1}, SPS: testSPS, PPS: []byte{0x68, 0xce, 0x3c, 0x80}}}
)

// picture is the n-th of a programme of 25 a second, of so many bytes.
func picture(n, size int, key bool) media.Packet {
	slice := bytes.Repeat([]byte{byte(n) | 1}, size)
	if slice[0] = 0x41; key {
		slice[0] = 0x65
	}
	at := time.Duration(n) * 40 * time.Millisecond
	return media.Packet{Track: testVideo, PTS: at, DTS: at, Key: key, Data: h264.AppendUnit(nil, slice)}
}

// until waits for something that comes soon.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not so within 20 s: " + what)
		}
	}
}

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
