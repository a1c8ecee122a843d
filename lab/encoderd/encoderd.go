// Package encoderd runs the product's daemon for acceptance tests and
// benchmarks: built from this tree, with a configuration, an address and
// folders of its own.
package encoderd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// Build compiles the daemon into dir, once a test binary (TestMain), and
// returns its path. flags are for go build, such as -race.
func Build(dir string, flags ...string) (string, error) { return build(dir, "encoderd", flags...) }

// BuildControl compiles encoderctl into dir, and returns its path.
func BuildControl(dir string) (string, error) { return build(dir, "encoderctl") }

func build(dir, program string, flags ...string) (string, error) {
	bin := filepath.Join(dir, program)
	args := append([]string{"build", "-o", bin}, flags...)
	cmd := exec.Command("go", append(args, "github.com/encoderbox/encoderbox/cmd/"+program)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return bin, nil
}

// Daemon is a running encoderd.
type Daemon struct {
	*peer.Process
	URL    string // of the page, without a slash at the end; "" until AwaitPage
	Config string // file
	Live   string // folder of the live window
	State  string // folder of what survives a reboot
	tb     peer.TB
	listen string
	disk   string
	client *http.Client
}

// Options of a daemon that differs from what Start makes.
type Options struct {
	Binary string
	// TOML is the configuration, without [http] and [storage].
	TOML   string
	Disk   string // storage.path; none when empty
	Listen string // http.listen; a free port of the loopback when empty
	Live   string // storage.live; a folder of its own when empty
	State  string // storage.state; a folder of its own when empty
	Env    []string
	Wrap   []string // a program and its arguments that run the daemon, such as unshare
	// Place is where it runs, and where its page is asked.
	Place peer.Place
}

// Start runs the daemon of binary with the TOML text, to which a listener on a
// free port of the loopback and a live folder are added: the text may have
// neither. The daemon is stopped at the end of the test.
func Start(tb peer.TB, binary, toml string, env ...string) *Daemon {
	tb.Helper()
	d := Launch(tb, Options{Binary: binary, TOML: toml, Env: env})
	d.AwaitPage()
	return d
}

// Launch is Start without the wait for the page. Before AwaitPage has returned,
// only the process can be asked.
func Launch(tb peer.TB, o Options) *Daemon {
	tb.Helper()
	dir := tb.TempDir()
	d := &Daemon{tb: tb, Config: filepath.Join(dir, "encoderd.toml"), Live: o.Live, State: o.State, listen: o.Listen, disk: o.Disk, client: o.Place.Client()}
	if d.Live == "" {
		d.Live = filepath.Join(dir, "live")
	}
	if d.State == "" {
		d.State = filepath.Join(dir, "state")
	}
	if d.listen == "" {
		d.listen = "127.0.0.1:0"
	}
	d.WriteConfig(o.TOML)
	d.Process = peer.Start(tb, peer.Command{
		Name: "encoderd", Args: append(slices.Clone(o.Wrap), o.Binary, "-config", d.Config), Dir: dir, Env: o.Env, Place: o.Place,
	})
	return d
}

// WriteConfig replaces the configuration file; Reload makes the daemon read it.
func (d *Daemon) WriteConfig(toml string) {
	d.tb.Helper()
	text := fmt.Sprintf("[http]\nlisten = %q\n[storage]\nlive = %q\nstate = %q\npath = %q\n%s", d.listen, d.Live, d.State, d.disk, toml)
	if err := os.WriteFile(d.Config, []byte(text), 0o600); err != nil {
		d.tb.Fatalf("write configuration: %v", err)
	}
}

// Reload sends SIGHUP.
func (d *Daemon) Reload() {
	d.tb.Helper()
	if err := syscall.Kill(d.PID(), syscall.SIGHUP); err != nil {
		d.tb.Fatalf("reload encoderd: %v", err)
	}
}

// AwaitPage waits for the line with the page's address in the daemon's output,
// and keeps the address. The newest counts: the listener may move.
func (d *Daemon) AwaitPage() {
	d.tb.Helper()
	line := regexp.MustCompile(`The page: (http://\S+)/`)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if all := line.FindAllStringSubmatch(d.WholeLog(), -1); all != nil {
			d.URL = all[len(all)-1][1]
			return
		}
		select {
		case <-d.Done():
			d.tb.Fatalf("encoderd ended at the start:\n%s", d.WholeLog())
		case <-time.After(20 * time.Millisecond):
		}
	}
	d.tb.Fatalf("encoderd printed no address:\n%s", d.Log())
}

