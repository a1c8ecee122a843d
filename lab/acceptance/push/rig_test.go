package push

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// pattern is a small programme that flashes and beeps once a second.
const pattern = `[log]
level = "debug"
[streams.main.input]
kind = "pattern"
width = 640
height = 360
[streams.main.video]
bitrate = { max = "800k", mode = "fixed" }
[streams.main.segment]
duration = "1s"
`

const frameRate = 30

// receiver is a real peer, and the destination that leads to it.
type receiver struct {
	name    string // of the destination
	kind    string // as -kinds and README have it
	url     string
	lines   []string // of the destination's table, beside the URL
	secrets []string // that nothing may show
	codec   string   // of the sound, as ffprobe says it
	sound   bool     // and no pictures

	// files: what is sent are segments.
	files bool
	// listen begins to receive while the destination sends; nil where the peer does
	// so by itself.
	listen func()
	// leave waits until enough was received by a peer that must go first; nil for others.
	leave func()
	// received is one file of all that came. The destination has ended.
	received func() string
	// seen says that the peer has what it was sent whole; nil: at once.
	seen func() bool

	// kill ends the peer without a goodbye, start has it back. down are the causes
	// that are then right; empty where a sender cannot know.
	kill, start func()
	down        []string
}

// table is the destination's table.
func (r *receiver) table() string {
	text := fmt.Sprintf("[streams.main.destinations.%s]\nurl = %q\nretry_timeout = \"200ms\"\nretry_max = \"1s\"\nwrite_timeout = \"2s\"\n", r.name, r.url)
	if !r.files {
		text += "connect_timeout = \"3s\"\n"
	}
	return text + strings.Join(r.lines, "\n") + "\n"
}

// disable ends the push.
func (r *receiver) disable(d *encoderd.Daemon) {
	d.Patch(`{"streams":{"main":{"destinations":{%q:{"enabled":false}}}}}`, r.name)
	awaitState(d, r.name, status.Disabled)
}

func awaitState(d *encoderd.Daemon, name string, state status.DestinationState) status.Destination {
	return await(d, fmt.Sprintf("%s to be %s", name, state), name, func(x status.Destination) bool { return x.State == state })
}

func await(d *encoderd.Daemon, what, name string, wanted func(status.Destination) bool) status.Destination {
	s := d.Await(what, patience, func(s status.Snapshot) bool { return wanted(dest(s, name)) })
	return dest(s, name)
}

func main(s status.Snapshot) status.Stream { return encoderd.Stream(s, "main") }

func dest(s status.Snapshot, name string) status.Destination {
	return encoderd.Destination(main(s), name)
}

// undisturbed fails the test if one of the destinations is not active, or not as it
// was before.
func undisturbed(t *testing.T, before, after status.Snapshot, names ...string) {
	t.Helper()
	for _, name := range names {
		then, now := dest(before, name), dest(after, name)
		switch {
		case now.State != status.Active || then.ConnectedAt == nil || now.ConnectedAt == nil:
			t.Errorf("%s is %s, was %s: %v", name, now.State, then.State, now.Errors)
		case now.Attempts != then.Attempts || !now.ConnectedAt.Equal(*then.ConnectedAt):
			t.Errorf("%s reconnected: attempts %d, then %d; at %v, then %v: %v", name, then.Attempts, now.Attempts, then.ConnectedAt, now.ConnectedAt, now.Errors)
		case now.Dropped != then.Dropped || now.Dropped != 0:
			t.Errorf("%s has dropped %d packets", name, now.Dropped)
		}
	}
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

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// follow reads the daemon's events; what it returns gives those so far.
func follow(t *testing.T, d *encoderd.Daemon) func() string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu   sync.Mutex // guards all
		all  strings.Builder
		done sync.WaitGroup
	)
	done.Go(func() {
		for lines := bufio.NewReader(resp.Body); ; {
			line, err := lines.ReadString('\n')
			mu.Lock()
			all.WriteString(line)
			mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { resp.Body.Close(); done.Wait() })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// noSecret looks for secrets, as they are and as URLs write them.
func noSecret(t *testing.T, where, text string, secrets []string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s: nothing to search", where)
	}
	for _, s := range secrets {
		for _, form := range []string{s, url.PathEscape(s), url.QueryEscape(s)} {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s shows %q: …%s…", where, s, text[max(0, i-120):min(len(text), i+len(form)+20)])
				break
			}
		}
	}
}

// execute runs a program to its end.
func execute(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.CommandContext(within(t), args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, append(os.Environ(), env...)
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// together puts pictures and sound that came in two files into one, and leaves
// their times as they are. inputs are ffmpeg's arguments.
func together(t *testing.T, inputs ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "together.nut")
	args := append([]string{"ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-copyts"}, inputs...)
	args = append(args, "-map", "0:v", "-map", "1:a", "-c", "copy", file)
	if log, err := peer.Run(within(t), peer.Command{Args: args}); err != nil || strings.TrimSpace(log) != "" {
		t.Fatalf("put pictures and sound together: %v: %s", err, log)
	}
	return file
}

// segments are the files of a folder that segments were uploaded to, as one.
func segments(t *testing.T, dir string) string {
	t.Helper()
	track := func(kind string) string {
		heads, err := filepath.Glob(filepath.Join(dir, kind+"_*init*.mp4"))
		if err != nil || len(heads) != 1 {
			t.Fatalf("headers of %s: %q, %v", kind, heads, err)
		}
		files, err := filepath.Glob(filepath.Join(dir, kind+"_*.m4s"))
		if err != nil || len(files) < 4 {
			t.Fatalf("segments of %s: %q, %v", kind, files, err)
		}
		slices.SortFunc(files, func(a, b string) int { return 2*(len(a)-len(b)) + strings.Compare(a, b) })
		var all []byte
		for _, name := range append(heads, files...) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return keep(t, kind+".mp4", all)
	}
	return together(t, "-i", track("video"), "-i", track("audio"))
}

// keep writes a file.
func keep(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
