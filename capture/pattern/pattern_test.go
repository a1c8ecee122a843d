package pattern

import (
	"context"
	"errors"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

func open(t testing.TB, cfg Config, clock *media.Clock) *capture.Input {
	t.Helper()
	in, err := Open(cfg, clock)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestOpenRefusesWhatCannotBeShown(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"odd width", Config{Width: 641, Height: 480}, "size 641x480: width and height must be even"},
		{"too small", Config{Width: 16, Height: 16}, "size 16x16: must be between"},
		{"only a width", Config{Width: 640}, "size 640x0: must be between"},
		{"negative rate", Config{FrameRate: media.Rational{Num: -30, Den: 1}}, "frame rate -30: must be between 2 and 120"},
		{"half a rational", Config{FrameRate: media.Rational{Num: 30}}, "frame rate 30/0"},
		{"one frame a second", Config{FrameRate: media.Rational{Num: 1, Den: 1}}, "frame rate 1: must be between 2 and 120"},
		{"sample rate", Config{SampleRate: 100}, "sample rate 100: must be between"},
		{"channels", Config{Channels: 9}, "9 channels: must be between 1 and 8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.cfg, media.NewClock())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestDescription(t *testing.T) {
	in := open(t, Config{Width: 1920, Height: 1080, FrameRate: media.Rational{Num: 30000, Den: 1001}}, media.NewClock())
	if want := "pattern: 1920x1080 30000/1001 fps, 48000 Hz 2 ch"; in.Description != want {
		t.Errorf("description %q, want %q", in.Description, want)
	}
	if in.Video.Color != (media.Color{Primaries: 1, Transfer: 1, Matrix: 1}) || in.Video.Pixel != media.I420 {
		t.Errorf("video format %+v", in.Video)
	}
	if in = open(t, Config{NoSound: true}, media.NewClock()); in.Samples != nil || in.Frames == nil {
		t.Error("NoSound must leave the pictures alone")
	}
}

// TestBarsHaveTheStandardLevels compares with the published 8-bit values of
// 75 % colour bars in BT.709.
func TestBarsHaveTheStandardLevels(t *testing.T) {
	in := open(t, Config{Width: 1280, Height: 720}, media.NewClock())
	buf := in.Frames.(*FrameSource).pool.Get()
	for i, want := range []ycc{
		{180, 128, 128}, {168, 44, 136}, {145, 147, 44}, {133, 63, 52},
		{63, 193, 204}, {51, 109, 212}, {28, 212, 120},
	} {
		x, y := 1280*(2*i+1)/14, 100
		got := ycc{
			buf.Planes[0].Data[y*buf.Planes[0].Stride+x],
			buf.Planes[1].Data[y/2*buf.Planes[1].Stride+x/2],
			buf.Planes[2].Data[y/2*buf.Planes[2].Stride+x/2],
		}
		if got != want {
			t.Errorf("bar %d: %v, want %v", i, got, want)
		}
	}
}

// collect runs both parts for d of the bubble's time, the sound starting late.
func collect(t *testing.T, in *capture.Input, d, soundAfter time.Duration) (frames []frame, runs []media.Samples) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	done := make(chan error, 2)
	go func() {
		done <- in.Frames.Run(ctx, func(f media.Frame) {
			frames = append(frames, frame{f.PTS, bandMean(f)})
			f.Release()
		})
	}()
	go func() {
		time.Sleep(soundAfter)
		done <- in.Samples.Run(ctx, func(s media.Samples) { runs = append(runs, s) })
	}()
	for range 2 {
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run returned %v", err)
		}
	}
	return frames, runs
}

type frame struct {
	pts  time.Duration
	mean float64
}

// bandMean is the mean luma of the whole picture, the way a monitor scaled to
// one pixel would see it.
func bandMean(f media.Frame) float64 {
	var sum int
	for _, v := range f.Planes[0].Data {
		sum += int(v)
	}
	return float64(sum) / float64(len(f.Planes[0].Data))
}

func onsets(runs []media.Samples) (at []time.Duration) {
	quiet := 1 << 30 // samples since the last sound
	for _, r := range runs {
		for i := 0; i < len(r.Data); i += r.Format.Channels {
			if r.Data[i] == 0 && (i+r.Format.Channels >= len(r.Data) || r.Data[i+r.Format.Channels] == 0) {
				quiet++
				continue
			}
			if quiet > r.Format.SampleRate/10 {
				at = append(at, r.PTS+media.SamplesToDuration(int64(i/r.Format.Channels), r.Format.SampleRate))
			}
			quiet = 0
		}
	}
	return at
}

