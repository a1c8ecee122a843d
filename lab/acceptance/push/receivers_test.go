package push

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// What a sender finds where a server was.
var refused = []string{"refused"}

// listening is how long a recording is that ends before what it is of.
const listening = "5"

const streamKey = "sk-7e1d90b4aa"

// nginxRTMP is an nginx with its RTMP module.
func nginxRTMP(t *testing.T) *receiver {
	n := peer.StartNginx(t, peer.NginxOptions{Record: true})
	return &receiver{
		name: "rtmp", kind: "rtmp", url: n.URL(streamKey), secrets: []string{streamKey}, codec: "aac",
		kill: n.Kill, start: n.Start, down: refused, seen: left(t, n), received: recorded(t, n.Recordings),
	}
}

// left says that nobody publishes.
func left(t *testing.T, n *peer.Nginx) func() bool {
	return func() bool {
		s, err := n.Stream(t.Context(), streamKey)
		return err == nil && s == nil
	}
}

func recorded(t *testing.T, recordings func(string) ([]string, error)) func() string {
	return func() string {
		files, err := recordings(streamKey)
		if err != nil || len(files) != 1 {
			t.Fatalf("recordings: %q, error %v; want one", files, err)
		}
		return files[0]
	}
}

// lal is a lal, which writes the end of a recording when it ends itself.
func lal(t *testing.T) *receiver {
	l := peer.StartLal(t, peer.LalOptions{})
	return &receiver{
		name: "rtmp", kind: "rtmp", url: l.URL(streamKey), secrets: []string{streamKey}, codec: "aac",
		received: func() string { l.Stop(); return recorded(t, l.Recordings)() },
	}
}

// rtmps is an nginx behind stunnel.
func rtmps(t *testing.T) *receiver {
	n, ca := peer.StartNginx(t, peer.NginxOptions{Record: true}), peer.NewCA(t)
	front := peer.StartTLSFront(t, ca, n.Addr(), peer.CertOptions{})
	return &receiver{
		name: "rtmps", kind: "rtmps", url: front.RTMPS(streamKey), secrets: []string{streamKey}, codec: "aac",
		lines: []string{fmt.Sprintf("tls_ca = %q", ca.File)},
		kill:  front.Kill, start: front.Start, down: refused, seen: left(t, n), received: recorded(t, n.Recordings),
	}
}

const (
	passphrase = "correct-horse-battery"
	streamID   = "sid1b6453892473"
)

// srtCaller is an srt-live-transmit that the box calls.
func srtCaller(t *testing.T) *receiver {
	r := peer.StartSRT(t, peer.SRTOptions{Passphrase: passphrase})
	return &receiver{
		name: "srt", kind: "srt", url: r.URL() + "?streamid=" + streamID, codec: "aac",
		lines: []string{fmt.Sprintf("passphrase = %q", passphrase)}, secrets: []string{passphrase, streamID},
		kill: r.Kill, start: r.Start, down: []string{"network", "closed", "stalled", "refused"},
		received: func() string { r.Stop(); return r.File() }, // it holds back the last until then
	}
}

// srtListener is an srt-live-transmit that calls the box.
func srtListener(t *testing.T) *receiver {
	addr := fmt.Sprintf("127.0.0.1:%d", udpPort(t))
	r := peer.StartSRTCaller(t, addr, peer.SRTOptions{Passphrase: passphrase})
	return &receiver{
		name: "srt", kind: "srt", url: "srt://" + addr + "?mode=listener", codec: "aac",
		lines: []string{fmt.Sprintf("passphrase = %q", passphrase)}, secrets: []string{passphrase},
		received: func() string { r.Stop(); return r.File() },
	}
}

// udpPort is an even port whose next one is free too.
func udpPort(t *testing.T) int {
	t.Helper()
	for range 50 {
		a, err := net.ListenUDP("udp4", &net.UDPAddr{})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		port := a.LocalAddr().(*net.UDPAddr).Port
		b, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port + 1})
		if err != nil {
			continue
		}
		defer b.Close()
		if port%2 == 0 {
			return port
		}
	}
	t.Fatal("no two ports in a row are free")
	return 0
}

// tsHTTP is an nginx that takes a file without an end by PUT.
func tsHTTP(t *testing.T) *receiver {
	const token = "tok-ts-2b81c6"
	o := peer.StartOrigin(t, peer.OriginOptions{})
	file := filepath.Join(o.Dir(), "one.ts")
	return &receiver{
		name: "tshttp", kind: "tshttp", url: "ts" + o.URL() + "one.ts?token=" + token, secrets: []string{token}, codec: "aac",
		kill: o.Kill, start: o.Start, down: refused,
		seen:     func() bool { _, err := os.Stat(file); return err == nil },
		received: func() string { return file },
	}
}

// origin is an nginx that takes files by PUT.
func origin(kind, playlist string) func(t *testing.T) *receiver {
	return func(t *testing.T) *receiver {
		o := peer.StartOrigin(t, peer.OriginOptions{})
		password := "pw-" + kind + "-6f03"
		return &receiver{
			name: kind, kind: kind, url: strings.Replace(kind+"+"+o.URL(), "://", "://user:"+password+"@", 1),
			secrets: []string{password}, codec: "aac", files: true,
			kill: o.Kill, start: o.Start, down: refused,
			received: func() string {
				if _, err := os.Stat(filepath.Join(o.Dir(), playlist)); err != nil {
					t.Error(err)
				}
				if kind == "hls" { // as a player sees it
					if _, err := peer.Decode(within(t), o.URL()+playlist, 2*time.Second); err != nil {
						t.Error(err)
					}
				}
				return segments(t, o.Dir())
			},
		}
	}
}

