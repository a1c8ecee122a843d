package testcard

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestACardIsAProgrammeOfTheRateAskedFor(t *testing.T) {
	const bitrate = 2_000_000
	c, err := Make(t.Context(), []media.Codec{media.H264, media.AAC}, bitrate)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tracks()) != 2 || c.Tracks()[0].Codec != media.H264 || c.Tracks()[1].Codec != media.AAC {
		t.Fatalf("tracks %v", c.Tracks())
	}
	mux, err := ts.New(ts.Config{Tracks: c.Tracks()})
	if err != nil {
		t.Fatal(err)
	}
	var stream []byte
	var last [media.Audio + 1]time.Duration
	var size, keys int
	for {
		p := c.Next()
		if p.DTS >= 6*time.Second {
			break
		}
		kind := p.Track.Kind()
		if p.DTS < last[kind] || p.PTS != p.DTS {
			t.Fatalf("%v at %v after %v", kind, p.DTS, last[kind])
		}
		last[kind] = p.DTS
		if kind == media.Video {
			if err := h264.Valid(p.Data); err != nil {
				t.Fatalf("picture at %v: %v", p.DTS, err)
			}
			size += len(p.Data)
			if p.Key {
				keys++
			}
		}
		if stream, err = mux.Append(stream, p); err != nil {
			t.Fatal(err)
		}
	}
	if keys != 3 {
		t.Errorf("%d key pictures in 6 s of a loop of 2 s", keys)
	}
	if rate := size * 8 / 6; rate < bitrate*95/100 || rate > bitrate*110/100 {
		t.Errorf("%d bit/s, asked for %d", rate, bitrate)
	}
	decodes(t, stream)
}

// decodes has ffmpeg play the stream and say nothing.
func decodes(t *testing.T, stream []byte) {
	t.Helper()
	name := t.TempDir() + "/card.ts"
	if err := os.WriteFile(name, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-i", name, "-f", "null", "-").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("ffmpeg: %v: %s", err, out)
	}
}

func TestSoundAloneIsACard(t *testing.T) {
	c, err := Make(t.Context(), []media.Codec{media.AAC}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(200) {
		p := c.Next()
		if want := c.Tracks()[0].FrameDuration() * time.Duration(n); p.DTS != want || len(p.Data) == 0 {
			t.Fatalf("packet %d at %v, want %v", n, p.DTS, want)
		}
	}
}

func TestWhatCannotBeMade(t *testing.T) {
	if _, err := Make(t.Context(), nil, 1); err == nil {
		t.Error("a card without codecs")
	}
}
