package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/push"
)

func TestLogChangesLevelAndNotationWhileLoggersAreInUse(t *testing.T) {
	var out bytes.Buffer
	l := &logging{}
	l.apply(config.Log{Level: "info", Format: "text"})
	log := slog.New(l.handler(&out)).With("stream", "main").WithGroup("g")
	log.Debug("hidden")
	log.Info("shown", "n", 1)
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "msg=shown stream=main g.n=1") {
		t.Errorf("text: %q", got)
	}
	out.Reset()
	l.apply(config.Log{Level: "debug", Format: "json"})
	log.Debug("now shown", "n", 2)
	var line struct {
		Msg, Stream string
		G           struct{ N int }
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "now shown" || line.Stream != "main" || line.G.N != 2 {
		t.Errorf("json: %q, %v", out.String(), err)
	}
}

func TestPageURLs(t *testing.T) {
	one := pageURLs(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081})
	if len(one) != 1 || one[0] != "http://127.0.0.1:8081/" {
		t.Errorf("one address: %v", one)
	}
	six := pageURLs(&net.TCPAddr{IP: net.IPv6loopback, Port: 80})
	if len(six) != 1 || six[0] != "http://[::1]:80/" {
		t.Errorf("IPv6: %v", six)
	}
	all := pageURLs(&net.TCPAddr{IP: net.IPv6unspecified, Port: 8080})
	if len(all) == 0 || all[0] != "http://localhost:8080/" {
		t.Errorf("every address: %v", all)
	}
}

func TestTwoDaemonsCannotShareALiveFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	unlock, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(dir); err == nil || !strings.Contains(err.Error(), "storage.live") || !strings.Contains(err.Error(), dir) {
		t.Errorf("second lock: %v", err)
	}
	unlock()
	again, err := lockFolder(dir)
	if err != nil {
		t.Fatalf("after unlocking: %v", err)
	}
	again()
	if _, err := lockFolder("/proc/no/such/folder"); err == nil {
		t.Error("locked where nothing can be written")
	}
}

func TestTrustNamesAFileThatIsNoCertificate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trust(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no certificate: %v", err)
	}
	if _, err := trust(file + ".missing"); err == nil {
		t.Error("a missing file is trusted")
	}
	if c, err := trust(""); c != nil || err != nil {
		t.Errorf("no file: %v, %v", c, err)
	}
}

func TestPushEvents(t *testing.T) {
	failed := push.Status{State: push.Reconnecting, Cause: output.CauseRefused, Errors: []push.TimedError{{Message: "connection refused"}}}
	if e := pushEvent("main", "destination x", failed); e.Severity != status.Warning || e.Message != "reconnecting: connection refused" || e.Cause != "refused" {
		t.Errorf("%+v", e)
	}
	if e := pushEvent("main", "destination x", push.Status{State: push.Active, Errors: failed.Errors}); e.Severity != status.Info || e.Message != "active" {
		t.Errorf("%+v", e)
	}
}

func TestPushEventsSayWhyNothingIsWrong(t *testing.T) {
	old := []push.TimedError{{Message: "connection refused"}}
	if e := pushEvent("main", "destination x", push.Status{State: push.Reconnecting, Reason: "the stream has a new track", Errors: old}); e.Severity != status.Info || e.Message != "reconnecting: the stream has a new track" {
		t.Errorf("%+v", e)
	}
	if e := pushEvent("main", "destination x", push.Status{State: push.Disabled, Reason: "paused by 10.0.0.1", Errors: old}); e.Severity != status.Info || e.Message != "disabled: paused by 10.0.0.1" {
		t.Errorf("%+v", e)
	}
}

func TestDestinationStatusLeavesOutTimesThatAreNone(t *testing.T) {
	at := time.Now()
	d := destinationStatus(push.Status{State: push.Active, ConnectedAt: at, LatencyP99: 1500 * time.Microsecond})
	if d.NextAttempt != nil || d.ConnectedAt == nil || !d.ConnectedAt.Equal(at) || d.LatencyP99 != 1.5 {
		t.Errorf("%+v", d)
	}
}

func TestResidentBytes(t *testing.T) {
	rss, err := residentBytes()
	if err != nil || rss < 1<<20 || rss > 1<<34 {
		t.Errorf("%d bytes, %v", rss, err)
	}
	if cpuTime() <= 0 {
		t.Error("no CPU time used")
	}
}

func TestAFailureThatRepeatsIsLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	f := failureLog{log: slog.New(slog.NewTextHandler(&out, nil)), message: "input failed"}
	lines := func() int { return strings.Count(out.String(), "\n") }
	away, torn := errors.New("not there"), errors.New("damaged")
	if f.add(away, time.Now()) || lines() != 1 {
		t.Errorf("the first failure: %q", &out)
	}
	if !f.add(away, time.Now()) || lines() != 1 {
		t.Errorf("the same again: %q", &out)
	}
	if f.add(torn, time.Now()) || lines() != 2 {
		t.Errorf("another one: %q", &out)
	}
	f.over()
	if f.add(torn, time.Now()) || lines() != 3 || !strings.Contains(out.String(), `msg="input failed" err=damaged retry=`) {
		t.Errorf("after it had worked: %q", &out)
	}
}
