package avsync

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// tolerance is what AAC's smearing of an onset, a millisecond's grid and FLV's
// millisecond timestamps may add up to.
const tolerance = 4 * time.Millisecond

func near(t *testing.T, r Result, want time.Duration) {
	t.Helper()
	t.Log(r)
	if len(r.Events) < 10 || r.Unpaired != 0 {
		t.Errorf("%d pairs, %d unpaired", len(r.Events), r.Unpaired)
	}
	for _, e := range r.Events {
		if d := (e.Offset() - want).Abs(); d > tolerance {
			t.Errorf("flash at %v, beep at %v: offset %v, want %v", e.Flash, e.Beep, e.Offset(), want)
		}
	}
	if d := (r.Median() - want).Abs(); d > tolerance {
		t.Errorf("median %v, want %v", r.Median(), want)
	}
}

func TestKnownOffsets(t *testing.T) {
	for _, container := range []string{"mp4", "ts", "flv", "m3u8"} {
		for _, delay := range []time.Duration{0, 100 * time.Millisecond, -60 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s %v", container, delay), func(t *testing.T) {
				file, err := footage.Flash(t.Context(), footage.FlashOptions{File: "flash." + container, Delay: delay})
				if err != nil {
					t.Fatal(err)
				}
				r, err := Measure(t.Context(), file, Options{})
				if err != nil {
					t.Fatal(err)
				}
				near(t, r, delay)
			})
		}
	}
}

// remux copies the flash clip with ffmpeg's arguments and returns the copy.
func remux(t *testing.T, name string, args ...string) string {
	t.Helper()
	src, err := footage.FlashMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), name)
	cmd := []string{"ffmpeg", "-nostdin", "-v", "error", "-i", src}
	for _, a := range args {
		cmd = append(cmd, strings.ReplaceAll(a, "SRC", src))
	}
	if log, err := peer.Run(t.Context(), peer.Command{Args: append(cmd, out)}); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	return out
}

func TestOffsetByTimestampsAlone(t *testing.T) {
	for name, args := range map[string][]string{
		// The second input is the sound, 80 ms later.
		"late.ts":  {"-itsoffset", "0.08", "-i", "SRC", "-map", "0:v", "-map", "1:a", "-c", "copy"},
		"late.mp4": {"-itsoffset", "0.08", "-i", "SRC", "-map", "0:v", "-map", "1:a", "-c", "copy"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Measure(t.Context(), remux(t, name, args...), Options{})
			if err != nil {
				t.Fatal(err)
			}
			near(t, r, 80*time.Millisecond)
		})
	}
}

func TestStreamThatStartsFarFromZero(t *testing.T) {
	for name, c := range map[string]struct{ offset, least, most time.Duration }{
		"a day on": {86400 * time.Second, 86400 * time.Second, 86402 * time.Second},
		// The 33-bit clock of MPEG-TS wraps 3.7 s later; ffmpeg takes it off from the start.
		"across the wrap": {95440 * time.Second, -4 * time.Second, -3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			file := remux(t, "offset.ts", "-c", "copy", "-muxdelay", "0", "-output_ts_offset", fmt.Sprint(c.offset.Seconds()))
			r, err := Measure(t.Context(), file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			near(t, r, 0)
			if r.VideoStart < c.least || r.VideoStart > c.most {
				t.Errorf("video starts at %v", r.VideoStart)
			}
		})
	}
}

func TestReaderThatIgnoresEditListsHearsThePriming(t *testing.T) {
	file, err := footage.FlashMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Measure(t.Context(), file, Options{InputArgs: []string{"-ignore_editlist", "1"}})
	if err != nil {
		t.Fatal(err)
	}
	near(t, r, 1024*time.Second/48000)
}

func TestPartOfThePicture(t *testing.T) {
	// The flash fills a quarter; the rest is a picture that moves.
	file := remux(t, "quarter.mp4", "-f", "lavfi", "-t", "12", "-i", "testsrc=s=640x360:r=30", "-filter_complex",
		"[0:v]scale=320:180[f];[1:v][f]overlay=320:180", "-map", "0:a", "-c:a", "copy", "-c:v", "libx264", "-preset", "ultrafast")
	r, err := Measure(t.Context(), file, Options{Crop: "iw/2:ih/2:iw/2:ih/2"})
	if err != nil {
		t.Fatal(err)
	}
	near(t, r, 0)
}

func TestNothingToMeasureIsAnError(t *testing.T) {
	street, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mute, err := footage.StreetVideoOnly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		street: "find flashes",
		mute:   "matches no streams",
		remux(t, "silent.mp4", "-c:v", "copy", "-af", "volume=0"): "find beeps",
		"no-such-file.mp4": "No such file",
	} {
		if r, err := Measure(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, error %v, want one about %q", file, r, err, want)
		}
	}
}

func TestSoundThatStopsHalfWayIsUnpaired(t *testing.T) {
	file := remux(t, "stops.mp4", "-c:v", "copy", "-af", "volume=0:enable='gt(t,6.5)'")
	r, err := Measure(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Events) != 6 || r.Unpaired < 4 {
		t.Errorf("%d pairs, %d unpaired", len(r.Events), r.Unpaired)
	}
}

func TestPair(t *testing.T) {
	ms := func(v ...int) (d []time.Duration) {
		for _, x := range v {
			d = append(d, time.Duration(x)*time.Millisecond)
		}
		return d
	}
	for name, c := range map[string]struct {
		flashes, beeps []time.Duration
		offsets        []time.Duration
		unpaired       int
	}{
		"early and late":               {ms(1000, 2000, 3000), ms(990, 2040, 3000), ms(-10, 40, 0), 0},
		"a beep missing":               {ms(1000, 2000, 3000), ms(1000, 3000), ms(0, 0), 1},
		"a flash missing":              {ms(1000, 3000), ms(1000, 2000, 3000), ms(0, 0), 1},
		"cut off at the end":           {ms(1000, 2000, 3900), ms(1000, 2000), ms(0, 0), 0},
		"beyond half a period is none": {ms(1000), ms(1501), nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := pair(c.flashes, c.beeps, time.Second, 0, 4*time.Second)
			if got := r.offsets(); fmt.Sprint(got) != fmt.Sprint(c.offsets) || r.Unpaired != c.unpaired {
				t.Errorf("offsets %v, unpaired %d; want %v, %d", got, r.Unpaired, c.offsets, c.unpaired)
			}
		})
	}
}
