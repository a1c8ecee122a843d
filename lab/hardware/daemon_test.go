package hardware

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
)

// patience is how long a test waits for what must happen. The box is emulated,
// and the machine may be busy.
const patience = 4 * time.Minute

// daemon is encoderd, running in a box.
type daemon struct {
	t   *testing.T
	box *box.Box
	cmd *box.Cmd
	url string // of its page, from this machine

	overruns mentions // of the sound card: the machine was too busy for the box
}

// mentions counts how often a text was written.
type mentions struct {
	text string
	n    atomic.Int64
}

func (m *mentions) Write(b []byte) (int, error) {
	m.n.Add(int64(strings.Count(string(b), m.text)))
	return len(b), nil
}

// start runs the daemon with a configuration that has neither [http] nor
// [storage], until the end of the test.
func start(t *testing.T, b *box.Box, toml string) *daemon {
	t.Helper()
	// The window of another test's daemon would be gone on with.
	b.Must("rm", "-rf", "/tmp/live", "/tmp/state")
	return goOn(t, b, toml)
}

// goOn is start with what is in the daemon's folders.
func goOn(t *testing.T, b *box.Box, toml string) *daemon {
	t.Helper()
	d := &daemon{t: t, box: b, url: "http://" + b.Forward("tcp", 8080)}
	text := "[http]\nlisten = \":8080\"\n[storage]\nlive = \"/tmp/live\"\nstate = \"/tmp/state\"\n" + toml
	if err := b.WriteFile(t.Context(), "/tmp/encoderd.toml", strings.NewReader(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.cmd = b.Command(b.Share(binary), "-config", "/tmp/encoderd.toml")
	d.overruns.text = "sound card ran over"
	d.cmd.Stdout, d.cmd.Stderr = box.LogTo(t, "encoderd: "), io.MultiWriter(box.LogTo(t, "encoderd: "), &d.overruns)
	if err := d.cmd.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	d.await("the page answers", func() bool {
		_, err := d.get("/healthz")
		return err == nil
	})
	return d
}

// stop ends the daemon in order; it must have nothing to complain of.
func (d *daemon) stop() {
	select {
	case <-d.cmd.Done():
		return
	default:
	}
	if err := d.cmd.Signal(syscall.SIGTERM); err != nil {
		d.t.Errorf("stop encoderd: %v", err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("encoderd ended with %v", err)
	}
}

func (d *daemon) get(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, resp.Status, text)
	}
	return text, err
}

// patch changes the configuration by the API, which takes changes from the box
// itself only.
func (d *daemon) patch(format string, args ...any) {
	d.t.Helper()
	body := fmt.Sprintf(format, args...)
	nc := d.box.Command("nc", "127.0.0.1", "8080")
	open, hold := io.Pipe() // a client that has closed its side counts as gone
	defer hold.Close()
	nc.Stdin = io.MultiReader(strings.NewReader(fmt.Sprintf("PATCH /api/v1/config HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n"+
		"Content-Type: application/merge-patch+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)), open)
	r, err := nc.Run(d.t.Context())
	if err != nil || !strings.HasPrefix(r.Stdout, "HTTP/1.1 200 ") {
		d.t.Fatalf("PATCH %s: %v\n%s", body, err, r.Stdout)
	}
}

// stream is the status of the stream main.
func (d *daemon) stream() status.Stream {
	d.t.Helper()
	text, err := d.get("/api/v1/status")
	if err != nil {
		d.t.Fatal(err)
	}
	var s status.Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		d.t.Fatalf("status: %v", err)
	}
	if len(s.Streams) != 1 {
		d.t.Fatalf("status has %d streams", len(s.Streams))
	}
	return s.Streams[0]
}

// await waits until something is so.
func (d *daemon) await(what string, is func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			text, _ := d.get("/api/v1/status")
			d.t.Fatalf("%s: not within %v; status:\n%s", what, patience, text)
		}
		select {
		case <-d.cmd.Done():
			d.t.Fatalf("%s: encoderd ended: %v", what, d.cmd.Wait())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// awaitSignal waits for a state of the input.
func (d *daemon) awaitSignal(state string) status.Signal {
	d.t.Helper()
	var s status.Signal
	d.await("signal "+state, func() bool {
		if now := d.stream().Input.Signal; now != nil {
			s = *now
		}
		return s.State == state
	})
	return s
}

// awaitFrames waits for n more coded pictures.
func (d *daemon) awaitFrames(n uint64) {
	d.t.Helper()
	var first uint64
	seen := false
	d.await(fmt.Sprintf("%d more pictures", n), func() bool {
		v := d.stream().Video
		if v == nil {
			return false
		}
		if !seen {
			first, seen = v.Frames, true
		}
		return v.Frames >= first+n
	})
}
