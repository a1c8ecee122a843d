package acceptance

import (
	"fmt"
	"io"
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

// TestNoDataRaces runs a daemon with Go's race detector through all that makes
// its goroutines meet: destinations that come, fail and go, reloads, changes by
// the API, readers of the status, the events and the segments, and the end.
func TestNoDataRaces(t *testing.T) {
	t.Parallel()
	racing, err := encoderd.Build(t.TempDir(), "-race")
	if err != nil {
		t.Fatal(err)
	}
	n, srt, destinations := nginxAndSRT(t)
	gate := peer.StartGate(t, n.Addr())
	text := patternInput("main") + destinations + destination("gated", rtmpURL(gate.Addr(), "gated")) +
		destination("refusing", rtmpURL(peer.Refused(t), "x")) + fileInput(t, "street", footage.StreetMP4) +
		"[streams.absent.input]\nkind = \"file\"\npath = \"absent.mp4\"\n"
	reports := filepath.Join(t.TempDir(), "race")
	d := encoderd.Start(t, racing, text, "GORACE=log_path="+reports)
	events := follow(t, d)
	steady(t, d, "good-rtmp", "good-srt", "gated")
	stop := watchers(t, d)
	for round, change := range []string{
		`{"streams":{"main":{"video":{"bitrate":"300k"}}}}`,
		`{"log":{"level":"debug","format":"json"}}`,
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"late":{"url":%q},"gated":{"enabled":false}}}}}`, n.URL("late")),
		`{"streams":{"main":{"segment":{"window":4},"hls":{"enabled":false}}}}`,
		`{"streams":{"main":{"hls":{"enabled":true},"input":{"width":160,"height":90}},"street":null}}`,
		`{"streams":{"main":{"destinations":{"late":null,"gated":{"enabled":true}}}}}`,
	} {
		d.Patch("%s", change)
		switch round % 3 {
		case 0:
			srt.Stop()
			gate.Reset()
		case 1:
			srt.Start()
			gate.Stall()
		default:
			gate.Open()
		}
		d.Reload()
		time.Sleep(500 * time.Millisecond) // for things to happen, not to have happened
	}
	gate.Open()
	d.Await("everything again", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return mainDestination(s, "good-srt").State == status.Active && mainDestination(s, "gated").State == status.Active &&
			st.HLS != nil && st.HLS.Segments > 2 && st.Video != nil && st.Video.Width == 160
	})
	stop()
	d.WriteConfig(text)
	d.Reload()
	d.Await("the file's own word", patience, func(s status.Snapshot) bool {
		v := encoderd.Stream(s, "main").Video
		return v != nil && v.Width == 320 && encoderd.Stream(s, "street").Name != ""
	})
	gate.Stall()
	if err := syscall.Kill(d.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(within(t, patience)); err != nil { // the detector's exit code is 66
		t.Error(err)
	}
	if !strings.Contains(events(), "event: log") {
		t.Error("no events were read")
	}
	found, err := filepath.Glob(reports + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		t.Errorf("%s", read(t, file))
	}
	if log := d.WholeLog(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panicked") {
		t.Errorf("in the log:\n%s", log)
	}
}

// watchers ask the daemon for everything, over and over, until stop.
func watchers(t *testing.T, d *encoderd.Daemon) (stop func()) {
	t.Helper()
	end := make(chan struct{})
	var all sync.WaitGroup
	for _, path := range []string{"/api/v1/status", "/api/v1/config", "/hls/index.m3u8", "/"} {
		all.Go(func() {
			for {
				_ = get(d.URL + path) // what is not there at the moment is not asked for here
				select {
				case <-end:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
	all.Go(func() { // reads segments while they come and go
		for {
			for _, name := range liveFiles(d.Live) {
				_ = get(d.URL + "/hls/main/" + name)
			}
			select {
			case <-end:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	var once sync.Once
	stop = func() { once.Do(func() { close(end) }); all.Wait() }
	t.Cleanup(stop)
	return stop
}

func liveFiles(live string) (names []string) {
	entries, err := os.ReadDir(filepath.Join(live, "main"))
	if err != nil {
		return nil // not there at the moment
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// get reads an answer to its end, whatever it is.
func get(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
