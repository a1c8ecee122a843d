package hls

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func clip(t testing.TB, recipe footage.Clip) *segmenttest.Clip {
	t.Helper()
	path, err := recipe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func kinds(clip *segmenttest.Clip) (out []media.Kind) {
	for _, t := range clip.Tracks {
		out = append(out, t.Kind())
	}
	return out
}

// serve answers over HTTP below /hls/NAME/, as the box does.
func (l *live) serve() string {
	mux := http.NewServeMux()
	mux.Handle("/hls/cam/", http.StripPrefix("/hls/cam/", l.h))
	s := httptest.NewServer(mux)
	l.t.Cleanup(s.Close)
	return s.URL + "/hls/cam/index.m3u8"
}

// ffmpeg reads a whole window of real footage in silence, and ffprobe finds in
// it the very times that went in.
func TestFFmpegReadsRealFootage(t *testing.T) {
	cases := map[string]footage.Clip{
		"H.264 and AAC":                          footage.StreetMP4,
		"B-frames":                               footage.StreetBFrames,
		"no sound":                               footage.StreetVideoOnly,
		"forced cuts: a key picture in 12 s":     footage.StreetLongGOP,
		"flash and beep, for sound with picture": footage.FlashMP4,
	}
	for name, recipe := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clip(t, recipe)
			l := start(t, segment.Config{Segments: 1000}, kinds(c)...)
			l.feed(c.Packets)
			want := c.Duration - 4*time.Second
			for w := l.await(1); w.Duration() < want; w = l.seg.Window() {
				<-w.Next()
			}
			url := l.serve()
			from := []string{"-live_start_index", "0"}
			got, err := peer.Decode(t.Context(), url, want-time.Second, from...)
			if err != nil {
				t.Fatal(err)
			}
			if d := (got.Media - (want - time.Second)).Abs(); d > 100*time.Millisecond {
				t.Errorf("decoded %v of %v", got.Media, want-time.Second)
			}
			p, err := peer.Probe(t.Context(), url, peer.ProbeOptions{Packets: true, Duration: want - time.Second, InputArgs: from})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.CheckTimestamps(); err != nil {
				t.Error(err)
			}
			checkTimes(t, c, p)
		})
	}
}

// A source that ended and began again: a hole, new tracks, a discontinuity.
func TestFFmpegReadsAcrossARestart(t *testing.T) {
	t.Parallel()
	first, again := clip(t, footage.FlashMP4), clip(t, footage.FlashMP4)
	l := start(t, segment.Config{Segments: 1000}, media.Video, media.Audio)
	l.feed(first.Packets)
	gap := map[media.Kind]bool{}
	for i := range again.Packets {
		p := &again.Packets[i]
		p.PTS += 20 * time.Second
		p.DTS += 20 * time.Second
		p.Gap = !gap[p.Track.Kind()]
		gap[p.Track.Kind()] = true
	}
	l.feed(again.Packets)
	w := l.await(11)
	breaks := 0
	for _, s := range w.Segments {
		if s.Discontinuity {
			breaks++
		}
	}
	if breaks != 1 {
		t.Errorf("%d discontinuities", breaks)
	}
	got, err := peer.Decode(t.Context(), l.serve(), 28*time.Second, "-live_start_index", "0")
	if err != nil {
		t.Fatal(err)
	}
	if got.Frames < 600 {
		t.Errorf("%d pictures decoded of 12 s and 8 s", got.Frames)
	}
}

// fileOffset is what the segmenter adds to all times (see segment's timeOffset).
const fileOffset = 10 * time.Second

// checkTimes compares ffprobe's packets with those of the clip: every one from
// the first segment's on, and nothing else. Sound from before the first picture
// is not kept.
func checkTimes(t *testing.T, c *segmenttest.Clip, p *peer.Probed) {
	t.Helper()
	source := map[string][]media.Packet{}
	for _, pkt := range c.Packets {
		k := pkt.Track.Kind().String()
		source[k] = append(source[k], pkt)
	}
	next := map[string]int{}
	for _, got := range p.Packets {
		list, i := source[got.Kind], next[got.Kind]
		for i == 0 && next[got.Kind] < 3 && list[next[got.Kind]].PTS+fileOffset < got.PTS.Duration-time.Millisecond {
			next[got.Kind]++
		}
		if i == 0 {
			i = next[got.Kind]
		}
		want := list[i]
		if (got.PTS.Duration-want.PTS-fileOffset).Abs() > 25*time.Microsecond || (got.DTS.Duration-want.DTS-fileOffset).Abs() > 25*time.Microsecond ||
			got.Size != len(want.Data) || got.Key() != want.Key {
			t.Fatalf("%s packet %d: %+v, want PTS %v DTS %v, %d bytes", got.Kind, i, got, want.PTS+fileOffset, want.DTS+fileOffset, len(want.Data))
		}
		next[got.Kind] = i + 1
	}
	if len(next) != len(c.Tracks) {
		t.Errorf("packets read: %v, want %d tracks", next, len(c.Tracks))
	}
}

// ffmpeg joins at the live edge and follows, in real time.
func TestFFmpegFollowsALiveStream(t *testing.T) {
	t.Parallel()
	c := clip(t, footage.StreetMP4)
	l := start(t, segment.Config{Duration: time.Second}, media.Video, media.Audio)
	ctx, cancel := context.WithCancel(t.Context())
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer cancel()
	feeding.Go(func() { l.pace(ctx, c.Packets) })
	l.await(2)
	if _, err := peer.Decode(ctx, l.serve(), 8*time.Second); err != nil {
		t.Error(err)
	}
}

// gohlslib's client reads the same stream; it paces itself by the times it finds.
func TestGohlslibFollowsALiveStream(t *testing.T) {
	t.Parallel()
	c := clip(t, footage.StreetMP4)
	l := start(t, segment.Config{}, media.Video, media.Audio)
	l.feed(c.Repeat(1)[:1500])
	l.await(8)
	var mu sync.Mutex // guards the fields below
	counts := map[string]int{}
	last := map[string]int64{}
	var faults []string
	enough := make(chan struct{})
	count := func(kind string, dts int64) {
		mu.Lock()
		defer mu.Unlock()
		if before, ok := last[kind]; ok && dts <= before {
			faults = append(faults, fmt.Sprintf("%s at %d after %d", kind, dts, before))
		}
		last[kind] = dts
		if counts[kind]++; counts["video"] >= 75 && counts["audio"] >= 120 && enough != nil {
			close(enough)
			enough = nil
		}
	}
	done := enough
	client := &gohlslib.Client{URI: l.serve()}
	client.OnDecodeError = func(err error) { faults = append(faults, err.Error()) }
	client.OnTracks = func(tracks []*gohlslib.Track) error {
		for _, track := range tracks {
			switch codec := track.Codec.(type) {
			case *codecs.H264:
				client.OnDataH26x(track, func(_, dts int64, _ [][]byte) { count("video", dts) })
			case *codecs.MPEG4Audio:
				if codec.Config.SampleRate != 48000 {
					return fmt.Errorf("sound of %d Hz", codec.Config.SampleRate)
				}
				client.OnDataMPEG4Audio(track, func(pts int64, _ [][]byte) { count("audio", pts) })
			}
		}
		return nil
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait2() }() // ends with Close
	defer client.Close()
	select {
	case <-done:
	case err := <-ended:
		t.Error(err)
	case <-time.After(time.Minute): // three seconds of media, on a machine that may be busy
		t.Error("too little after a minute")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	t.Logf("read %v", counts)
}
