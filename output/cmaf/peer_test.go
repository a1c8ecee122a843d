package cmaf

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// decode has ffmpeg decode a file in silence.
func decode(t *testing.T, path string) peer.Decoded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := peer.Decode(ctx, path, 0)
	if err != nil {
		t.Error(err)
	}
	return d
}

func TestWhatIsKeptDecodes(t *testing.T) {
	for name, file := range map[string]footage.Clip{"without B-frames": footage.StreetMP4, "with B-frames": footage.StreetBFrames} {
		t.Run(name, func(t *testing.T) {
			c := clip(t, file)
			r, to := receiver(t)
			conn := mustDial(t, target(t, to), c.Tracks, nil)
			mustWrite(t, conn, c.Packets...)
			_ = conn.Close()
			video, audio := taken(t, r)
			if d := decode(t, video[0].File); int(d.Frames) != count(c, media.Video) {
				t.Errorf("%d pictures, want %d", d.Frames, count(c, media.Video))
			}
			decode(t, audio[0].File)
			checkSync(t, c, video[0].File, audio[0].File)
		})
	}
}

// checkSync compares where ffmpeg sees pictures and sound begin with what was sent.
func checkSync(t *testing.T, c *segmenttest.Clip, video, audio string) {
	t.Helper()
	first := func(file, kind string) time.Duration {
		p, err := peer.Probe(t.Context(), file, peer.ProbeOptions{Packets: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range p.Packets {
			if q.Kind == kind {
				return q.PTS.Duration
			}
		}
		t.Fatalf("no %s in %s", kind, file)
		return 0
	}
	v, a := firsts(c)
	sent, got := a-v, first(audio, "audio")-first(video, "video")
	if off := (got - sent).Abs(); off > 40*time.Millisecond {
		t.Errorf("sound is off by %v", off)
	}
}

// ffmpeg takes one request on one address: a track alone.
func TestFFmpegAsTheReceiver(t *testing.T) {
	c := clip(t, footage.StreetVideoOnly)
	l := peer.StartFFmpegListener(t, peer.FFmpegListenerOptions{Scheme: "http", Path: "/live/Streams(video.cmfv)", File: "taken.mkv"})
	conn := mustDial(t, target(t, strings.TrimSuffix(l.URL(), "/Streams(video.cmfv)")), c.Tracks, nil)
	mustWrite(t, conn, c.Packets...)
	_ = conn.Close()
	select {
	case <-l.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("ffmpeg does not end: %s", l.Log())
	}
	if d := decode(t, l.File()); int(d.Frames) != len(c.Packets) {
		t.Errorf("%d pictures, want %d", d.Frames, len(c.Packets))
	}
}