// TestFlashAndBeepCoincide starts the source off the whole second and the sound
// after the picture, at rates that do and do not divide a second.
func TestFlashAndBeepCoincide(t *testing.T) {
	for _, c := range []struct {
		rate  media.Rational
		audio int
	}{
		{media.Rational{Num: 30, Den: 1}, 48000},
		{media.Rational{Num: 30000, Den: 1001}, 48000},
		{media.Rational{Num: 25, Den: 1}, 44100},
		{media.Rational{Num: 10, Den: 1}, 48000},
		{media.Rational{Num: 60, Den: 1}, 32000},
		{media.Rational{Num: 2, Den: 1}, 48000},
	} {
		t.Run(c.rate.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := media.NewClock()
				time.Sleep(123456789)
				in := open(t, Config{Width: 96, Height: 64, FrameRate: c.rate, SampleRate: c.audio}, clock)
				frames, runs := collect(t, in, 7500*time.Millisecond, 700*time.Millisecond)

				var flashes []time.Duration
				for i := 1; i < len(frames); i++ {
					if frames[i].mean-frames[i-1].mean > 40 {
						flashes = append(flashes, frames[i].pts)
					}
				}
				beeps := onsets(runs)
				if len(flashes) != 7 || len(beeps) != 7 {
					t.Fatalf("%d flashes %v, %d beeps %v; want 7 each", len(flashes), flashes, len(beeps), beeps)
				}
				for i := range flashes {
					second := time.Duration(i+1) * time.Second
					if off := flashes[i] - second; off < 0 || float64(off) >= 1e9/c.rate.Float() {
						t.Errorf("flash %d at %v, want the first frame from %v on", i, flashes[i], second)
					}
					// the tone begins on a sine's zero: its first sample that is
					// not zero is the second
					sample := media.SamplesToDuration(1, c.audio)
					if off := beeps[i] - flashes[i]; off > 3*sample || off < -sample {
						t.Errorf("beep %d is %v after its flash", i, off)
					}
				}
			})
		})
	}
}

func TestPacingIsExactAndDoesNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := media.NewClock()
		time.Sleep(time.Millisecond)
		rate := media.Rational{Num: 30000, Den: 1001}
		in := open(t, Config{Width: 64, Height: 64, FrameRate: rate}, clock)
		origin := clock.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var n int64
		go in.Samples.Run(ctx, sampleChecker(t, clock, origin))
		err := in.Frames.Run(ctx, func(f media.Frame) {
			if want := origin + rate.FrameTime(n); f.PTS != want || clock.Now() != want {
				t.Errorf("frame %d: PTS %v at %v, want %v", n, f.PTS, clock.Now(), want)
			}
			n++
			f.Release()
		})
		if !errors.Is(err, context.DeadlineExceeded) || n != 600 {
			t.Errorf("%d frames, want 600; %v", n, err)
		}
		synctest.Wait()
	})
}

func sampleChecker(t *testing.T, clock *media.Clock, origin time.Duration) func(media.Samples) {
	var n int64
	return func(s media.Samples) {
		if want := origin + media.SamplesToDuration(n, 48000); s.PTS != want || len(s.Data) != 2*960 {
			t.Errorf("run at %v of %d values, want %v", s.PTS, len(s.Data), want)
		}
		if n += 960; clock.Now() != origin+media.SamplesToDuration(n, 48000) {
			t.Errorf("run delivered at %v, before or after its last sample", clock.Now())
		}
	}
}

func TestLateSourceJumpsToThePresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := open(t, Config{Width: 64, Height: 64, FrameRate: media.Rational{Num: 10, Den: 1}}, media.NewClock())
		ctx, cancel := context.WithCancel(t.Context())
		var pts []time.Duration
		_ = in.Frames.Run(ctx, func(f media.Frame) {
			pts = append(pts, f.PTS)
			f.Release()
			switch len(pts) {
			case 1:
				time.Sleep(900 * time.Millisecond) // catches up with 9
			case 11:
				time.Sleep(5 * time.Second) // jumps
			case 14:
				cancel()
			}
		})
		for i, p := range pts {
			want := time.Duration(i) * 100 * time.Millisecond
			if i >= 11 {
				want += 4900 * time.Millisecond
			}
			if p != want {
				t.Errorf("frame %d: PTS %v, want %v", i, p, want)
			}
		}
		if got := in.Frames.(*FrameSource).Skipped(); got != 49 {
			t.Errorf("skipped %d, want 49", got)
		}

		var first, second time.Duration
		ctx, cancel = context.WithCancel(t.Context())
		_ = in.Samples.Run(ctx, func(s media.Samples) {
			if first == 0 {
				first = s.PTS
				time.Sleep(3 * time.Second)
				return
			}
			second = s.PTS
			cancel()
		})
		if gap := second - first; gap < 3*time.Second || gap > 3*time.Second+40*time.Millisecond {
			t.Errorf("sound resumed %v after the first run", gap)
		}
		if got := in.Samples.(*SampleSource).Skipped(); got == 0 {
			t.Error("skipped runs are not counted")
		}
	})
}

