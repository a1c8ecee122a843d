package file

import (
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/encoderbox/encoderbox/media"
)

// heavy is a minute at 30 frames a second and a constant 8 Mb/s.
func heavy(t testing.TB, name string) string {
	t.Helper()
	return ffmpeg(t, name,
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=60",
		"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=60",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-pix_fmt", "yuv420p",
		"-b:v", "8M", "-minrate", "8M", "-maxrate", "8M", "-bufsize", "8M", "-x264-params", "nal-hrd=cbr:filler=1",
		"-c:a", "aac", "-b:a", "128k", "-ac", "2")
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLargeFileIsNotReadIntoMemory: a file of 60 MB adds little to the heap,
// opened, half played, or played; and a packet costs one allocation.
func TestLargeFileIsNotReadIntoMemory(t *testing.T) {
	for _, name := range []string{"x.mp4", "x.ts"} {
		path := heavy(t, name)
		if n := size(t, path); n < 50<<20 {
			t.Fatalf("the clip has only %d bytes", n)
		}
		before := heap()
		in := mustOpen(t, Config{Path: path}, media.NewClock())
		r := in.Packets.(*player).r
		if err := r.rewind(); err != nil {
			t.Fatal(err)
		}
		limit := int64(4 << 20)
		for n := 0; ; n++ {
			if n%1500 == 0 {
				if added := heap() - before; added > limit {
					t.Errorf("%s: %d bytes of heap after %d packets", name, added, n)
				}
			}
			if _, err := r.next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if name == "x.mp4" {
			if err := r.rewind(); err != nil {
				t.Fatal(err)
			}
			if allocs := testing.AllocsPerRun(1000, func() { _, _ = r.next() }); allocs != 1 {
				t.Errorf("%v allocations a packet", allocs)
			}
		}
	}
}

// BenchmarkRead costs what a minute of a stream costs to read.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"x.mp4", "x.ts"} {
		b.Run(name, func(b *testing.B) {
			r := mustOpen(b, Config{Path: heavy(b, name)}, media.NewClock()).Packets.(*player).r
			b.ReportAllocs()
			for b.Loop() {
				if err := r.rewind(); err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := r.next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/60, "CPU-s/stream-s")
		})
	}
}
