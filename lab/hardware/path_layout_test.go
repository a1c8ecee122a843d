package hardware

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// layout is one way in which capture device and encoder lay pictures out.
type layout struct {
	name, vivid, vh264 string // and the parameters of their modules
	take               string // the format that references are taken in
	reason             string // why pictures are copied; "" when they are not
}

var layouts = []layout{
	{name: "NV12", take: "NV12"},
	{name: "I420", vh264: "only=YU12", take: "YU12"},
	{name: "YUYV", vh264: "only=YUYV", take: "YUYV"},
	{name: "multi-planar API", vivid: "multiplanar=2", vh264: "multiplanar=1", take: "NV12"},
	{name: "a buffer a plane, NV12", vivid: "multiplanar=2", vh264: "multiplanar=2", take: "NM12"},
	{name: "a buffer a plane, I420", vivid: "multiplanar=2", vh264: "multiplanar=2 only=YM12", take: "YM12"},
	{name: "long rows", vh264: "stride_align=256", take: "NV12"},
	{name: "B-frames by default", vh264: "default_b_frames=2", take: "NV12"},
	{name: "aligned height", vh264: "report_aligned_height=1", take: "NV12",
		reason: "vivid: its colour begins behind row 180, the encoder's behind row 192"},
	{name: "one API multi-planar", vh264: "multiplanar=2", take: "NV12",
		reason: "vivid: NV12 is converted to NM12"},
}

// Whatever layout the two agree on, each picture of a moving pattern arrives to
// the bit, and in the order in which it was taken. So it does where they agree
// on none, and each picture is copied; status says why.
func TestEveryLayoutArrives(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			loadBridgeAs(t, b, l.vivid, l.vh264)
			cycle := captureCycle(t, b, l.take)
			d := start(t, b, smallCapture)
			d.awaitFrames(50)
			got := pictures(t, d.hls(), small, 40)
			s := d.awaitSignal("ok")
			// Of pictures that are not copied, status may tell other things.
			if l.reason == "" && s.Transfer != "zero-copy" || l.reason != "" && (s.Transfer != "one copy" || s.TransferReason != l.reason) {
				t.Errorf("the transfer is %q: %q; what should be in its way is %q", s.Transfer, s.TransferReason, l.reason)
			}
			if len(got) < 40 {
				t.Errorf("%d pictures", len(got))
			}
			cycle.check(t, got, s.SlateFrames)
			inOrder(t, d.hls())
			d.stop()
		})
	}
}

const (
	smallWidth, smallHeight = 320, 180
	small                   = smallWidth * smallHeight * 3 / 2 // bytes of an NV12 picture
)

// loadBridgeAs loads both with parameters, separated by spaces, until the end of
// the test. The encoder is found by its name, not by its number.
func loadBridgeAs(t *testing.T, b *box.Box, vivid, vh264 string) {
	t.Helper()
	b.LoadModule("vivid", append([]string{"n_devs=1", "node_types=0x1"}, strings.Fields(vivid)...)...)
	b.LoadModule("vh264", strings.Fields(vh264)...)
	t.Cleanup(func() {
		if _, err := b.Run(context.WithoutCancel(t.Context()), "rmmod", "vh264", "vivid"); err != nil {
			t.Errorf("something still uses the devices: %v", err)
		}
	})
}

// hls is the address of the playlist, for this machine.
func (d *daemon) hls() string { return d.url + "/hls/index.m3u8" }

// cycle is a pattern that turns around to the side, by step pixels a picture: it
// begins again after as many pictures as there are places.
type cycle map[string]int

const (
	step   = 4
	places = smallWidth / step
)

// captureCycle has vivid turn its coloured squares, takes a few of a round in a
// format with v4l2-ctl, and returns the whole round as NV12 pictures by their
// place: the first that was taken, turned. The others that were taken must be
// what that makes of them.
func captureCycle(t *testing.T, b *box.Box, format string) cycle {
	t.Helper()
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2,test_pattern=4,horizontal_movement=6")
	taken := takePictures(t, b, "/dev/video0", format, smallWidth, smallHeight, 12)
	c := cycle{}
	for i := range places {
		c[string(turned(taken[0], i*step))] = i
	}
	if len(c) != places {
		t.Fatalf("the pattern has %d different places, want %d", len(c), places)
	}
	c.check(t, taken, 0)
	return c
}

