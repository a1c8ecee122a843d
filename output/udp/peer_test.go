package udp

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
)

// freePorts are even ports whose next ones are free too, no two the same.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		a, b := pair(t, "127.0.0.1")
		defer a.Close() // all held until all are picked
		defer b.Close()
		ports = append(ports, a.LocalAddr().(*net.UDPAddr).Port)
	}
	return ports
}

// description is an SDP file of an RTP stream. Given rtp://… instead, ffmpeg
// throws away what comes while it guesses what it is.
func description(t *testing.T, port int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stream.sdp")
	text := fmt.Sprintf("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video %d RTP/AVP 33\r\n", port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// awaitPort waits until somebody receives at a port.
func awaitPort(t *testing.T, port int) {
	t.Helper()
	want := fmt.Sprintf(":%04X ", port)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
			b, err := os.ReadFile(file)
			if err == nil && strings.Contains(string(b), want) {
				return
			}
		}
	}
	t.Fatalf("nobody listens at port %d", port)
}

// TestFFmpegReceives has ffmpeg record what is sent: it decodes in silence and
// keeps sound with picture.
func TestFFmpegReceives(t *testing.T) {
	ps, tracks := street(t, 8*time.Second)
	cases := []struct{ name, to, from, rate string }{
		{"UDP", "udp://127.0.0.1:%d", "udp://127.0.0.1:%d?buffer_size=4000000", ""},
		{"UDP at a constant rate", "udp://127.0.0.1:%d", "udp://127.0.0.1:%d?buffer_size=4000000", "4M"},
		{"UDP multicast", "udp://239.77.1.6:%d", "udp://239.77.1.6:%d?localaddr=127.0.0.1&buffer_size=4000000", "4M"},
		{"UDP by IPv6", "udp://[::1]:%d", "udp://[::1]:%d?buffer_size=4000000", ""},
		{"RTP", "rtp://127.0.0.1:%d", "", ""},
		{"RTP at a constant rate", "rtp://127.0.0.1:%d", "", "4M"},
	}
	ports := freePorts(t, len(cases))
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			port := ports[i]
			input, args := strings.ReplaceAll(tc.from, "%d", strconv.Itoa(port)), []string{"-probesize", "500000"}
			if tc.from == "" {
				input = description(t, port)
				args = append(args, "-protocol_whitelist", "file,udp,rtp", "-buffer_size", "4000000")
			}
			file := filepath.Join(t.TempDir(), "received.ts")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			done := make(chan error, 1)
			go func() {
				done <- peer.Record(ctx, input, 5*time.Second, file, args...)
			}()
			awaitPort(t, port)
			options := []string{"mux_rate", tc.rate}
			if strings.Contains(tc.to, "239.") {
				options = append(options, "interface", "lo")
			}
			c := mustDial(t, target(t, fmt.Sprintf(tc.to, port), options...), tracks)
			start := time.Now()
			for _, p := range ps {
				time.Sleep(p.DTS - time.Since(start))
				if err := c.Write(p); err != nil {
					if p.DTS < 5*time.Second { // later, ffmpeg has what it wanted, and has left
						t.Errorf("at %v: %v", p.DTS, err)
					}
					break
				}
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			d, err := peer.Decode(ctx, file, 0)
			if err != nil || d.Frames < 50 {
				t.Errorf("%d pictures up to %v, %v", d.Frames, d.Media, err)
			}
			inSync(ctx, t, file, ps)
		})
	}
}

// inSync compares how far apart picture and sound begin with what was sent.
func inSync(ctx context.Context, t *testing.T, file string, ps []media.Packet) {
	t.Helper()
	p, err := peer.Probe(ctx, file, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckTimestamps(); err != nil {
		t.Error(err)
	}
	first := map[media.Kind]time.Duration{}
	for i := len(ps) - 1; i >= 0; i-- {
		first[ps[i].Track.Kind()] = ps[i].PTS
	}
	got := p.First("audio").StartTime.Duration - p.First("video").StartTime.Duration
	if off := got - (first[media.Audio] - first[media.Video]); off.Abs() > 40*time.Millisecond {
		t.Errorf("sound is %v off the picture", off)
	}
}