// rtsp is an ffmpeg that is published to.
func rtsp(transport string) func(t *testing.T) *receiver {
	return func(t *testing.T) *receiver {
		const password = "pw-rtsp-90d1"
		l := peer.StartFFmpegListener(t, peer.FFmpegListenerOptions{
			Scheme: "rtsp", Path: "/live/one", File: "taken.nut", InputArgs: []string{"-rtsp_transport", transport},
		})
		return &receiver{
			name: "rtsp", kind: "rtsp", url: strings.Replace(l.URL(), "://", "://user:"+password+"@", 1), secrets: []string{password},
			codec: "aac", lines: []string{fmt.Sprintf("transport = %q", transport)},
			kill: l.Kill, start: l.Start, down: refused,
			seen: func() bool {
				select {
				case <-l.Done():
					return true
				default:
					return false
				}
			},
			received: l.File,
		}
	}
}

// reader is an ffmpeg that records what it is not told of.
type reader struct {
	t     *testing.T
	input []string
	file  string
	*peer.Process
}

func newReader(t *testing.T, name string, input ...string) *reader {
	return &reader{t: t, input: input, file: filepath.Join(t.TempDir(), name)}
}

func (r *reader) start() {
	args := append([]string{"ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-y", "-v", "error"}, r.input...)
	r.Process = peer.Start(r.t, peer.Command{Name: "ffmpeg", Args: append(args, "-map", "0", "-c", "copy", r.file)})
}

// take ends the recording, if it has not ended by itself: ffmpeg closes the file
// when it is asked to end.
func (r *reader) take() string {
	r.Stop()
	return r.file
}

// await waits for a recording of a certain length.
func (r *reader) await() {
	r.t.Helper()
	if err := r.Wait(within(r.t)); err != nil {
		r.t.Fatal(err)
	}
}

// kill is what may run when the reader has been started anew.
func (r *reader) kill() { r.Kill() }

// awaitPort waits until somebody receives at a UDP port.
func awaitPort(t *testing.T, port int) {
	t.Helper()
	eventually(t, fmt.Sprintf("a receiver at port %d", port), func() bool {
		b, err := os.ReadFile("/proc/net/udp")
		return err == nil && strings.Contains(string(b), fmt.Sprintf(":%04X ", port))
	})
}

// multicast is an ffmpeg that is member of a group.
func multicast(t *testing.T) *receiver {
	port := udpPort(t)
	group := fmt.Sprintf("udp://239.77.1.6:%d", port)
	r := newReader(t, "received.nut", "-copyts", "-t", listening, "-probesize", "500000", "-i", group+"?localaddr=127.0.0.1&buffer_size=4000000")
	r.start()
	awaitPort(t, port)
	return &receiver{
		name: "udp", kind: "udp", url: group, codec: "aac", lines: []string{`interface = "lo"`, `ttl = 1`, `mux_rate = "2M"`},
		kill: r.kill, start: r.start, leave: r.await, received: r.take,
	}
}

// rtp is an ffmpeg that was given the description of an RTP stream.
func rtp(t *testing.T) *receiver {
	port := udpPort(t)
	sdp := keep(t, "stream.sdp", fmt.Appendf(nil, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video %d RTP/AVP 33\r\n", port))
	r := newReader(t, "received.nut", "-copyts", "-probesize", "500000", "-protocol_whitelist", "file,udp,rtp", "-buffer_size", "4000000", "-i", sdp)
	r.start()
	awaitPort(t, port)
	return &receiver{
		name: "rtp", kind: "rtp", url: fmt.Sprintf("rtp://127.0.0.1:%d", port), codec: "aac",
		kill: r.kill, start: func() { r.start(); awaitPort(t, port) }, down: refused, received: r.take,
	}
}

// radio is an Icecast 2, with the codec that is sent.
func radio(kind, codec string) func(t *testing.T) *receiver {
	return func(t *testing.T) *receiver {
		const password = "pw-radio-c4a7"
		i := peer.StartIcecast(t, peer.IcecastOptions{Password: password})
		door := newLateDoor(t, i.Addr())
		mount, url := "/live", "icecast+http://:"+password+"@"+address(door.from)+"/live"
		if kind == "shoutcast" {
			mount, url = "/shout", "shoutcast://:"+password+"@"+address(door.from)
		}
		r := newReader(t, "received."+map[string]string{"aac": "aac", "mp3": "mp3", "opus": "ogg"}[codec], "-t", listening, "-i", i.URL(mount))
		return &receiver{
			name: kind, kind: kind, url: url, secrets: []string{password}, codec: codec, sound: true,
			lines: []string{fmt.Sprintf("audio_codec = %q", codec), `station = "Radio U"`, `title = "Song & more"`},
			kill:  func() { i.Kill(); door.shut() },
			start: func() { door.restart(i) },
			down:  refused,
			listen: func() {
				eventually(t, "the station to be on the air", func() bool {
					all, err := i.Sources(context.Background())
					return err == nil && len(all) == 1 && all[0].Name == "Radio U"
				})
				r.start()
			},
			leave: r.await, received: r.take,
		}
	}
}