// check fails the test unless each picture is one of the cycle, and the one
// after that before it. Where the machine was too busy for all of them, some are
// missing, but never half a round; others may be slates.
func (c cycle) check(t *testing.T, got [][]byte, slates uint64) {
	t.Helper()
	var others uint64
	missing, last := 0, -1
	for i, p := range got {
		at, known := c[string(p)]
		if !known {
			others++
			last = -1
			continue
		}
		if last >= 0 {
			by := (at - last + places) % places
			if by == 0 || by > places/2 {
				t.Errorf("picture %d is at %d after %d", i, at, last)
			}
			missing += by - 1
		}
		last = at
	}
	if others > slates {
		t.Errorf("%d of %d pictures are none of the pattern's; the slate was on for %d", others, len(got), slates)
	}
	if missing > 0 {
		t.Logf("%d pictures missing between %d", missing, len(got))
	}
}

// turned is an NV12 picture of the small size, turned to the right.
func turned(p []byte, by int) []byte {
	out := make([]byte, 0, len(p))
	for ; len(p) > 0; p = p[smallWidth:] {
		row := p[:smallWidth]
		out = append(append(out, row[smallWidth-by:]...), row[:smallWidth-by]...)
	}
	return out
}

// takePictures takes n pictures of a video node with v4l2-ctl, and returns them
// as NV12.
func takePictures(t *testing.T, b *box.Box, node, format string, width, height, n int) [][]byte {
	t.Helper()
	b.Must("v4l2-ctl", "-d", node, fmt.Sprintf("--set-fmt-video=width=%d,height=%d,pixelformat=%s", width, height, format))
	b.Must("v4l2-ctl", "-d", node, "--stream-mmap=8", fmt.Sprintf("--stream-count=%d", n), "--stream-to=/tmp/reference.yuv")
	defer b.Must("rm", "/tmp/reference.yuv")
	raw, err := b.ReadFile(t.Context(), "/tmp/reference.yuv")
	if err != nil {
		t.Fatal(err)
	}
	convert := map[string]func(p []byte, width int) []byte{
		"NV12": asItIs, "NM12": asItIs, "YU12": interleaved, "YM12": interleaved, "YUYV": halved,
	}[format]
	size := width * height * 3 / 2
	if format == "YUYV" {
		size = width * height * 2
	}
	if len(raw) != n*size {
		t.Fatalf("v4l2-ctl wrote %d bytes, want %d pictures of %d", len(raw), n, size)
	}
	var list [][]byte
	for ; len(raw) > 0; raw = raw[size:] {
		list = append(list, convert(raw[:size:size], width))
	}
	return list
}

func asItIs(p []byte, _ int) []byte { return p }

// interleaved is an I420 picture as NV12.
func interleaved(p []byte, _ int) []byte {
	luma := len(p) * 2 / 3
	out := bytes.Clone(p[:luma])
	cb, cr := p[luma:luma+luma/4], p[luma+luma/4:]
	for i := range cb {
		out = append(out, cb[i], cr[i])
	}
	return out
}

// halved is a YUYV picture as NV12: as vh264 does it, each two rows' colours are
// averaged, and rounded up.
func halved(p []byte, width int) []byte {
	luma, chroma := make([]byte, 0, len(p)/2), make([]byte, 0, len(p)/4)
	for ; len(p) > 0; p = p[4*width:] {
		for i := 0; i < 4*width; i += 2 {
			luma = append(luma, p[i])
		}
		for i := 1; i < 2*width; i += 2 {
			chroma = append(chroma, byte((int(p[i])+int(p[2*width+i])+1)/2))
		}
	}
	return append(luma, chroma...)
}

// inOrder fails the test if the pictures are coded in another order than they
// are shown in: with B-frames they would be.
func inOrder(t *testing.T, input string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := peer.Probe(ctx, input, peer.ProbeOptions{Packets: true, Duration: 2e9})
	if err == nil {
		err = p.CheckTimestamps()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, packet := range p.Packets {
		if packet.Kind == "video" && packet.PTS != packet.DTS {
			t.Errorf("a picture shown at %v is decoded at %v", packet.PTS.Duration, packet.DTS.Duration)
		}
	}
}
