package hardware

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// Larger pictures take the same way. 360 and 720 rows are one that is a multiple
// of what encoders work in, and one that is not.
func TestLargerPicturesArrive(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	for _, size := range [][2]int{{640, 360}, {1280, 720}} {
		width, height := size[0], size[1]
		t.Run(fmt.Sprintf("%dx%d", width, height), func(t *testing.T) {
			loadBridgeAs(t, b, "", "")
			b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2,test_pattern=4")
			want := capturePictures(t, b, "/dev/video0", width, height, 1)[0]
			d := start(t, b, fmt.Sprintf("[streams.main.input]\nkind = \"capture\"\nwidth = %d\nheight = %d\nframe_rate = 5\n", width, height))
			d.awaitFrames(20)
			got := pictures(t, d.hls(), len(want), 10)
			s := d.awaitSignal("ok")
			if s.Transfer != "zero-copy" || s.Width != width || s.Height != height {
				t.Errorf("%dx%d, the transfer is %q: %s", s.Width, s.Height, s.Transfer, s.TransferReason)
			}
			alike(t, got, want, s.SlateFrames, math.Inf(1))
			d.stop()
		})
	}
}

// alike fails the test unless all pictures but some slates are as like to the one
// that is wanted as least says: the peak signal-to-noise ratio of the worst
// component in dB, infinite for the same.
func alike(t *testing.T, got [][]byte, want []byte, slates uint64, least float64) {
	t.Helper()
	if len(got) < 10 {
		t.Errorf("%d pictures", len(got))
	}
	var others uint64
	worst := math.Inf(1)
	for _, p := range got {
		r := psnr(p, want)
		if r < least {
			others++
		}
		worst = min(worst, r)
	}
	if others > slates {
		t.Errorf("%d of %d pictures differ, the worst by %.1f dB, want %.1f; the slate was on for %d", others, len(got), worst, least, slates)
	}
	t.Logf("PSNR %.1f dB", worst)
}

// psnr is the lower of luma's and chroma's of NV12 pictures of one size.
func psnr(a, b []byte) float64 {
	luma := len(a) * 2 / 3
	return min(psnrOf(a[:luma], b[:luma]), psnrOf(a[luma:], b[luma:]))
}

func psnrOf(a, b []byte) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(a))/sum)
}

// loadReceiver loads vivid as an HDMI receiver, and the encoder.
func loadReceiver(b *box.Box) {
	loadBridge(b, "num_inputs=1", "input_types=0x3")
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2,test_pattern=4,enable_capture_scaler=0,enable_capture_composing=0")
}

// sendTiming has the source send another timing, such as "720x576p50".
func sendTiming(t *testing.T, b *box.Box, name string) {
	t.Helper()
	menu := b.Must("v4l2-ctl", "-d", "/dev/video0", "-L")
	m := regexp.MustCompile(`(?m)^\s+(\d+): ` + name).FindStringSubmatch(menu)
	if m == nil {
		t.Fatalf("vivid has no %s:\n%s", name, menu)
	}
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "dv_timings_signal_mode=4,dv_timings="+m[1])
}

// takeTiming is the picture of the timing that the source sends.
func takeTiming(t *testing.T, b *box.Box, width, height int) []byte {
	t.Helper()
	b.Must("v4l2-ctl", "-d", "/dev/video0", "--set-dv-bt-timings=query")
	return capturePictures(t, b, "/dev/video0", width, height, 1)[0]
}

