package acceptance

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestDestinationsComeBackWithTheirPeers stops, and hangs, real servers in the
// middle of a session.
func TestDestinationsComeBackWithTheirPeers(t *testing.T) {
	t.Parallel()
	stopped, hung := peer.StartNginx(t, peer.NginxOptions{Record: true}), peer.StartNginx(t, peer.NginxOptions{Record: true})
	srtStopped, srtHung := peer.StartSRT(t, peer.SRTOptions{}), peer.StartSRT(t, peer.SRTOptions{})
	d := encoderd.Start(t, binary, fileInput(t, "main", footage.StreetMP4)+
		destination("rtmp-stopped", stopped.URL("a"))+destination("rtmp-hung", hung.URL("a"))+
		destination("srt-stopped", srtStopped.URL())+destination("srt-hung", srtHung.URL()))
	names := []string{"rtmp-stopped", "rtmp-hung", "srt-stopped", "srt-hung"}
	for _, name := range names {
		awaitState(t, d, name, status.Active)
	}
	before, err := stopped.Recordings("a")
	if err != nil || len(before) != 1 {
		t.Fatalf("recordings %q, error %v", before, err)
	}
	stopped.Stop()
	srtStopped.Stop()
	hung.Pause()
	srtHung.Pause()
	for name, words := range map[string][]string{
		"rtmp-stopped": {"connection refused"}, "rtmp-hung": {"peer takes no data"},
		"srt-stopped": {"no answer"}, "srt-hung": {"no answer"},
	} {
		d.Await(name+" to say why it reconnects", patience, func(s status.Snapshot) bool {
			dest := mainDestination(s, name)
			return dest.State == status.Reconnecting && dest.ConnectedAt == nil && dest.Attempts > 1 && said(dest, words...)
		})
	}
	gone := time.Now()
	received := srtStopped.Bytes()
	stopped.Start()
	srtStopped.Start()
	hung.Resume()
	srtHung.Resume()
	for _, name := range names {
		dest := awaitState(t, d, name, status.Active)
		if dest.ConnectedAt.Before(gone) || len(dest.Errors) == 0 {
			t.Errorf("%s: connected at %v, before %v; errors:%s", name, dest.ConnectedAt, gone, messages(dest))
		}
	}
	eventually(t, "SRT to go on", func() bool { return srtStopped.Bytes() > received+500_000 })
	d.Await("4 s more over RTMP", patience, func(s status.Snapshot) bool {
		at := mainDestination(s, "rtmp-stopped").ConnectedAt
		return at != nil && time.Since(*at) > 4*time.Second
	})
	d.Stop()
	after, err := stopped.Recordings("a")
	if err != nil || len(after) != 2 {
		t.Fatalf("recordings %q, error %v, want a second one", after, err)
	}
	if dec, err := peer.Decode(within(t, patience), after[1], 0); err != nil || dec.Frames < 75 {
		t.Errorf("after the return: %+v, error %v", dec, err)
	}
}

// TestGivingUpAndSwitchingOff has destinations that end, and ones that do not
// begin, and both started by a change of the configuration.
func TestGivingUpAndSwitchingOff(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	refused := peer.Refused(t)
	d := encoderd.Start(t, binary, patternInput("main")+
		destination("hopeless", rtmpURL(refused, "x"), "retry_limit = 3")+
		destination("off", n.URL("off"), "enabled = false"))
	failed := awaitState(t, d, "hopeless", status.Failed)
	if failed.Attempts != 3 || !said(failed, "gave up after 3 attempts", "connection refused") || failed.NextAttempt != nil {
		t.Errorf("gave up: %+v", failed)
	}
	if off := awaitState(t, d, "off", status.Disabled); off.Attempts != 0 {
		t.Errorf("switched off: %+v", off)
	}
	d.Patch(`{"streams":{"main":{"destinations":{"off":{"enabled":true},"hopeless":{"url":%q}}}}}`, n.URL("hope"))
	awaitState(t, d, "off", status.Active)
	awaitState(t, d, "hopeless", status.Active)
	d.Patch(`{"streams":{"main":{"destinations":{"off":{"enabled":false}}}}}`)
	awaitState(t, d, "off", status.Disabled)
	eventually(t, "nginx to see it leave", func() bool {
		s, err := n.Stream(within(t, patience), "off")
		return err == nil && s == nil
	})
}

// TestAStalledPeerCostsItsQueueAndNoMore streams far more than a destination's
// queue may hold at a peer that takes nothing.
func TestAStalledPeerCostsItsQueueAndNoMore(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	g := peer.StartGate(t, n.Addr())
	const queue = 1 << 20
	d := encoderd.Start(t, binary, fmt.Sprintf("[streams.main.input]\nkind = \"file\"\npath = %q\n", noise(t))+
		"[streams.main.hls]\nenabled = false\n"+ // its segments, on tmpfs, are not the daemon's memory
		"[streams.main.destinations.stalled]\nurl = \""+rtmpURL(g.Addr(), "x")+"\"\nwrite_timeout = \"2m\"\nqueue_bytes = \"1MiB\"\n")
	d.Await("10 MB to be sent", patience, func(s status.Snapshot) bool { return mainDestination(s, "stalled").Bytes > 10<<20 })
	before, frames := resident(t, d), encoderd.Stream(d.Status(), "main").Video.Frames
	g.Stall()
	d.Await("drops", patience, func(s status.Snapshot) bool { return mainDestination(s, "stalled").Dropped > 0 })
	var fullest int
	s := d.Await("15 s of pictures", patience, func(s status.Snapshot) bool {
		fullest = max(fullest, mainDestination(s, "stalled").Queue.Bytes)
		return encoderd.Stream(s, "main").Video.Frames > frames+15*25
	})
	if rate := encoderd.Stream(s, "main").Video.Bitrate; rate < 16_000_000 {
		t.Fatalf("a clip of %d b/s does not show a queue that grows", rate)
	}
	if fullest == 0 || fullest > queue {
		t.Errorf("%d bytes waited, the bound is %d", fullest, queue)
	}
	if dest := mainDestination(s, "stalled"); dest.State != status.Active || dest.Dropped < 200 {
		t.Errorf("stalled: %+v", dest)
	}
	// 15 s are 30 MB and more. What grows besides the queue is garbage not yet collected.
	growth := resident(t, d) - before
	t.Logf("grew by %d kB", growth>>10)
	if growth > queue+12<<20 {
		t.Errorf("the daemon grew by %d kB while its peer stalled", growth>>10)
	}
	g.Open()
	sent := mainDestination(s, "stalled").Bytes
	d.Await("the stream to go on", patience, func(s status.Snapshot) bool {
		dest := mainDestination(s, "stalled")
		return dest.Bytes > sent+10<<20 && dest.State == status.Active
	})
}

// noise is a clip of 16 Mb/s and more.
func noise(t *testing.T) string {
	t.Helper()
	return ffmpegMakes(t, "noise.mp4", "-f", "lavfi", "-i", "color=gray:s=640x360:r=25,noise=alls=60:allf=t",
		"-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-qp", "22", "-bf", "0", "-g", "25")
}

// resident is how much memory the daemon holds now.
func resident(t *testing.T, d *encoderd.Daemon) int64 {
	t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
