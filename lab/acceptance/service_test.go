package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// logLines are the daemon's log without what it says to people on stdout.
func logLines(d *encoderd.Daemon) (lines []string) {
	for line := range strings.Lines(d.WholeLog()) {
		if !strings.HasPrefix(line, "The page: ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// TestTheLogIsQuietWhileNothingChanges: a line for a change of state, none for a
// picture, a packet, a segment or a request, even at level debug.
func TestTheLogIsQuietWhileNothingChanges(t *testing.T) {
	t.Parallel()
	_, _, destinations := nginxAndSRT(t)
	d := encoderd.Start(t, binary, fileInput(t, "main", footage.StreetMP4)+destinations+patternInput("second")+
		"[log]\nlevel = \"debug\"\nformat = \"json\"\n")
	before := steady(t, d, "good-rtmp", "good-srt")
	d.Await("the second stream", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "second")
		return st.HLS != nil && st.HLS.Segments > 0
	})
	begun := logLines(d)
	d.Await("20 s", patience, func(s status.Snapshot) bool {
		d.Get("/hls/main/" + mediaPlaylist(t, d, "main"))
		return s.Time.Sub(before.Time) > 20*time.Second
	})
	if after := logLines(d); len(after) != len(begun) {
		t.Errorf("20 s without a change of state have %d lines:\n%s", len(after)-len(begun), strings.Join(after[len(begun):], "\n"))
	}
	unchanged(t, d, before, "good-rtmp", "good-srt")
	d.Stop()
	checkJSONLog(t, d)
}

// checkJSONLog wants an object on every line, with time, level and message, and
// the story of each destination in it, once.
func checkJSONLog(t *testing.T, d *encoderd.Daemon) {
	t.Helper()
	told := map[string]int{}
	for _, line := range logLines(d) {
		var l struct {
			Time        time.Time
			Level, Msg  string
			Stream      string
			Destination string
			State       string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time.IsZero() || l.Level == "" || l.Msg == "" {
			t.Errorf("line %q, error %v", line, err)
		}
		if l.Destination != "" {
			told[l.Destination+" "+l.State]++
		}
	}
	for _, name := range []string{"good-rtmp", "good-srt"} {
		for _, state := range []string{"active", "disabled"} {
			if told[name+" "+state] != 1 {
				t.Errorf("%s became %s %d times, of %v", name, state, told[name+" "+state], told)
			}
		}
	}
}

// TestACrashLeavesItsTrace makes the Go runtime dump its stacks, as a crash
// does: they must reach the daemon's standard error, though what libraries print
// there does not.
func TestACrashLeavesItsTrace(t *testing.T) {
	t.Parallel()
	d := encoderd.Start(t, binary, patternInput("main")+"[log]\nlevel = \"debug\"\n")
	d.Await("pictures", patience, func(s status.Snapshot) bool { return encoderd.Stream(s, "main").Video != nil })
	if log := d.WholeLog(); strings.Contains(log, "\n[OpenH264]") || !strings.Contains(log, `msg="a library says" text="[OpenH264]`) {
		t.Errorf("what openh264 prints is no log line:\n%s", log)
	}
	if err := syscall.Kill(d.PID(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(within(t, patience)); err == nil {
		t.Error("a crash ended well")
	}
	if log := d.WholeLog(); !strings.Contains(log, "SIGQUIT: quit") || !strings.Contains(log, "\ngoroutine 1 ") {
		t.Errorf("no trace of the crash:\n%s", log)
	}
}

// manager takes a service's notifications as systemd does.
type manager struct {
	path string
	mu   sync.Mutex // guards got
	got  []notification
}

type notification struct {
	state string
	at    time.Time
}

func startManager(t *testing.T) *manager {
	t.Helper()
	// A folder of its own: the path of a socket must be short.
	dir, err := os.MkdirTemp("", "notify-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &manager{path: filepath.Join(dir, "notify")}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.got = append(m.got, notification{string(buf[:n]), time.Now()})
			m.mu.Unlock()
		}
	}()
	return m
}

// times are when a state was notified.
func (m *manager) times(state string) (at []time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.got {
		for line := range strings.Lines(n.state) {
			if strings.TrimSpace(line) == state {
				at = append(at, n.at)
			}
		}
	}
	return at
}

// TestTheServiceManagerIsTold stands in systemd's place.
func TestTheServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	m := startManager(t)
	const interval = 3 * time.Second
	n := peer.StartNginx(t, peer.NginxOptions{})
	d := encoderd.Start(t, binary, patternInput("main")+destination("good", n.URL("good")),
		"NOTIFY_SOCKET="+m.path, fmt.Sprintf("WATCHDOG_USEC=%d", interval.Microseconds()))
	eventually(t, "READY=1", func() bool { return len(m.times("READY=1")) == 1 })
	awaitState(t, d, "good", status.Active)
	eventually(t, "six signs of life", func() bool { return len(m.times("WATCHDOG=1")) >= 6 })
	last := m.times("READY=1")[0]
	for _, at := range m.times("WATCHDOG=1")[:6] {
		// Twice an interval is what sd_watchdog_enabled(3) asks for; a whole one is the end.
		if gap := at.Sub(last); gap >= interval {
			t.Errorf("no sign of life for %v: the service manager kills after %v", gap, interval)
		}
		last = at
	}
	if all := m.times("WATCHDOG=1"); all[5].Sub(all[0]) > 5*interval*3/4 {
		t.Errorf("6 signs of life in %v, want two each %v", all[5].Sub(all[0]), interval)
	}
	d.Reload()
	eventually(t, "the reload", func() bool { return len(m.times("RELOADING=1")) == 1 && len(m.times("READY=1")) == 2 })
	if got := m.times("STOPPING=1"); len(got) != 0 {
		t.Error("STOPPING=1 before the stop")
	}
	d.Stop()
	if len(m.times("STOPPING=1")) != 1 {
		t.Errorf("notifications: %+v", m.got)
	}
}

// TestStoppingEndsEverything stops a daemon that pushes, serves and hangs on
// stalled peers.
func TestStoppingEndsEverything(t *testing.T) {
	t.Parallel()
	good, srt, destinations := nginxAndSRT(t)
	n, hung := peer.StartNginx(t, peer.NginxOptions{}), peer.StartSRT(t, peer.SRTOptions{})
	gate := peer.StartGate(t, n.Addr())
	patient := func(name, url string) string {
		return "[streams.main.destinations." + name + "]\nurl = \"" + url + "\"\nwrite_timeout = \"2m\"\nconnect_timeout = \"2m\"\n"
	}
	d := encoderd.Start(t, binary, fileInput(t, "main", footage.StreetMP4)+destinations+
		patient("stalled", rtmpURL(gate.Addr(), "x"))+patient("stalled-srt", hung.URL())+
		patient("mute", rtmpURL(peer.StartBadPeer(t, peer.NeverAnswer()).Addr(), "x"))+
		patient("silent", "srt://"+peer.Silent(t))+
		patternInput("second")+"[streams.absent.input]\nkind = \"file\"\npath = \"absent.mp4\"\n")
	events := follow(t, d)
	steady(t, d, "good-rtmp", "good-srt", "stalled", "stalled-srt")
	gate.Stall()
	hung.Pause()
	player := peer.FFmpeg(t, "-v", "error", "-i", d.HLS("main"), "-f", "null", "-")
	d.Await("writes that hang", patience, func(s status.Snapshot) bool {
		return mainDestination(s, "stalled").Queue.Packets > 100 && len(segments(t, d.Live)) > 3
	})
	begun := time.Now()
	if err := syscall.Kill(d.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(within(t, 10*time.Second)); err != nil {
		t.Errorf("end: %v", err)
	}
	t.Logf("it took %v", time.Since(begun))
	if !strings.Contains(d.WholeLog(), "encoderd has stopped") || !strings.Contains(events(), "event: status") {
		t.Errorf("it did not end as it should:\n%s", d.WholeLog())
	}
	// The next start goes on where this one ended.
	if index, err := os.Stat(filepath.Join(d.Live, "main", "segments.index")); err != nil || index.Size() == 0 {
		t.Errorf("the live window is not there for the next start: %v", err)
	}
	for _, name := range segments(t, d.Live) {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("left half written: %s", name)
		}
	}
	if err := syscall.Kill(-d.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its process group still exists: %v", err)
	}
	if resp, err := http.Get(d.URL + "/healthz"); err == nil {
		resp.Body.Close()
		t.Errorf("someone still answers: %s", resp.Status)
	}
	player.Stop()
	srt.Stop()
	eventually(t, "nginx to have seen it leave", func() bool {
		s, err := good.Stream(within(t, patience), "good")
		return err == nil && s == nil
	})
	checkNoGarbage(t, srt.File())
}

// checkNoGarbage wants a file that ends between two packets of MPEG-TS.
func checkNoGarbage(t *testing.T, ts string) {
	t.Helper()
	if info, err := os.Stat(ts); err != nil || info.Size() == 0 || info.Size()%188 != 0 {
		t.Errorf("received %d bytes, error %v, want whole packets", info.Size(), err)
	}
	if _, err := peer.Decode(within(t, patience), ts, 0); err != nil {
		t.Error(err)
	}
}