// Under the policy fixed a stream keeps its size and its track whatever the
// source sends: it is scaled, much as ffmpeg scales.
func TestFixedSizeIsScaledTo(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadReceiver(b)
	sendTiming(t, b, "720x576p50")
	second := scaled(t, takeTiming(t, b, 720, 576), 720, 576)
	sendTiming(t, b, "640x480p59")
	first := scaled(t, takeTiming(t, b, 640, 480), 640, 480)
	r := startRig(t, b, smallCapture)
	s := r.awaitSignal("ok")
	if s.Width != 640 || s.Transfer != "one copy" || s.TransferReason != "vivid: 640x480 is scaled to 320x180" {
		t.Errorf("%d wide arrive, the transfer is %q: %q", s.Width, s.Transfer, s.TransferReason)
	}
	r.awaitFrames(45)
	init, _ := r.newest(t)
	alike(t, pictures(t, r.hls(), small, 20), first, r.stream().Input.Signal.SlateFrames, 30)

	sendTiming(t, b, "720x576p50")
	r.await("the new timing", func() bool {
		s := r.stream().Input.Signal
		return s.State == "ok" && s.Width == 720 && s.Height == 576 && !s.Slate
	})
	s = *r.stream().Input.Signal
	r.awaitFrames(120) // the slate leaves the window
	alike(t, pictures(t, r.hls(), small, 20), second, r.stream().Input.Signal.SlateFrames-s.SlateFrames, 30)
	if now, _ := r.newest(t); !bytes.Equal(now, init) {
		t.Error("the track has changed")
	}
	r.connected()
}

// Under the policy follow the stream becomes what the source sends.
func TestStreamFollowsItsSource(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadReceiver(b)
	sendTiming(t, b, "720x576p50")
	want := takeTiming(t, b, 720, 576)
	sendTiming(t, b, "640x480p59")
	d := start(t, b, "[streams.main.input]\nkind = \"capture\"\non_change = \"follow\"\n[streams.main.video]\nbitrate = { max = \"6M\", mode = \"fixed\" }\n")
	d.awaitFrames(60)
	if v := d.stream().Video; v.Width != 640 || v.Height != 480 {
		t.Errorf("the stream is %dx%d", v.Width, v.Height)
	}
	d.await("a segment", func() bool { h := d.stream().HLS; return h != nil && h.Segments > 0 })
	first, _ := d.newest(t)

	sendTiming(t, b, "720x576p50")
	d.await("a stream of 720x576", func() bool {
		v := d.stream().Video
		return v != nil && v.Width == 720 && v.Height == 576
	})
	s := d.awaitSignal("ok")
	if s.Transfer != "zero-copy" {
		t.Errorf("the transfer is %q: %s", s.Transfer, s.TransferReason)
	}
	var init, media []byte
	d.await("a segment of the new track", func() bool {
		init, media = d.newest(t)
		return !bytes.Equal(init, first)
	})
	file := filepath.Join(t.TempDir(), "newest.mp4")
	if err := os.WriteFile(file, append(init, media...), 0o600); err != nil {
		t.Fatal(err)
	}
	got := pictures(t, file, len(want), 0)
	alike(t, got, want, d.stream().Input.Signal.SlateFrames, math.Inf(1))
}

// newest is the newest segment of the video, and its initialisation segment. A
// new one comes after a discontinuity only.
func (d *daemon) newest(t *testing.T) (init, media []byte) {
	t.Helper()
	get := func(name string) []byte {
		text, err := d.get("/hls/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	m, err := playlist.ParseMedia(get("video.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range m.Segments {
		if i > 0 && s.Map != m.Segments[i-1].Map && !s.Discontinuity {
			t.Errorf("%s is of another track than the segment before it, without a discontinuity", s.URI)
		}
	}
	s := m.Segments[len(m.Segments)-1]
	return get(s.Map), get(s.URI)
}

// scaled is an NV12 picture as ffmpeg scales it to the small size.
func scaled(t *testing.T, p []byte, width, height int) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.nv12"), p, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.nv12")
	if log, err := peer.Run(ctx, peer.Command{Args: []string{
		"ffmpeg", "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "nv12", "-video_size", fmt.Sprintf("%dx%d", width, height),
		"-i", filepath.Join(dir, "in.nv12"), "-vf", fmt.Sprintf("scale=%d:%d:flags=area", smallWidth, smallHeight), "-f", "rawvideo", out,
	}}); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	scaled, err := os.ReadFile(out)
	if err != nil || len(scaled) != small {
		t.Fatalf("ffmpeg made %d bytes: %v", len(scaled), err)
	}
	return scaled
}
