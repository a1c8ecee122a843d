package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/box/disk"
	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	// patience is how long a test waits for what must happen. The box is emulated,
	// and the machine may be busy.
	patience = 4 * time.Minute
	// mounted is where the disk is in the box.
	mounted = "/mnt/disk"
)

// newDisk serves a disk with an empty ext4 on it until the end of the test, and
// returns the image too.
func newDisk(t *testing.T, megabytes int64) (*disk.Disk, string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, megabytes<<20); err != nil {
		t.Fatal(err)
	}
	host(t, "mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
	d, err := disk.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, image
}

// host runs a program of this machine, which must have nothing to complain of,
// and returns what it wrote.
func host(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if path := filepath.Join("/usr/sbin", args[0]); exists(path) { // not in everybody's PATH
		args[0] = path
	}
	var out strings.Builder
	log, err := peer.Run(ctx, peer.Command{Args: args, Stdout: &out})
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out.String(), log)
	}
	return out.String() + log
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// daemon is encoderd in a box whose disk is mounted.
type daemon struct {
	t   *testing.T
	box *box.Box
	cmd *box.Cmd
	url string // of its page, from this machine
}

// pattern is a stream that an emulated processor can encode.
const pattern = `
[streams.main.input]
width = 320
height = 180
frame_rate = 10
[streams.main.video]
encoder = "software"
bitrate = "300k"
[streams.main.recording]
mode = "always"
file_duration = "10s"
[streams.main.time_shift]
depth = "1h"
`

// start runs the daemon with the tables of the configuration, and returns once
// its page answers.
func start(t *testing.T, b *box.Box, tables string) *daemon {
	t.Helper()
	d := &daemon{t: t, box: b, url: "http://" + b.Forward("tcp", 8080)}
	text := "[http]\nlisten = \":8080\"\n[storage]\nlive = \"/tmp/live\"\nstate = \"/tmp/state\"\nreserve = \"8MiB\"\npath = \"" + mounted + "/encoderbox\"\n" + tables
	if err := b.WriteFile(t.Context(), "/tmp/encoderd.toml", strings.NewReader(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.cmd = b.Command(b.Share(binary), "-config", "/tmp/encoderd.toml")
	d.cmd.Stdout, d.cmd.Stderr = box.LogTo(t, "encoderd: "), box.LogTo(t, "encoderd: ")
	if err := d.cmd.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	d.await("the page answers", func() bool {
		_, err := d.get("/healthz")
		return err == nil
	})
	return d
}

// stop ends the daemon in order; it must have nothing to complain of.
func (d *daemon) stop() {
	d.t.Helper()
	if err := d.cmd.Signal(syscall.SIGTERM); err != nil {
		d.t.Errorf("stop encoderd: %v", err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("encoderd ended with %v", err)
	}
}

// fetch writes what is at a path to w.
func (d *daemon) fetch(path string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("GET %s: %s: %s", path, resp.Status, text)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

func (d *daemon) get(path string) (string, error) {
	var b strings.Builder
	err := d.fetch(path, &b)
	return b.String(), err
}

// read is JSON at a path.
func (d *daemon) read(path string, v any) {
	d.t.Helper()
	text, err := d.get(path)
	if err == nil {
		err = json.Unmarshal([]byte(text), v)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// stream is the status of the stream main.
func (d *daemon) stream() status.Stream {
	d.t.Helper()
	var s status.Snapshot
	d.read("/api/v1/status", &s)
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
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// awaitRecording waits until a file is being written.
func (d *daemon) awaitRecording() {
	d.t.Helper()
	d.await("a recording", func() bool {
		s := d.stream()
		return s.Recording != nil && s.Recording.State == "recording" && s.Storage != nil && s.Storage.Writing != ""
	})
}
