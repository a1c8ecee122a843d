package finish_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/record/finish"
	"github.com/encoderbox/encoderbox/output/record/reeltest"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func clip(t *testing.T, path string, err error) *segmenttest.Clip {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	c, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reel(t *testing.T, tracks []*media.Track, packets []media.Packet) []byte {
	t.Helper()
	b, err := reeltest.Bytes(tracks, packets, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func part(name, run string, b []byte) finish.Part {
	return finish.Part{Name: name, Run: run, Open: reeltest.Open(b)}
}

// finished writes a file and holds it to what was promised of its size and progress.
func finished(t *testing.T, format finish.Format, cut finish.Cut, parts ...finish.Part) (string, *finish.Plan) {
	t.Helper()
	plan, err := finish.New(t.Context(), format, parts, cut)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var last int64
	if err := plan.Write(t.Context(), &b, func(n int64) {
		if n < last {
			t.Errorf("progress fell from %d to %d", last, n)
		}
		last = n
	}); err != nil {
		t.Fatal(err)
	}
	if last != plan.Payload() {
		t.Errorf("progress ended at %d of %d bytes", last, plan.Payload())
	}
	if size := int64(b.Len()); size > plan.Size() || plan.Size() > size*13/10+128<<10 {
		t.Errorf("size %d, was said to be %d", size, plan.Size())
	}
	path := filepath.Join(t.TempDir(), "finished"+format.Extension())
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, plan
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s %v: %v\n%s", name, args, err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestMP4HoldsEveryPacketAtItsTime(t *testing.T) {
	for name, make := range map[string]footage.Clip{
		"sound and pictures": footage.StreetMP4, "reordered pictures": footage.StreetBFrames,
		"pictures alone": footage.StreetVideoOnly, "one group of 12 s": footage.StreetLongGOP, "flashes": footage.FlashMP4,
	} {
		t.Run(name, func(t *testing.T) {
			source, err := make(t.Context())
			c := clip(t, source, err)
			path, plan := finished(t, finish.MP4, finish.Cut{}, part("a", "r", reel(t, c.Tracks, c.Packets)))
			got, want := probe(t, path), probe(t, source)
			sameMedia(t, got, want)
			if start := seconds(t, got.Format.StartTime); start != 0 {
				t.Errorf("starts at %f s", start)
			}
			if d := seconds(t, got.Format.Duration) - seconds(t, want.Format.Duration); math.Abs(d) > 0.025 {
				t.Errorf("lasts %s s, the source %s s", got.Format.Duration, want.Format.Duration)
			}
			if d := plan.Duration().Seconds() - seconds(t, got.Format.Duration); math.Abs(d) > 0.001 {
				t.Errorf("the plan is %v long, the file %s s", plan.Duration(), got.Format.Duration)
			}
			for i, s := range got.Streams {
				if s.Type == "video" && (s.Rate != want.Streams[i].Rate || s.Real != want.Streams[i].Real || s.Frames != want.Streams[i].Frames || seconds(t, s.Start) != 0) {
					t.Errorf("video: %+v", s)
				}
			}
			boxes := topLevel(t, path)
			if !slices.Equal(boxes, []string{"ftyp", "moov", "mdat"}) {
				t.Errorf("boxes %v", boxes)
			}
			if out := run(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"); out != "" {
				t.Error(out)
			}
		})
	}
}

func topLevel(t *testing.T, path string) (names []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) >= 8 {
		names = append(names, string(b[4:8]))
		b = b[min(len(b), int(binary.BigEndian.Uint32(b))):]
	}
	return names
}

// made is a clip that ffmpeg makes for one test.
func made(t *testing.T, args ...string) (string, *segmenttest.Clip) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.mp4")
	run(t, "ffmpeg", append(append([]string{"-v", "error", "-y"}, args...), path)...)
	return path, clip(t, path, nil)
}

func TestFrameRateIsExact(t *testing.T) {
	for _, rate := range []string{"24000/1001", "30000/1001", "60000/1001", "50/1", "15/1"} {
		for _, reordered := range []string{"0", "2"} {
			t.Run(rate+" with "+reordered+" B-frames", func(t *testing.T) {
				source, c := made(t, "-f", "lavfi", "-i", "testsrc2=size=160x90:rate="+rate, "-f", "lavfi", "-i", "sine=sample_rate=44100",
					"-t", "5", "-c:v", "libx264", "-preset", "ultrafast", "-bf", reordered, "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-video_track_timescale", "90000")
				path, _ := finished(t, finish.MP4, finish.Cut{}, part("a", "r", reel(t, c.Tracks, c.Packets)))
				got := probe(t, path)
				sameMedia(t, got, probe(t, source))
				for _, s := range got.Streams {
					if s.Type == "video" && (s.Rate != rate || s.Real != rate) {
						t.Errorf("rate %s, really %s", s.Rate, s.Real)
					}
				}
			})
		}
	}
}

func TestTransportStreamHoldsTheSamePicturesAndSound(t *testing.T) {
	for name, make := range map[string]footage.Clip{"plain": footage.StreetMP4, "reordered": footage.StreetBFrames, "flashes": footage.FlashMP4} {
		t.Run(name, func(t *testing.T) {
			source, err := make(t.Context())
			c := clip(t, source, err)
			path, _ := finished(t, finish.TS, finish.Cut{}, part("a", "r", reel(t, c.Tracks, c.Packets)))
			pictures, sound := hashes(t, path)
			wantPictures, wantSound := hashes(t, source)
			if !slices.Equal(pictures, wantPictures) || sound != wantSound {
				t.Errorf("%d pictures and sound %s; want %d and %s", len(pictures), sound, len(wantPictures), wantSound)
			}
			got, want := probe(t, path), probe(t, source)
			offset := func(p probed) float64 { return seconds(t, p.of("audio")[0].PTS) - seconds(t, p.of("video")[0].PTS) }
			if math.Abs(offset(got)-offset(want)) > tick {
				t.Errorf("sound is %f s behind the pictures, want %f", offset(got), offset(want))
			}
			last := -1.0
			for _, p := range got.Packets {
				dts := seconds(t, p.DTS)
				if dts < last-0.2 {
					t.Fatalf("a packet of %f s lies behind one of %f s", dts, last)
				}
				last = max(last, dts)
			}
		})
	}
}

// halves splits packets at the key picture nearest to the middle.
func halves(c *segmenttest.Clip) (a, b []media.Packet) {
	var at time.Duration
	for _, p := range c.Packets {
		if p.Key && p.Track.Kind() == media.Video && p.PTS <= c.Duration/2 {
			at = p.PTS
		}
	}
	for _, p := range c.Packets {
		if p.PTS < at {
			a = append(a, p)
		} else {
			b = append(b, p)
		}
	}
	return a, b
}

func TestPartsOfOneRunAreOneFileWithoutASeam(t *testing.T) {
	source, err := footage.StreetBFrames(t.Context())
	c := clip(t, source, err)
	a, b := halves(c)
	path, plan := finished(t, finish.MP4, finish.Cut{}, part("a", "r", reel(t, c.Tracks, a)), part("b", "r", reel(t, c.Tracks, b)))
	if len(plan.Breaks) != 0 {
		t.Errorf("breaks %v", plan.Breaks)
	}
	sameMedia(t, probe(t, path), probe(t, source))
}

func TestMissingTimeIsClosedUpWithSoundInStep(t *testing.T) {
	source, err := footage.StreetMP4(t.Context())
	c := clip(t, source, err)
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := part("a", "one", reel(t, c.Tracks, c.Packets))
	b := part("b", "two", reel(t, c.Tracks, c.Packets)) // the time line of a new run begins anew
	a.Begin, b.Begin = begin, begin.Add(c.Duration+3*time.Minute)
	for _, format := range []finish.Format{finish.MP4, finish.TS} {
		path, plan := finished(t, format, finish.Cut{}, a, b)
		if len(plan.Breaks) != 1 || plan.Breaks[0].Before != "a" || plan.Breaks[0].After != "b" ||
			(plan.Breaks[0].Missing-3*time.Minute).Abs() > 50*time.Millisecond || (plan.Breaks[0].At-c.Duration).Abs() > 50*time.Millisecond {
			t.Fatalf("breaks %+v", plan.Breaks)
		}
		got := probe(t, path)
		v, s := got.of("video"), got.of("audio")
		if len(v) != 1500 {
			t.Fatalf("%d pictures", len(v))
		}
		wantOffset := seconds(t, s[0].PTS) - seconds(t, v[0].PTS)
		offset := seconds(t, s[len(s)/2].PTS) - seconds(t, v[len(v)/2].PTS)
		if math.Abs(offset-wantOffset) > tick*2 {
			t.Errorf("%s: behind the break, sound is %f s from the pictures; want %f", format, offset, wantOffset)
		}
		if end := seconds(t, v[len(v)-1].PTS) - seconds(t, v[0].PTS); math.Abs(end-59.96) > 0.05 {
			t.Errorf("%s: the last picture is at %f s", format, end)
		}
	}
}

func TestCutByTimeBeginsAtAKeyPictureAndKeepsSoundInStep(t *testing.T) {
	source, err := footage.StreetMP4(t.Context()) // a key picture every 2 s
	c := clip(t, source, err)
	p := part("a", "r", reel(t, c.Tracks, c.Packets))
	p.Begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, format := range []finish.Format{finish.MP4, finish.TS} {
		path, plan := finished(t, format, finish.Cut{From: p.Begin.Add(7 * time.Second), To: p.Begin.Add(11500 * time.Millisecond)}, p)
		got, want := probe(t, path), probe(t, source)
		v, s := got.of("video"), got.of("audio")
		if len(v) != 150 || plan.Duration() < 6*time.Second || plan.Duration() > 6*time.Second+30*time.Millisecond {
			t.Errorf("%s: %d pictures, %v; want those from 6 s to 12 s", format, len(v), plan.Duration())
		}
		var first packet
		for _, w := range want.of("audio") {
			if format == finish.MP4 && w.Hash == s[0].Hash {
				first = w
			}
		}
		if format == finish.TS {
			continue
		}
		if v[0].Hash != want.of("video")[150].Hash {
			t.Errorf("it begins with another picture")
		}
		wantOffset := seconds(t, first.PTS) - 6
		if offset := seconds(t, s[0].PTS) - seconds(t, v[0].PTS); math.Abs(offset-wantOffset) > tick || offset < 0 {
			t.Errorf("sound begins %f s behind the pictures, want %f", offset, wantOffset)
		}
		if end := seconds(t, s[len(s)-1].PTS); end < 5.9 || end > 6 {
			t.Errorf("sound ends at %f s", end)
		}
	}
}

func TestTornTailIsLeftOut(t *testing.T) {
	source, err := footage.StreetMP4(t.Context())
	c := clip(t, source, err)
	whole := reel(t, c.Tracks, c.Packets)
	for name, b := range map[string][]byte{
		"cut within a chunk": whole[:len(whole)-5000],
		"zeros behind":       append(slices.Clone(whole), make([]byte, 9000)...),
		"rubbish behind":     append(slices.Clone(whole), bytes.Repeat([]byte{0x5a}, 5000)...),
		"header alone":       append(slices.Clone(whole), 0, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := finished(t, finish.MP4, finish.Cut{}, part("a", "r", b))
			if n := len(probe(t, path).of("video")); n != 750 && n != 725 && n != 700 {
				t.Errorf("%d pictures", n)
			}
			run(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-")
		})
	}
}

func TestRefusals(t *testing.T) {
	source, err := footage.StreetMP4(t.Context())
	c := clip(t, source, err)
	_, small := made(t, "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-ac", "2", "-t", "4", "-c:v", "libx264", "-c:a", "aac")
	big := reel(t, c.Tracks, c.Packets)
	other := reel(t, small.Tracks, small.Packets)
	mute := reel(t, c.Tracks[:1], slices.DeleteFunc(slices.Clone(c.Packets), func(p media.Packet) bool { return p.Track != c.Tracks[0] }))
	noClock := part("a", "r", big)
	for name, x := range map[string]struct {
		parts []finish.Part
		cut   finish.Cut
		want  string
	}{
		"another size":   {[]finish.Part{part("a", "r", big), part("b", "r", other)}, finish.Cut{}, "the video changes from h264 768x576 25 fps in a to h264 160x90 25 fps in b"},
		"sound missing":  {[]finish.Part{part("a", "r", big), part("b", "r", mute)}, finish.Cut{}, "a has audio, b has none"},
		"nothing":        {nil, finish.Cut{}, "nothing was recorded"},
		"no time of day": {[]finish.Part{noClock}, finish.Cut{From: time.Now()}, "time of day is not known"},
		"no MP4":         {[]finish.Part{part("a", "r", []byte("hello world, this is no MP4"))}, finish.Cut{}, "nothing was recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := finish.New(t.Context(), finish.MP4, x.parts, x.cut)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v", err)
			}
		})
	}
	if path, _ := finished(t, finish.TS, finish.Cut{}, part("a", "r", big), part("b", "s", other)); len(probe(t, path).of("video")) != 850 {
		t.Error("a transport stream cannot hold both sizes")
	}
}