// TestHeldBuffersAreSkippedAndCounted keeps every frame: the source must run
// on without memory, leave what is held alone, and resume when it is returned.
func TestHeldBuffersAreSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := open(t, Config{Width: 96, Height: 64}, media.NewClock())
		src := in.Frames.(*FrameSource)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second-time.Millisecond)
		var held []media.Frame
		var copies [][]byte
		_ = src.Run(ctx, func(f media.Frame) {
			held = append(held, f)
			copies = append(copies, append([]byte(nil), f.Planes[0].Data...))
		})
		cancel()
		if len(held) != capture.PoolSize || src.Skipped() != uint64(60-capture.PoolSize) {
			t.Fatalf("%d frames and %d skipped, want %d and %d", len(held), src.Skipped(), capture.PoolSize, 60-capture.PoolSize)
		}
		for i, f := range held {
			if string(f.Planes[0].Data) != string(copies[i]) {
				t.Errorf("frame %d changed while it was held", i)
			}
			f.Release()
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		_ = src.Run(ctx, func(f media.Frame) { n++; f.Release() })
		if n < 29 {
			t.Errorf("%d frames after the buffers came back", n)
		}
	})
}

// TestCanvasIsTheSameWhateverItShowedBefore: a recycled canvas and a fresh one
// must come to the same picture.
func TestCanvasIsTheSameWhateverItShowedBefore(t *testing.T) {
	clock := media.NewClock()
	src := open(t, Config{Width: 640, Height: 360}, clock).Frames.(*FrameSource)
	used := src.pool.Get()
	for n := range int64(40) {
		src.pic.paint(used, src.line, n)
		fresh := capture.NewPool(src.pic.format, src.pic.back).Get()
		src.pic.paint(fresh, src.line, n)
		for i := range fresh.Planes {
			if string(fresh.Planes[i].Data) != string(used.Planes[i].Data) {
				t.Fatalf("frame %d plane %d differs", n, i)
			}
		}
	}
}

func TestEverySizePaints(t *testing.T) {
	for _, s := range [][2]int{{64, 64}, {64, 4320}, {7680, 64}, {160, 90}, {176, 144}, {720, 576}, {1080, 1920}, {3840, 2160}} {
		src := open(t, Config{Width: s[0], Height: s[1]}, media.NewClock()).Frames.(*FrameSource)
		c := src.pool.Get()
		for _, n := range []int64{0, 1, 2, 3, 29, 30, 119, 1e9} {
			src.pic.paint(c, src.line, n)
		}
	}
}

var dump = flag.String("dump", "", "write pictures of the pattern as PNG into this folder")

// TestDump writes what the pattern looks like, for a person to see; without
// -dump it checks only that text is there.
func TestDump(t *testing.T) {
	src := open(t, Config{Width: 1280, Height: 720}, media.NewClock()).Frames.(*FrameSource)
	c := src.pool.Get()
	for _, n := range []int64{17, 30} {
		src.pic.paint(c, src.line, n)
		p, band := c.Planes, src.pic.lines[0]
		row := p[0].Data[(band+src.pic.large.height/2)*p[0].Stride:][:1280]
		changes := 0
		for x := src.pic.textX + 1; x < len(row); x++ {
			if d := int(row[x]) - int(row[x-1]); d > 60 || d < -60 {
				changes++
			}
		}
		if changes < 20 {
			t.Errorf("frame %d: %d edges across the clock, want text", n, changes)
		}
		if *dump == "" {
			continue
		}
		img := &image.YCbCr{Y: p[0].Data, Cb: p[1].Data, Cr: p[2].Data, YStride: p[0].Stride, CStride: p[1].Stride,
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, 1280, 720)}
		f, err := os.Create(filepath.Join(*dump, time.Duration(n).String()+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, img), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkFrame1080p: a stream at 30 frames a second costs 30 times this a
// second.
func BenchmarkFrame1080p(b *testing.B) {
	src := open(b, Config{Width: 1920, Height: 1080}, media.NewClock()).Frames.(*FrameSource)
	c := src.pool.Get()
	b.ReportAllocs()
	var n int64
	for b.Loop() {
		src.pic.paint(c, src.line, n)
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*30/1e7, "%core@30fps")
}
