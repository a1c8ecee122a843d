package encodetest

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// session is one run of one encoder.
type session struct {
	t       *testing.T
	footage *Footage
	enc     encode.Encoder
	frames  chan media.Frame
	cancel  context.CancelFunc
	done    chan error
	sent    int
	leaks   goleak.Option

	mu      sync.Mutex // guards packets
	packets []media.Packet
	came    chan struct{} // capacity 1: packets grew
}

// start opens an encoder and runs it.
func start(t *testing.T, open Open, settings encode.Settings) *session {
	t.Helper()
	s := &session{
		t: t, footage: NewFootage(settings.Format),
		frames: make(chan media.Frame), done: make(chan error, 1), came: make(chan struct{}, 1),
		leaks: goleak.IgnoreCurrent(),
	}
	enc, err := open(t, settings)
	require.NoError(t, err)
	s.enc = enc
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	t.Cleanup(cancel)
	go func() { s.done <- enc.Run(ctx, s.frames, media.WriterFunc(s.write)) }()
	return s
}

func (s *session) write(p media.Packet) {
	s.mu.Lock()
	s.packets = append(s.packets, p)
	s.mu.Unlock()
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// send gives the encoder the next n frames.
func (s *session) send(n int) {
	s.t.Helper()
	for range n {
		s.sendFrame(s.footage.Frame(s.sent))
	}
}

// sendFrame gives the encoder a frame; a Run that has ended fails the test.
func (s *session) sendFrame(f media.Frame) {
	s.t.Helper()
	select {
	case s.frames <- f:
		s.sent++
	case err := <-s.done:
		f.Release()
		s.done <- err
		s.t.Fatalf("Run ended before frame %d: %v", s.sent, err)
	}
}

// await blocks until n packets have come.
func (s *session) await(n int) {
	s.t.Helper()
	for len(s.written()) < n {
		select {
		case <-s.came:
		case err := <-s.done:
			s.done <- err
			if len(s.written()) < n {
				s.t.Fatalf("Run ended with %d of %d packets: %v", len(s.written()), n, err)
			}
		}
	}
}

func (s *session) written() []media.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets[:len(s.packets):len(s.packets)]
}

// drain closes the channel, waits for Run, checks what holds for every run, and
// returns the packets.
func (s *session) drain() []media.Packet {
	s.t.Helper()
	close(s.frames)
	require.NoError(s.t, <-s.done, "Run after the channel was closed")
	s.footage.checkReleased(s.t)
	goleak.VerifyNone(s.t, s.leaks)
	got := s.written()
	require.Len(s.t, got, s.sent, "one packet for each frame")
	checkStream(s.t, got)
	return got
}

// stop cancels and waits for Run.
func (s *session) stop() {
	s.t.Helper()
	s.cancel()
	require.ErrorIs(s.t, <-s.done, context.Canceled)
	s.footage.checkReleased(s.t)
	goleak.VerifyNone(s.t, s.leaks)
}

// checkStream checks what holds for the packets of every run.
func checkStream(t *testing.T, packets []media.Packet) {
	t.Helper()
	if len(packets) == 0 {
		return
	}
	track := packets[0].Track
	require.NotNil(t, track)
	require.Equal(t, media.H264, track.Codec)
	require.NotEmpty(t, track.Video.SPS)
	require.NotEmpty(t, track.Video.PPS)
	require.True(t, packets[0].Key, "the first picture is a key picture")
	last := packets[0].DTS - 1
	for i, p := range packets {
		require.Same(t, track, p.Track, "packet %d", i)
		require.Greater(t, p.DTS, last, "DTS of packet %d", i)
		require.LessOrEqual(t, p.DTS, p.PTS, "packet %d", i)
		require.NoError(t, h264.Valid(p.Data), "packet %d", i)
		last = p.DTS
		slices, idr := 0, false
		for nal := range h264.Units(p.Data) {
			switch h264.Type(nal) {
			case h264.TypeAUD, h264.TypeSPS, h264.TypePPS:
				t.Fatalf("packet %d has a NAL unit of type %d in band", i, h264.Type(nal))
			case h264.TypeIDR:
				slices, idr = slices+1, true
			case h264.TypeSlice:
				slices++
			}
		}
		require.NotZero(t, slices, "packet %d has no picture", i)
		if p.Key {
			require.True(t, idr, "packet %d says Key without an IDR picture", i)
		}
	}
}

// keysOf are the indexes of the key packets.
func keysOf(packets []media.Packet) (keys []int) {
	for i, p := range packets {
		if p.Key {
			keys = append(keys, i)
		}
	}
	return keys
}

// Decode decodes packets with ffmpeg, which must have nothing to say, and
// returns the pictures as I420.
func Decode(t *testing.T, packets []media.Packet) [][]byte {
	t.Helper()
	v := packets[0].Track.Video
	var stream []byte
	for _, set := range [][]byte{v.SPS, v.PPS} {
		stream = append(append(stream, 0, 0, 0, 1), set...)
	}
	for _, p := range packets {
		stream = h264.AppendAnnexB(stream, p.Data)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-f", "h264", "-i", "pipe:0",
		"-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1")
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stream), &out, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg: %s", stderr.String())
	require.Empty(t, stderr.String(), "ffmpeg's decoder complains")
	size := v.Width * v.Height * 3 / 2
	require.Zero(t, out.Len()%size)
	var pictures [][]byte
	for raw := out.Bytes(); len(raw) > 0; raw = raw[size:] {
		pictures = append(pictures, raw[:size])
	}
	return pictures
}

// bytesBetween sums packet sizes by PTS.
func bytesBetween(packets []media.Packet, from, to time.Duration) (n int) {
	for _, p := range packets {
		if p.PTS >= from && p.PTS < to {
			n += len(p.Data)
		}
	}
	return n
}