func TestCancel(t *testing.T) {
	source, err := footage.StreetMP4(t.Context())
	c := clip(t, source, err)
	ctx, cancel := context.WithCancel(t.Context())
	plan, err := finish.New(ctx, finish.MP4, []finish.Part{part("a", "r", reel(t, c.Tracks, c.Packets))}, finish.Cut{})
	if err != nil {
		t.Fatal(err)
	}
	err = plan.Write(ctx, io.Discard, func(int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
}

func FuzzNew(f *testing.F) {
	v, a := segmenttest.Video(), segmenttest.Audio()
	var packets []media.Packet
	for i := range 50 {
		at := time.Duration(i) * 40 * time.Millisecond
		packets = append(packets, segmenttest.Picture(v, at, i%25 == 0, 100), segmenttest.Sound(a, 0, i))
	}
	b, err := reeltest.Bytes([]*media.Track{v, a}, packets, time.Second)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, int64(0))
	f.Add(b[:len(b)-100], int64(time.Second))
	f.Fuzz(func(t *testing.T, b []byte, from int64) {
		p := part("a", "r", b)
		p.Begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		cut := finish.Cut{}
		if from != 0 {
			cut.From = p.Begin.Add(time.Duration(from % int64(time.Hour)))
		}
		for _, format := range []finish.Format{finish.MP4, finish.TS} {
			plan, err := finish.New(t.Context(), format, []finish.Part{p}, cut)
			if err != nil {
				continue
			}
			_ = plan.Write(t.Context(), io.Discard, func(int64) {})
		}
	})
}
