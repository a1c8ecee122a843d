package file

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

// drain reads an opened file to its end, or as far as is reasonable.
func drain(t *testing.T, r reader) {
	if err := r.rewind(); err != nil {
		return
	}
	for range 10000 {
		u, err := r.next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			return
		}
		if u.track == nil || len(u.data) > maxUnit {
			t.Fatalf("unit of %d bytes without sense", len(u.data))
		}
	}
}

func seed(f *testing.F, names ...string) {
	for _, name := range names {
		data, err := os.ReadFile(ffmpeg(f, name, "-f", "lavfi", "-i", "testsrc2=size=32x32:rate=5:duration=1",
			"-f", "lavfi", "-i", "sine=duration=1", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "1",
			"-c:a", "aac", "-b:a", "16k", "-movflags", map[bool]string{true: "+empty_moov+frag_keyframe", false: "+faststart"}[name == "frag.mp4"]))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzMP4(f *testing.F) {
	seed(f, "x.mp4", "frag.mp4")
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := openMP4(bytes.NewReader(data), int64(len(data)), "x"); err == nil {
			drain(t, r)
		}
	})
}

func FuzzTS(f *testing.F) {
	seed(f, "x.ts")
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := openTS(bytes.NewReader(data), int64(len(data)), "x"); err == nil {
			drain(t, r)
		}
	})
}

func FuzzY4M(f *testing.F) {
	f.Add([]byte("YUV4MPEG2 W32 H16 F30000:1001 Ip A1:1 C420jpeg XCOLORRANGE=FULL\nFRAME\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseY4M(data)
		if err != nil {
			return
		}
		if h.format.Width%2 != 0 || h.format.FrameRate.IsZero() {
			t.Fatalf("accepted %+v", h)
		}
		at, err := y4mFrames(bytes.NewReader(data), h, int64(len(data)))
		picture := h.format.Width * h.format.Height * 3 / 2
		for _, a := range at {
			if err == nil && (a < 0 || a+int64(picture) > int64(len(data))) {
				t.Fatalf("picture at %d of %d bytes", a, len(data))
			}
		}
	})
}

func FuzzWAV(f *testing.F) {
	f.Add(wavFile(48000, 2, 16, 10))
	f.Add(wavFile(44100, 1, 24, 10))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := openWAV(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		got, _, err := w.read(nil, 0, w.samples, nil)
		if err != nil || len(got) != int(w.samples)*w.format.Channels {
			t.Fatalf("%d of %d samples: %v", len(got), w.samples, err)
		}
	})
}
