package hardware

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
)

// A source that has no memory of the encoder's is copied into it: each picture
// of a file arrives to the bit, in order, over the seam of its loop too.
func TestFileOnTheHardwareEncoder(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	b.LoadModule("vh264")
	c := shades()
	if err := b.WriteFile(t.Context(), "/tmp/shades.y4m", bytes.NewReader(c.y4m()), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, b, `
[streams.main.input]
kind = "file"
path = "/tmp/shades.y4m"
[streams.main.video]
encoder = "hardware"
bitrate = { max = "4M", mode = "fixed" }
`)
	d.awaitFrames(places + 20)
	if e := d.stream().Video.Encoder; e != "vh264 (hardware)" {
		t.Errorf("the encoder is %q", e)
	}
	got := pictures(t, d.hls(), small, 40)
	if len(got) < 40 {
		t.Errorf("%d pictures", len(got))
	}
	c.check(t, got, 0)
}

// shades is a round of pictures of grey and coloured slopes.
func shades() cycle {
	p := make([]byte, small)
	for i := range p {
		x, y := i%smallWidth, i/smallWidth
		switch {
		case y < smallHeight:
			p[i] = byte(16 + x/2 + y/4)
		case x%2 == 0:
			p[i] = byte(64 + x/4)
		default:
			p[i] = byte(64 + y - smallHeight)
		}
	}
	c := cycle{}
	for i := range places {
		c[string(turned(p, i*step))] = i
	}
	return c
}

// y4m is the round as a Y4M file.
func (c cycle) y4m() []byte {
	list := make([]string, places)
	for p, at := range c {
		list[at] = p
	}
	out := fmt.Appendf(nil, "YUV4MPEG2 W%d H%d F15:1 Ip C420mpeg2\n", smallWidth, smallHeight)
	for _, p := range list {
		const luma = smallWidth * smallHeight
		out = append(append(out, "FRAME\n"...), p[:luma]...)
		for first := range 2 {
			for i := luma + first; i < len(p); i += 2 {
				out = append(out, p[i])
			}
		}
	}
	return out
}

// The test pattern's bars come out of the hardware encoder as they are defined,
// and its moving parts move.
func TestPatternOnTheHardwareEncoder(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	b.LoadModule("vh264")
	d := start(t, b, `
[streams.main.input]
kind = "pattern"
width = 320
height = 180
frame_rate = 15
[streams.main.video]
encoder = "hardware"
bitrate = { max = "4M", mode = "fixed" }
`)
	d.awaitFrames(40)
	if e := d.stream().Video.Encoder; e != "vh264 (hardware)" {
		t.Errorf("the encoder is %q", e)
	}
	got := pictures(t, d.hls(), small, 20)
	if len(got) < 20 {
		t.Fatalf("%d pictures", len(got))
	}
	for i, p := range got {
		// The luma of 75 % bars, ITU-R BT.709: white, yellow, cyan, green, magenta, red, blue.
		for bar, want := range []byte{180, 168, 145, 133, 63, 51, 28} {
			if at := (2*bar + 1) * smallWidth / 14; p[at] != want {
				t.Fatalf("picture %d: bar %d has the luma %d, want %d", i, bar, p[at], want)
			}
		}
		if i > 0 && bytes.Equal(p, got[i-1]) {
			t.Errorf("pictures %d and %d are the same: nothing moves", i-1, i)
		}
	}
}

// The processor can encode what a device captures; then each picture is copied,
// and status says that it is the encoder's memory that stands in the way.
func TestCaptureWithTheSoftwareEncoder(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadBridge(b)
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2")
	want := capturePictures(t, b, "/dev/video0", smallWidth, smallHeight, 1)[0]
	d := start(t, b, strings.Replace(smallCapture, "[streams.main.video]", "[streams.main.video]\nencoder = \"software\"", 1))
	d.awaitFrames(40)
	if e := d.stream().Video.Encoder; e != "openh264 (software)" {
		t.Errorf("the encoder is %q", e)
	}
	got := pictures(t, d.hls(), small, 20)
	s := d.awaitSignal("ok")
	if s.Transfer != "one copy" || s.TransferReason != "vivid: the encoder works in the processor's memory" {
		t.Errorf("the transfer is %q: %q", s.Transfer, s.TransferReason)
	}
	alike(t, got, want, s.SlateFrames, 35)
}
