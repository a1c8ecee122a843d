package hardware

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/lab/box"
)

// loadBridge loads vivid as the capture device /dev/video0, and the encoder.
func loadBridge(b *box.Box, params ...string) {
	b.LoadModule("vivid", append([]string{"n_devs=1", "node_types=0x1"}, params...)...)
	b.LoadModule("vh264")
}

const smallCapture = `
[streams.main.input]
kind = "capture"
width = 320
height = 180
frame_rate = 15
[streams.main.video]
bitrate = { max = "4M", mode = "fixed" }
`

// What the receivers decode is, to the bit, what the capture device showed: the
// encoder codes without loss, so whatever else happens on the way shows.
func TestThePictureArrivesAsItWasCaptured(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadBridge(b)
	const size = 320 * 180 * 3 / 2
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2") // none: every picture is the same
	want := capturePictures(t, b, "/dev/video0", 320, 180, 1)[0]
	r := startRig(t, b, smallCapture)
	if s := r.awaitSignal("ok"); s.Transfer != "zero-copy" {
		t.Errorf("the transfer is %q: %s", s.Transfer, s.TransferReason)
	}
	r.awaitFrames(90)
	r.connected()
	check := func(name string, got [][]byte) {
		if len(got) < 30 {
			t.Errorf("%s: %d pictures", name, len(got))
		}
		others := uint64(0)
		for _, p := range got {
			if !bytes.Equal(p, want) {
				others++
			}
		}
		// A busy machine's virtual camera may pause for long enough to be missed.
		if slates := r.slates; others > slates {
			t.Errorf("%s: %d of %d pictures are other ones; the slate was on for %d", name, others, len(got), slates)
		}
	}
	hls := pictures(t, r.hls(), size, 45)
	r.slates = r.stream().Input.Signal.SlateFrames
	check("HLS", hls)
	for name, file := range r.received() {
		check(name, pictures(t, file, size, 0))
	}
}

// The daemon has no byte of a picture in its address space.
func TestNoPictureIsMapped(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadBridge(b)
	d := start(t, b, smallCapture)
	if s := d.awaitSignal("ok"); s.Transfer != "zero-copy" {
		t.Fatalf("the transfer is %q: %s", s.Transfer, s.TransferReason)
	}
	d.awaitFrames(30)
	maps, err := b.ReadFile(t.Context(), fmt.Sprintf("/proc/%d/maps", d.cmd.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range pictureMaps(string(maps)) {
		t.Errorf("the daemon maps a picture: %s", line)
	}
	// The test must be able to see one: the coded pictures are mapped.
	if !strings.Contains(string(maps), "/dev/video1") {
		t.Errorf("no buffer of the encoder is mapped at all:\n%s", maps)
	}
}

// pictureMaps are the lines of /proc/PID/maps (proc(5)) that map a picture of
// 320x180: a dma-buf, a buffer of the capture device, or one of the encoder's
// input. Of the encoder's node, coded buffers are mapped too; they are longer.
func pictureMaps(maps string) (list []string) {
	const page = 4096
	const picture = (320*192*3/2 + page - 1) / page * page // with the encoder's padding
	for line := range strings.Lines(maps) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue // no file behind it
		}
		var from, to uint64
		_, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to)
		name := strings.Join(fields[5:], " ")
		switch {
		case strings.Contains(name, "dmabuf"), name == "/dev/video0",
			name == "/dev/video1" && (err != nil || to-from <= picture):
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func TestProbeFindsWhatTheBoxHas(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{Watchdog: "none"})
	loadBridge(b)
	b.LoadModule("snd-aloop")
	b.LoadModule("i6300esb")
	program := b.Share(binary)
	var r hardware.Report
	if err := json.Unmarshal([]byte(b.Must(program, "-probe", "-json")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Model.Name != "virtual" || len(r.Problems) > 0 || len(r.Sound) == 0 || len(r.Watchdogs) == 0 || !slices.Contains(r.Serial, "/dev/ttyAMA0") {
		t.Errorf("%+v", r)
	}
	if len(r.Capture) != 1 || r.Capture[0].Driver != "vivid" || r.Capture[0].Problem != "" {
		t.Errorf("capture: %+v", r.Capture)
	}
	if len(r.Encoders) != 1 || r.Encoders[0].Driver != "vh264" || len(r.Encoders[0].Lacks) > 0 {
		t.Errorf("encoders: %+v", r.Encoders)
	}
	text := b.Must(program, "-probe")
	for _, want := range []string{"virtual ARM box", "/dev/video0", "NV12", "vh264", "Loopback"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
