package acceptance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// patience is the deadline of whatever a test waits for: as long as a busy
// machine may take, not what is good.
const patience = 60 * time.Second

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// fileInput is a stream's input from a clip, which passes through: what leaves
// the hub is known to the packet, however busy the machine is.
func fileInput(t *testing.T, stream string, clip footage.Clip) string {
	t.Helper()
	path, err := clip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[streams.%s.input]\nkind = \"file\"\npath = %q\n", stream, path)
}

// patternInput is a stream of a small test pattern, software encoded.
func patternInput(stream string) string {
	return fmt.Sprintf("[streams.%[1]s.input]\nkind = \"pattern\"\nwidth = 320\nheight = 180\nframe_rate = 25\n"+
		"[streams.%[1]s.video]\nbitrate = { max = \"500k\", mode = \"fixed\" }\n[streams.%[1]s.segment]\nduration = \"1s\"\n", stream)
}

// destination is a destination of the stream main that is patient with nobody.
func destination(name, url string, lines ...string) string {
	return fmt.Sprintf("[streams.main.destinations.%s]\nurl = %q\n"+
		"connect_timeout = \"2s\"\nwrite_timeout = \"1s\"\nretry_timeout = \"100ms\"\nretry_max = \"500ms\"\n%s\n",
		name, url, strings.Join(lines, "\n"))
}

func awaitState(t *testing.T, d *encoderd.Daemon, name string, state status.DestinationState) status.Destination {
	t.Helper()
	s := d.Await(fmt.Sprintf("destination %s to be %s", name, state), patience, func(s status.Snapshot) bool {
		return mainDestination(s, name).State == state
	})
	return mainDestination(s, name)
}

func mainDestination(s status.Snapshot, name string) status.Destination {
	return encoderd.Destination(encoderd.Stream(s, "main"), name)
}

// said tells whether one of the destination's last errors has all the words.
func said(dest status.Destination, words ...string) bool {
	for _, e := range dest.Errors {
		all := !strings.Contains(e.Message, "\n")
		for _, w := range words {
			all = all && strings.Contains(e.Message, w)
		}
		if all {
			return true
		}
	}
	return false
}

// messages are a destination's last errors, for a failing test.
func messages(dest status.Destination) string {
	var b strings.Builder
	for _, e := range dest.Errors {
		b.WriteString("\n  " + e.Message)
	}
	return b.String()
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// condition is a condition of the stream by its code; a zero one if it does
// not hold.
func condition(conditions []status.Condition, code string) status.Condition {
	for _, c := range conditions {
		if c.Code == code {
			return c
		}
	}
	return status.Condition{}
}

// street is the clip of most tests, as a server of theirs wants it.
func street(t *testing.T) string {
	t.Helper()
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// nginxAndSRT are two receivers that behave.
func nginxAndSRT(t *testing.T) (*peer.Nginx, *peer.SRT, string) {
	t.Helper()
	n, r := peer.StartNginx(t, peer.NginxOptions{Record: true}), peer.StartSRT(t, peer.SRTOptions{})
	return n, r, destination("good-rtmp", n.URL("good")) + destination("good-srt", r.URL())
}
