package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	long  = 60 * time.Second
	short = 15 * time.Second
)

// source is an input and what every receiver must get of it.
type source struct {
	tables func(t *testing.T) string
	want   contents
	length time.Duration
	silent bool // the sound is silence that was added
}

// Every input, through every output at once.
var sources = map[string]source{
	"pattern": {small, contents{640, 360, 30, 48000, false}, long, false},
	// Four seconds, so it loops some fifteen times, at its most awkward: with
	// reordered pictures at the seam, and a sound that does not divide it.
	"looped file": {loopedClip, contents{768, 576, 25, 48000, true}, long, false},
	"MP4":         {clip(footage.StreetMP4), contents{768, 576, 25, 48000, true}, short, false},
	"MPEG-TS":     {clip(footage.StreetTS), contents{768, 576, 25, 48000, true}, short, false},
	"B-frames":    {clip(footage.StreetBFrames), contents{768, 576, 25, 48000, true}, short, false},
	"no sound":    {clip(footage.StreetVideoOnly), contents{768, 576, 25, 48000, true}, short, true},
	"sound only":  {soundOnly, contents{sampleRate: 48000}, short, false},
	"raw":         {rawFiles, contents{384, 288, 25, 48000, false}, short, false},
}

// small is a pattern that costs little. Its bit rate is fixed, as all are whose
// pictures are counted: on a busy machine a receiver may be slow.
func small(*testing.T) string {
	return "[streams.main.input]\nkind = \"pattern\"\nwidth = 640\nheight = 360\n[streams.main.video]\nbitrate = { max = \"800k\", mode = \"fixed\" }\n"
}

func clip(c footage.Clip) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		return fileInput(t, "main", c)
	}
}

func file(path string) string {
	return fmt.Sprintf("[streams.main.input]\nkind = \"file\"\npath = %q\n", path)
}

func loopedClip(t *testing.T) string {
	t.Helper()
	src, err := footage.StreetBFrames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return file(ffmpegMakes(t, "short.mp4", "-i", src, "-c", "copy", "-frames:v", "100", "-t", "4"))
}

func soundOnly(t *testing.T) string {
	t.Helper()
	return file(ffmpegMakes(t, "sound.m4a", "-i", street(t), "-vn", "-c", "copy"))
}

func rawFiles(t *testing.T) string {
	t.Helper()
	y4m, wav, err := footage.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return file(y4m) + fmt.Sprintf("audio_path = %q\n[streams.main.video]\nbitrate = { max = \"600k\", mode = \"fixed\" }\n", wav)
}

// TestEveryInputThroughEveryOutput reads the live HLS with ffmpeg and ffprobe
// while nginx and srt-live-transmit record, and then decodes what they got.
// ffmpeg must not have one word to say, packets must be at even distances from
// the first to the last, through all loops of a file, and nothing may have
// reconnected.
func TestEveryInputThroughEveryOutput(t *testing.T) {
	t.Parallel()
	for name, s := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRig(t, s.tables(t))
			seen := startWatch(t, r.HLS("main"))
			s.readLive(t, r)
			s.askNginx(t, r)
			r.untilSent(s.length + time.Second)
			r.steady()
			if err := seen.Stop(); err != nil {
				t.Errorf("playlists: %v", err)
			}
			s.judgePlaylists(t, r, seen)
			for protocol, file := range r.received() {
				s.judgeFile(t, protocol, file)
			}
		})
	}
}

// readLive decodes the HLS and looks at its packets, as it is made. A viewer
// joins at nginx meanwhile.
func (s source) readLive(t *testing.T, r *rig) {
	t.Helper()
	ctx, url := within(t, s.length+patience), r.HLS("")
	var readers errgroup.Group
	readers.Go(func() error {
		_, err := peer.Decode(ctx, r.nginx.URL("main"), s.length/2)
		return err
	})
	readers.Go(func() error {
		d, err := peer.Decode(ctx, url, s.length)
		if err == nil {
			err = s.enough(d)
		}
		return err
	})
	readers.Go(func() error {
		p, err := peer.Probe(ctx, url, peer.ProbeOptions{Packets: true, Duration: s.length})
		if err == nil {
			err = s.want.check(p)
		}
		return err
	})
	if err := readers.Wait(); err != nil {
		t.Errorf("live: %v", err)
	}
}