// WholeLog is all that the daemon has written on stdout and stderr; Log is the
// end of it.
func (d *Daemon) WholeLog() string {
	d.tb.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(d.Config), "encoderd-*.log"))
	if err != nil || len(files) != 1 {
		d.tb.Fatalf("the daemon's log: found %q, error %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		d.tb.Fatalf("the daemon's log: %v", err)
	}
	return string(b)
}

// HLS is the address of a stream's playlist, "" for the default stream.
func (d *Daemon) HLS(stream string) string {
	if stream != "" {
		stream += "/"
	}
	return d.URL + "/hls/" + stream + "index.m3u8"
}

// Status reads the daemon's status.
func (d *Daemon) Status() status.Snapshot {
	d.tb.Helper()
	var s status.Snapshot
	if err := json.Unmarshal(d.Get("/api/v1/status"), &s); err != nil {
		d.tb.Fatalf("status: %v", err)
	}
	return s
}

// Get reads a path of the daemon's, which must answer 200.
func (d *Daemon) Get(path string) []byte {
	d.tb.Helper()
	return d.do(http.MethodGet, path, "", http.StatusOK)
}

// Patch changes the configuration by the API.
func (d *Daemon) Patch(format string, args ...any) {
	d.tb.Helper()
	d.do(http.MethodPatch, "/api/v1/config", fmt.Sprintf(format, args...), http.StatusOK)
}

// Refused is the answer to a change that must be refused.
func (d *Daemon) Refused(format string, args ...any) string {
	d.tb.Helper()
	return d.Refuses(http.StatusUnprocessableEntity, fmt.Sprintf(format, args...))
}

// Refuses is Refused with another status code than that of a change that is
// not valid.
func (d *Daemon) Refuses(code int, patch string) string {
	d.tb.Helper()
	return string(d.do(http.MethodPatch, "/api/v1/config", patch, code))
}

func (d *Daemon) do(method, path, body string, code int) []byte {
	d.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, d.URL+path, strings.NewReader(body))
	if err != nil {
		d.tb.Fatalf("%s %s: %v", method, path, err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	if _, err := io.Copy(&answer, resp.Body); err != nil {
		d.tb.Fatalf("%s %s: %v", method, path, err)
	}
	if resp.StatusCode != code {
		d.tb.Fatalf("%s %s: %s, want %d: %s", method, path, resp.Status, code, answer.String())
	}
	return answer.Bytes()
}

// Await reads the status until it is as wanted, and returns it.
func (d *Daemon) Await(what string, timeout time.Duration, wanted func(status.Snapshot) bool) status.Snapshot {
	d.tb.Helper()
	deadline := time.Now().Add(timeout)
	for {
		s := d.Status()
		if wanted(s) {
			return s
		}
		if time.Now().After(deadline) {
			text, _ := json.MarshalIndent(s, "", "  ")
			d.tb.Fatalf("waited %v for %s; the status is\n%s", timeout, what, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Stream is a stream of a snapshot; a zero one when it is not there.
func Stream(s status.Snapshot, name string) status.Stream {
	for _, st := range s.Streams {
		if st.Name == name {
			return st
		}
	}
	return status.Stream{}
}

// Destination is a destination of a stream; a zero one when it is not there.
func Destination(st status.Stream, name string) status.Destination {
	for _, d := range st.Destinations {
		if d.Name == name {
			return d
		}
	}
	return status.Destination{}
}

// HasCondition says whether a condition with the code holds.
func HasCondition(conditions []status.Condition, code string) bool {
	for _, c := range conditions {
		if c.Code == code {
			return true
		}
	}
	return false
}
