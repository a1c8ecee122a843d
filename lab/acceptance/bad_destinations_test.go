package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// badDestination is a receiver that never works, and what its status must say.
type badDestination struct {
	name, url string
	lines     []string
	words     []string // of one error
	turn      func()   // bad once it is active; nil for one that is bad at once
	heals     bool     // and is soon active again
}

func rtmpURL(addr, stream string) string { return "rtmp://" + addr + "/live/" + stream }

func badDestinations(t *testing.T) []badDestination {
	t.Helper()
	server := peer.StartNginx(t, peer.NginxOptions{})
	gate := func() *peer.Gate { return peer.StartGate(t, server.Addr()) }
	dropping, stalling, trickling := gate(), gate(), gate()
	ca := peer.NewCA(t)
	unknown := peer.StartTLSFront(t, ca, server.Addr(), peer.CertOptions{})
	misnamed := peer.StartTLSFront(t, ca, server.Addr(), peer.CertOptions{Hosts: []string{"live.example.com"}})
	locked := peer.StartSRT(t, peer.SRTOptions{Passphrase: "correct-horse"})
	bad := func(m peer.Manner) string { return peer.StartBadPeer(t, m).Addr() }
	refused := peer.Refused(t)
	return []badDestination{
		{name: "refusing", url: rtmpURL(refused, "x"), words: []string{"connection refused", refused}},
		{name: "resetting", url: rtmpURL(bad(peer.ResetAtOnce()), "x"), words: []string{"connection reset by"}},
		// "closed the connection" or, if it had not read all, "connection reset by".
		{name: "closing", url: rtmpURL(bad(peer.CloseAfter(1537)), "x"), words: []string{"connection"}},
		{name: "deaf", url: rtmpURL(bad(peer.NeverRead()), "x"), words: []string{"not connected within 2s", "no answer from"}},
		{name: "mute", url: rtmpURL(bad(peer.NeverAnswer()), "x"), words: []string{"not connected within 2s", "no answer from"}},
		{name: "web-server", url: rtmpURL(bad(peer.Answer([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"+strings.Repeat("x", 4000)))), "x"),
			words: []string{"does not speak RTMP"}},
		{name: "nowhere", url: "rtmp://nowhere.invalid/live/x", words: []string{`"nowhere.invalid"`}},
		{name: "untrusted", url: unknown.RTMPS("x"), words: []string{"TLS", "not signed by an authority this box trusts", "tls_ca"}},
		{name: "misnamed", url: misnamed.RTMPS("x"), lines: []string{fmt.Sprintf("tls_ca = %q", ca.File)},
			words: []string{"TLS", `not for the name "127.0.0.1"`}},
		{name: "locked", url: locked.URL(), lines: []string{`passphrase = "battery-staple"`}, words: []string{"passphrase"}},
		{name: "silent", url: "srt://" + peer.Silent(t), words: []string{"no answer from"}},
		{name: "dropping", url: rtmpURL(dropping.Addr(), "dropping"), words: []string{"connection reset by"}, turn: dropping.Reset, heals: true},
		{name: "stalling", url: rtmpURL(stalling.Addr(), "stalling"), words: []string{"peer takes no data"}, turn: stalling.Stall},
		{name: "trickling", url: rtmpURL(trickling.Addr(), "trickling"), lines: []string{"queue_packets = 64"},
			turn: func() { trickling.Trickle(50_000) }},
	}
}

// TestBadDestinationsDisturbNobody pushes to two receivers that behave, beside
// one of every sort that does not.
func TestBadDestinationsDisturbNobody(t *testing.T) {
	t.Parallel()
	good, srt, destinations := nginxAndSRT(t)
	bad := badDestinations(t)
	d := encoderd.Start(t, binary, fileInput(t, "main", footage.StreetMP4)+destinations)
	awaitState(t, d, "good-rtmp", status.Active)
	before := *awaitState(t, d, "good-srt", status.Active).ConnectedAt
	config := fileInput(t, "main", footage.StreetMP4) + destinations
	for _, b := range bad {
		config += destination(b.name, b.url, b.lines...)
	}
	d.WriteConfig(config)
	d.Reload()
	start := d.Await("the encoder's figures", patience, func(s status.Snapshot) bool {
		return encoderd.Stream(s, "main").Video != nil
	})
	for _, b := range bad {
		if b.turn != nil {
			awaitState(t, d, b.name, status.Active)
			b.turn()
		}
		awaitBad(t, d, b)
	}
	await := func(dest string) {
		d.Await(dest+" to have sent 20 s", patience, func(s status.Snapshot) bool {
			return time.Since(*mainDestination(s, dest).ConnectedAt) > 20*time.Second
		})
	}
	await("good-rtmp")
	await("good-srt")
	checkUndisturbed(t, d, start, before)
	d.Stop()
	srt.Stop()
	files, err := good.Recordings("good")
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %q, error %v, want one", files, err)
	}
	checkContinuous(t, files[0])
	checkContinuous(t, srt.File())
}

// awaitBad waits until the status tells the cause, or the drops of a receiver
// that is only slow.
func awaitBad(t *testing.T, d *encoderd.Daemon, b badDestination) {
	t.Helper()
	s := d.Await(fmt.Sprintf("the cause of %s: %q", b.name, b.words), patience, func(s status.Snapshot) bool {
		dest := mainDestination(s, b.name)
		if b.words == nil {
			return dest.Dropped > 0
		}
		wanted := status.Reconnecting
		if b.heals {
			wanted = status.Active
		}
		return dest.State == wanted && dest.Attempts > 1 && said(dest, b.words...)
	})
	t.Logf("%s:%s", b.name, messages(mainDestination(s, b.name)))
}

// checkUndisturbed looks at what status says of the healthy parts.
func checkUndisturbed(t *testing.T, d *encoderd.Daemon, start status.Snapshot, srtConnected time.Time) {
	t.Helper()
	s := d.Status()
	if at := mainDestination(s, "good-srt").ConnectedAt; at == nil || !at.Equal(srtConnected) {
		t.Errorf("SRT was connected at %v, now %v", srtConnected, at)
	}
	for _, name := range []string{"good-rtmp", "good-srt"} {
		if g := mainDestination(s, name); g.State != status.Active || g.Attempts != 1 || g.Dropped != 0 || len(g.Errors) != 0 {
			t.Errorf("%s is disturbed: %+v", name, g)
		}
	}
	a, b := encoderd.Stream(start, "main").Video, encoderd.Stream(s, "main").Video
	elapsed := s.Time.Sub(start.Time).Seconds()
	if rate := float64(b.Frames-a.Frames) / elapsed; rate < 24 || rate > 26 {
		t.Errorf("%.2f pictures a second over %.1f s, want 25", rate, elapsed)
	}
	checkPlaylist(t, string(d.Get("/hls/main/"+mediaPlaylist(t, d, "main"))))
	if h := encoderd.Stream(s, "main").HLS; h.Dropped != 0 || h.Discontinuities != 0 {
		t.Errorf("segments: %+v", h)
	}
}

// mediaPlaylist is the name of a stream's first media playlist.
func mediaPlaylist(t *testing.T, d *encoderd.Daemon, stream string) string {
	t.Helper()
	main := string(d.Get("/hls/" + stream + "/index.m3u8"))
	for line := range strings.Lines(main) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	t.Fatalf("no media playlist in %s", main)
	return ""
}

// checkPlaylist wants segments of 2 s, without a gap or a discontinuity.
func checkPlaylist(t *testing.T, playlist string) {
	t.Helper()
	segments := 0
	for line := range strings.Lines(playlist) {
		var seconds float64
		if n, _ := fmt.Sscanf(line, "#EXTINF:%f", &seconds); n == 1 {
			segments++
			if seconds < 1.9 || seconds > 2.1 {
				t.Errorf("a segment of %v s in\n%s", seconds, playlist)
			}
		}
	}
	if segments < 3 || strings.Contains(playlist, "DISCONTINUITY\n") || strings.Contains(playlist, "EXT-X-GAP") {
		t.Errorf("%d segments, or a break, in\n%s", segments, playlist)
	}
}

// checkContinuous wants every picture of the street's 25 a second, and sound
// without a hole, in what a receiver kept, and that it decodes.
func checkContinuous(t *testing.T, file string) {
	t.Helper()
	if _, err := peer.Decode(within(t, patience), file, 0); err != nil {
		t.Error(err)
	}
	p, err := peer.Probe(within(t, patience), file, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckTimestamps(); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	longest := map[string]time.Duration{"video": 41 * time.Millisecond, "audio": 60 * time.Millisecond}
	last, count := map[string]time.Duration{}, map[string]int{}
	for _, pkt := range p.Packets {
		if gap := pkt.DTS.Duration - last[pkt.Kind]; count[pkt.Kind] > 0 && gap > longest[pkt.Kind] {
			t.Errorf("%s: %s: %v between packets at %v", file, pkt.Kind, gap, pkt.DTS.Duration)
		}
		last[pkt.Kind] = pkt.DTS.Duration
		count[pkt.Kind]++
	}
	if count["video"] < 20*25-50 || count["audio"] < 20*46-100 {
		t.Errorf("%s: packets %v in 20 s", file, count)
	}
}