// enough checks that what was decoded is all there.
func (s source) enough(d peer.Decoded) error {
	least := 0.99
	if !s.want.lossless {
		least = 0.8
	}
	if d.Media < s.length-100*time.Millisecond || float64(d.Frames) < least*s.want.frameRate*s.length.Seconds() {
		return fmt.Errorf("decoded %d pictures in %v, want %v at %v a second", d.Frames, d.Media, s.length, s.want.frameRate)
	}
	return nil
}

// judgeFile decodes what a receiver recorded, and looks at its packets.
func (s source) judgeFile(t *testing.T, protocol, file string) {
	t.Helper()
	ctx := within(t, patience)
	d, err := peer.Decode(ctx, file, 0)
	if err == nil {
		err = s.enough(d)
	}
	if err != nil {
		t.Errorf("%s: %v", protocol, err)
	}
	p, err := peer.Probe(ctx, file, peer.ProbeOptions{Packets: true})
	if err == nil {
		err = s.want.check(p)
	}
	if err != nil {
		t.Errorf("%s: %v", protocol, err)
	}
	if s.silent {
		log, err := peer.Run(ctx, peer.Command{Args: []string{
			"ffmpeg", "-nostdin", "-hide_banner", "-i", file, "-vn", "-af", "volumedetect", "-f", "null", "-"}})
		if err != nil || !strings.Contains(log, "max_volume: -91.0 dB") {
			t.Errorf("%s: the sound added is no silence: %v\n%s", protocol, err, log)
		}
	}
}

// askNginx compares what the RTMP server was told of the stream.
func (s source) askNginx(t *testing.T, r *rig) {
	t.Helper()
	n, err := r.nginx.AwaitPublish(within(t, patience), "main")
	if err != nil {
		t.Error(err)
		return
	}
	v, a := n.Video, n.Audio
	if s.want.frameRate > 0 && (v.Codec != "H264" || v.Width != s.want.width || v.Height != s.want.height ||
		int(v.FrameRate+0.5) != int(s.want.frameRate)) {
		t.Errorf("nginx was told of video %+v, want %+v", v, s.want)
	}
	if a.Codec != "AAC" || a.Profile != "LC" || a.SampleRate != s.want.sampleRate || a.Channels != 2 {
		t.Errorf("nginx was told of audio %+v, want %+v", a, s.want)
	}
}

// judgePlaylists checks what the watch gathered: each kind of track has one
// header for the whole run, and segments as long as they should be.
func (s source) judgePlaylists(t *testing.T, r *rig, w *watch) {
	t.Helper()
	// A picture that a busy machine left out may be the one to cut at.
	left := encoderd.Stream(r.Status(), "main").Input.Dropped
	tolerance := segmentTolerance
	if left > 0 {
		tolerance += time.Duration(float64(left) / s.want.frameRate * float64(time.Second))
	}
	if w.Multivariant == nil || len(w.Multivariant.Variants) != 1 {
		t.Fatalf("multivariant playlist: %+v", w.Multivariant)
	}
	v := w.Multivariant.Variants[0]
	if s.want.frameRate > 0 {
		if v.Resolution != fmt.Sprintf("%dx%d", s.want.width, s.want.height) || int(v.FrameRate+0.5) != int(s.want.frameRate) ||
			!strings.HasPrefix(v.Codecs, "avc1.") || !strings.HasSuffix(v.Codecs, ",mp4a.40.2") {
			t.Errorf("variant %+v, want %+v", v, s.want)
		}
	} else if v.Codecs != "mp4a.40.2" || v.Resolution != "" || len(w.Tracks) != 1 {
		t.Errorf("variant of sound alone: %+v; playlists %v", v, w.Tracks)
	}
	if len(w.Inits) != s.want.count() {
		t.Errorf("%d headers for %d tracks", len(w.Inits), s.want.count())
	}
	for name, h := range w.Tracks {
		if want := int(s.length/segmentTarget) / 2; len(h.Segments) < want {
			t.Errorf("%s: %d segments, want at least %d", name, len(h.Segments), want)
		}
		for _, seg := range h.Segments {
			if (seg.Duration-segmentTarget).Abs() > tolerance || seg.Gap || seg.Discontinuity {
				t.Errorf("%s: %+v, want a segment of %v ± %v (%d pictures left out)", name, seg, segmentTarget, tolerance, left)
			}
		}
	}
}

const (
	segmentTarget    = 2 * time.Second
	segmentTolerance = 100 * time.Millisecond
)
