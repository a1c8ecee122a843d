package hardware

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// rig is a daemon in a box whose stream main is served as HLS and pushed to an
// nginx that records it, and to an srt-live-transmit that does, both on this
// machine.
type rig struct {
	*daemon
	nginx *peer.Nginx
	srt   *peer.SRT
	began map[string]status.Destination // once all of it worked

	slates uint64 // slate pictures, for tests that compare pictures
}

// srtLatency is enough for a busy machine: what comes later is left out by the
// receiver.
const srtLatency = 2 * time.Second

// startRig starts them with the given tables of the stream, and returns once
// both receivers are active and HLS has a segment.
func startRig(t *testing.T, b *box.Box, tables string) *rig {
	t.Helper()
	r := &rig{nginx: peer.StartNginx(t, peer.NginxOptions{Record: true}), srt: peer.StartSRT(t, peer.SRTOptions{Latency: srtLatency})}
	r.daemon = start(t, b, tables+
		fmt.Sprintf("[streams.main.destinations.rtmp]\nurl = %q\n", fromBox(r.nginx.URL("main")))+
		fmt.Sprintf("[streams.main.destinations.srt]\nurl = %q\nlatency = \"%v\"\n", fromBox(r.srt.URL()), srtLatency))
	r.await("both destinations and HLS", func() bool {
		st := r.stream()
		r.began = destinations(st)
		return r.began["rtmp"].State == status.Active && r.began["srt"].State == status.Active && st.HLS != nil && st.HLS.Segments > 0
	})
	return r
}

// fromBox is the address of a server of this machine, as the box sees it.
func fromBox(url string) string { return strings.Replace(url, "127.0.0.1", "10.0.2.2", 1) }

func destinations(s status.Stream) map[string]status.Destination {
	m := map[string]status.Destination{}
	for _, d := range s.Destinations {
		m[d.Name] = d
	}
	return m
}

// connected fails the test if a destination is not the connection that it was
// when the rig began, or lost anything.
func (r *rig) connected() {
	r.t.Helper()
	for name, now := range destinations(r.stream()) {
		then := r.began[name]
		switch {
		case now.State != status.Active || now.ConnectedAt == nil:
			r.t.Errorf("%s is %s: %v", name, now.State, now.Errors)
		case !now.ConnectedAt.Equal(*then.ConnectedAt) || now.Attempts != then.Attempts:
			r.t.Errorf("%s reconnected: %v", name, now.Errors)
		case now.Dropped != 0:
			r.t.Errorf("%s dropped %d packets", name, now.Dropped)
		}
	}
}

// received ends the daemon, and with it both pushes, and returns the files that the receivers made, by
// protocol.
func (r *rig) received() map[string]string {
	r.t.Helper()
	r.stop()
	r.srt.Stop()
	r.nginx.Stop()
	files, err := r.nginx.Recordings("main")
	if err != nil || len(files) != 1 {
		r.t.Fatalf("nginx made %d recordings, want one: a reconnect? %v", len(files), err)
	}
	cutToWholePictures(r.t, r.srt.File())
	return map[string]string{"RTMP": files[0], "SRT": r.srt.File()}
}

// cutToWholePictures ends a transport stream where its last picture begins: an SRT
// receiver drops what is in its buffer when the sender goes, anywhere in a picture.
func cutToWholePictures(t *testing.T, file string) {
	t.Helper()
	stream, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for at := 0; at+ts.PacketSize <= len(stream); at += ts.PacketSize {
		p := stream[at : at+ts.PacketSize]
		payload := 4
		if p[3]&0x20 != 0 {
			payload += 1 + int(p[4])
		}
		// A PES packet of video begins (ISO/IEC 13818-1 §2.4.3.7).
		if p[1]&0x40 != 0 && payload+4 <= len(p) && bytes.Equal(p[payload:payload+3], []byte{0, 0, 1}) && p[payload+3]&0xf0 == 0xe0 {
			last = at
		}
	}
	if last == 0 {
		t.Fatalf("%s has no picture", file)
	}
	if err := os.Truncate(file, int64(last)); err != nil {
		t.Fatal(err)
	}
}

// pictures decodes a file or a URL into NV12 pictures of size bytes, n at most
// (all for 0), in order. ffmpeg must have nothing to complain of.
func pictures(t *testing.T, input string, size, n int) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := []string{"ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-xerror", "-i", input, "-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1/90000"}
	if n > 0 {
		args = append(args, "-frames:v", fmt.Sprint(n))
	}
	var raw bytes.Buffer
	log, err := peer.Run(ctx, peer.Command{Args: append(args, "-pix_fmt", "nv12", "-f", "rawvideo", "-"), Stdout: &raw})
	if err != nil || strings.TrimSpace(log) != "" {
		t.Fatalf("decode %s: %v\n%s", input, err, log)
	}
	var list [][]byte
	for b := raw.Bytes(); len(b) >= size; b = b[size:] {
		list = append(list, b[:size])
	}
	return list
}

// capturePictures takes n pictures of a video node with v4l2-ctl, as NV12.
func capturePictures(t *testing.T, b *box.Box, node string, width, height, n int) [][]byte {
	t.Helper()
	b.Must("v4l2-ctl", "-d", node, fmt.Sprintf("--set-fmt-video=width=%d,height=%d,pixelformat=NV12", width, height),
		"--stream-mmap", fmt.Sprintf("--stream-count=%d", n), "--stream-to=/tmp/reference.nv12")
	file := t.TempDir() + "/reference.nv12"
	if err := b.CopyOut(t.Context(), "/tmp/reference.nv12", file); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	size := width * height * 3 / 2
	if len(raw) != n*size {
		t.Fatalf("v4l2-ctl wrote %d bytes, want %d pictures of %d", len(raw), n, size)
	}
	var list [][]byte
	for ; len(raw) > 0; raw = raw[size:] {
		list = append(list, raw[:size])
	}
	return list
}
