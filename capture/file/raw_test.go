package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// y4m makes a file of n pictures; every sample of picture i is i.
func y4m(t *testing.T, name, header, mark string, n int) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for i := range n {
		b.WriteString(mark + "\n")
		b.Write(bytes.Repeat([]byte{byte(i)}, 32*16*3/2))
	}
	return write(t, name, b.Bytes())
}

// wavFile makes a file whose samples count up.
func wavFile(rate, channels, bits, samples int) []byte {
	var b []byte
	size := samples * channels * bits / 8
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+size))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	for i := range samples * channels {
		v := int32(int16(i/channels+1)) << (bits - 16)
		for k := range bits / 8 {
			b = append(b, byte(v>>(8*k)))
		}
	}
	return b
}

// TestRawLoopsTogether plays a Y4M file whose length is no whole number of
// samples, with sound that is shorter or longer than it.
func TestRawLoopsTogether(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples int
		mark    string
	}{
		{"shorter", 10000, "FRAME"}, {"longer", 90000, "FRAME"}, {"frames with parameters", 16016, "FRAME Ip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := y4m(t, "x.y4m", "YUV4MPEG2 W32 H16 F30000:1001 Ip A1:1 C420jpeg XCOLORRANGE=FULL", c.mark, 10)
			if err := os.WriteFile(strings.TrimSuffix(path, "y4m")+"wav", wavFile(48000, 2, 16, c.samples), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				clock := media.NewClock()
				time.Sleep(77 * time.Millisecond)
				in := mustOpen(t, Config{Path: path, Loop: true}, clock)
				if !in.Video.Color.FullRange || in.Audio.SampleRate != 48000 {
					t.Errorf("formats %+v %+v", in.Video, in.Audio)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				done := make(chan []int16)
				go func() {
					var sound []int16
					_ = in.Samples.Run(ctx, func(s media.Samples) {
						if want := 77*time.Millisecond + media.SamplesToDuration(int64(len(sound)/2), 48000); s.PTS != want {
							t.Errorf("run at %v, want %v", s.PTS, want)
						}
						sound = append(sound, s.Data...)
					})
					done <- sound
				}()
				n := int64(0)
				_ = in.Frames.Run(ctx, func(f media.Frame) {
					want := 77*time.Millisecond + in.Video.FrameRate.FrameTime(n)
					if f.PTS != want || clock.Now() != want || f.Planes[0].Data[5] != byte(n%10) || f.Planes[2].Data[0] != byte(n%10) {
						t.Errorf("frame %d: %d at %v (%v), want %v", n, f.Planes[0].Data[5], f.PTS, clock.Now(), want)
					}
					n++
					f.Release()
				})
				if n != 90 {
					t.Errorf("%d frames in 3 s", n)
				}
				sound := <-done
				for i := range len(sound) / 2 {
					loop := int64(0)
					start := func(l int64) int64 { return media.ToTimescale(in.Video.FrameRate.FrameTime(l*10), 48000) }
					for start(loop+1) <= int64(i) {
						loop++
					}
					want := int16(0)
					if local := i - int(start(loop)); local < c.samples {
						want = int16(local + 1)
					}
					if sound[2*i] != want || sound[2*i+1] != want {
						t.Fatalf("sample %d of loop %d is %d, want %d", i, loop, sound[2*i], want)
					}
				}
			})
		})
	}
}

func TestRawEndsOnce(t *testing.T) {
	path := y4m(t, "x.y4m", "YUV4MPEG2 W32 H16 F25:1", "FRAME", 5)
	wav := write(t, "other.wav", wavFile(44100, 1, 24, 44100))
	synctest.Test(t, func(t *testing.T) {
		clock := media.NewClock()
		in := mustOpen(t, Config{Path: path, AudioPath: wav}, clock)
		if want := "x.y4m: 32x16 25 fps, raw, other.wav: 44100 Hz 1 ch, raw"; in.Description != want {
			t.Errorf("description %q", in.Description)
		}
		frames, total := 0, 0
		if err := in.Frames.Run(t.Context(), func(f media.Frame) { frames++; f.Release() }); !errors.Is(err, ErrEnd) {
			t.Error(err)
		}
		if frames != 5 || clock.Now() != 200*time.Millisecond {
			t.Errorf("%d frames, ended at %v", frames, clock.Now())
		}
		first := time.Duration(-1)
		err := in.Samples.Run(t.Context(), func(s media.Samples) {
			if first < 0 {
				first = s.PTS
				if s.Data[0] != int16(s.PTS.Seconds()*44100+1.5) {
					t.Errorf("sound that joins late begins with sample %d at %v", s.Data[0], s.PTS)
				}
			}
			total += len(s.Data)
		})
		if !errors.Is(err, ErrEnd) || first != 200*time.Millisecond || total != 40*882 {
			t.Errorf("sound from %v, %d samples, %v", first, total, err)
		}
	})
}

func TestWAVDepths(t *testing.T) {
	for _, bits := range []int{16, 24, 32} {
		data := wavFile(48000, 2, bits, 5000)
		w, err := openWAV(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := w.read(nil, 10, 3, nil)
		if err != nil || len(got) != 6 || got[0] != 11 || got[5] != 13 {
			t.Errorf("%d bits: %v %v", bits, got, err)
		}
	}
	long := wavFile(48000, 2, 16, 5000)
	w, err := openWAV(bytes.NewReader(long[:10044]), 10044)
	if err != nil || w.samples != 2500 || !w.cut {
		t.Errorf("cut WAV: %+v %v", w, err)
	}
}

// TestRawFramesAreFFmpegs compares the samples with those ffmpeg reads.
func TestRawFramesAreFFmpegs(t *testing.T) {
	path := ffmpeg(t, "x.y4m", append(av[:4:4], "-pix_fmt", "yuv420p")...)
	want, err := os.ReadFile(ffmpeg(t, "x.yuv", "-i", path, "-f", "rawvideo"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		in := mustOpen(t, Config{Path: path}, media.NewClock())
		var got []byte
		_ = in.Frames.Run(t.Context(), func(f media.Frame) {
			for _, p := range f.Planes {
				got = append(got, p.Data...)
			}
			f.Release()
		})
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes differ from ffmpeg's %d", len(got), len(want))
		}
	})
}
