package footage

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

func TestClipsDecodeToTheEnd(t *testing.T) {
	for name, clip := range All {
		t.Run(name, func(t *testing.T) {
			path, err := clip(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d, err := peer.Decode(t.Context(), path, 0)
			if err != nil {
				t.Fatal(err)
			}
			if d.Media < 11900*time.Millisecond {
				t.Errorf("%v of media", d.Media)
			}
		})
	}
}

func probe(t *testing.T, clip Clip) *peer.Probed {
	t.Helper()
	path, err := clip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := peer.Probe(t.Context(), path, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStreetIsWhatItsContractSays(t *testing.T) {
	for _, clip := range []Clip{StreetMP4, StreetTS} {
		p := probe(t, clip)
		v, a := p.First("video"), p.First("audio")
		if v == nil || v.Codec != "h264" || v.Profile != "High" || v.Width != 768 || v.Height != 576 || v.FrameRate != "25/1" || v.BFrames != 0 {
			t.Errorf("video is %+v", v)
		}
		if a == nil || a.Codec != "aac" || a.Profile != "LC" || a.SampleRate != 48000 || a.Channels != 2 {
			t.Errorf("audio is %+v", a)
		}
		if got := longestGOP(p); got != 2*time.Second {
			t.Errorf("key frames %v apart", got)
		}
		if err := p.CheckTimestamps(); err != nil {
			t.Error(err)
		}
	}
}

func longestGOP(p *peer.Probed) time.Duration {
	var longest, last time.Duration
	seen := false
	for _, pkt := range p.Packets {
		if pkt.Kind != "video" || !pkt.Key() {
			continue
		}
		if seen {
			longest = max(longest, pkt.PTS.Duration-last)
		}
		last, seen = pkt.PTS.Duration, true
	}
	return longest
}

func TestVariants(t *testing.T) {
	if v := probe(t, StreetBFrames).First("video"); v.BFrames != 2 {
		t.Errorf("B-frames: %d", v.BFrames)
	}
	reordered := 0
	for _, pkt := range probe(t, StreetBFrames).Packets {
		if pkt.PTS.Duration > pkt.DTS.Duration {
			reordered++
		}
	}
	if reordered == 0 {
		t.Error("no packet of the B-frame clip has a PTS after its DTS")
	}
	if got := longestGOP(probe(t, StreetLongGOP)); got <= 10*time.Second {
		t.Errorf("long GOP is %v", got)
	}
	if a := probe(t, StreetVideoOnly).First("audio"); a != nil {
		t.Errorf("video only has %+v", a)
	}
}

func TestBenchSpendsItsRate(t *testing.T) {
	mp4, mkv, err := Bench(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{mp4, mkv} {
		p := probe(t, func(context.Context) (string, error) { return path, nil })
		v := p.First("video")
		if v.Profile != "High" || v.Width != 1920 || v.Height != 1080 || v.FrameRate != "30/1" {
			t.Errorf("%s: %+v", path, v)
		}
		var bytes int
		for _, pkt := range p.Packets {
			if pkt.Kind == "video" {
				bytes += pkt.Size
			}
		}
		rate := float64(bytes*8) / BenchDuration.Seconds() / BenchRate
		if rate < 0.96 || rate > 1.04 {
			t.Errorf("%s: rate is %.3f of what it should be", path, rate)
		}
		if err := p.CheckTimestamps(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if moov, mdat := boxAt(t, mp4, "moov"), boxAt(t, mp4, "mdat"); moov < 0 || mdat >= 0 && moov > mdat {
		t.Errorf("moov at %d, mdat at %d", moov, mdat)
	}
}

// boxAt finds a box's name in the first MiB.
func boxAt(t *testing.T, path, name string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	n, err := f.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Index(string(buf[:n]), name)
}

func TestRawPair(t *testing.T) {
	y4m, wav, err := Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(y4m)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(125 * 384 * 288 * 3 / 2); fi.Size() < want || fi.Size() > want+2000 {
		t.Errorf("%s has %d bytes, its pictures %d", y4m, fi.Size(), want)
	}
	p, err := peer.Probe(t.Context(), wav, peer.ProbeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.First("audio"); a.Codec != "pcm_s16le" || a.SampleRate != 48000 || a.Channels != 2 || p.Format.Duration.Duration != 5*time.Second {
		t.Errorf("%s: %+v", wav, p)
	}
}

func TestBrokenFilesAreRefusedByFFmpeg(t *testing.T) {
	for name, clip := range map[string]Clip{
		"truncated": TruncatedMP4, "unindexed": UnindexedMP4, "text": TextMP4, "empty": EmptyMP4,
	} {
		path, err := clip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d, err := peer.Decode(t.Context(), path, 0); err == nil {
			t.Errorf("%s: decoded without complaint: %+v", name, d)
		}
	}
}

func TestARecipeIsMadeOnceAndLeavesNothingWhenItFails(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	runs := 0
	r := recipe{name: "probe", afterV: "1", after: func(dir string) error {
		runs++
		return os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644)
	}}
	first, err := r.make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.make(t.Context())
	if err != nil || second != first || runs != 1 {
		t.Errorf("made %d times, at %s and %s, error %v", runs, first, second, err)
	}
	changed := r
	changed.afterV = "2"
	if third, err := changed.make(t.Context()); err != nil || third == first {
		t.Errorf("a changed recipe is at %s as before, error %v", third, err)
	}
	bad := recipe{name: "bad", steps: [][]string{{"ffmpeg", "-v", "error", "-i", "no-such-file", "x.mp4"}}}
	dir, err := bad.make(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no-such-file") {
		t.Errorf("error of a failing recipe: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "encoderbox", "footage", "*bad*"))
	for _, f := range left {
		if !strings.HasSuffix(f, ".lock") {
			t.Errorf("a failed recipe left %s (%s)", f, dir)
		}
	}
}
