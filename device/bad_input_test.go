package device

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/console"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/machine"
	"github.com/encoderbox/encoderbox/device/panel"
	"github.com/encoderbox/encoderbox/device/remote"
)

// asks has somebody at a surface ask for a command, and returns all that he is told.
type asks func(command string, args control.Args) string

// bad are requests that no surface does, with words that name what is wrong.
func bad(file string) []struct {
	command string
	args    control.Args
	want    string
} {
	long := strings.Repeat("9", 3000)
	return []struct {
		command string
		args    control.Args
		want    string
	}{
		{"make coffee", nil, "coffee"},
		{"bitrate", control.Args{"max": "2M"}, "stream"},
		{"bitrate", control.Args{"stream": "main", "max": "fast"}, "max"},
		{"bitrate", control.Args{"stream": "main", "max": "-1"}, "max"},
		{"bitrate", control.Args{"stream": "main", "max": "0"}, "max"},
		{"bitrate", control.Args{"stream": "main", "max": "NaN"}, "max"},
		{"bitrate", control.Args{"stream": "main", "max": long + "G"}, "max"},
		{"bitrate", control.Args{"stream": "main", "max": "1M", "min": "2M"}, "min"},
		{"bitrate", control.Args{"stream": "nowhere", "max": "1M"}, "nowhere"},
		{"destination pause", control.Args{"name": long}, "there is no destination"},
		{"destination pause", control.Args{"name": "backup"}, "main/backup"},
		{"destination preflight", control.Args{"name": "youtube", "seconds": "99999999999999999999"}, "seconds"},
		{"destination preflight", control.Args{"name": "youtube", "seconds": "1.5"}, "seconds"},
		{"destination preflight", control.Args{"name": "youtube", "publish": "perhaps"}, "publish"},
		{"record start", control.Args{"stream": "main", "for": "1e99h"}, "for"},
		{"record start", control.Args{"stream": "main", "for": "-5m"}, "for"},
		{"show events", control.Args{"count": "0"}, "count"},
		{"input select", control.Args{"stream": "main", "kind": "radio"}, "pattern"},
		{"tally", control.Args{"state": "purple"}, "program"},
		{"identify", control.Args{"for": "2h"}, "for"},
		{"time set", control.Args{"time": "tomorrow"}, "tomorrow"},
		{"config set", control.Args{"path": "streams.main.video.bitrate.max", "value": "much"}, "much"},
		{"config set", control.Args{"path": "streams.main.colour", "value": "red"}, "colour"},
		{"config rollback", control.Args{"version": "77"}, "77"},
		{"config commit", control.Args{"mode": "confirmed", "within": "999h"}, "within"},
		{"config load", control.Args{"file": file, "version": "of-yesterday"}, "changed since"},
		{"system reboot", nil, "eboot"},
		{"system factory-reset", nil, "eset"},
	}
}

// Whatever is wrong with a request, every surface says what, and nothing is done of it.
func TestBadInputIsRefusedOnEverySurface(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "changed.toml")
	before, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.Replace(before, []byte(`"pattern"`), []byte(`"file"`+"\npath = \"/x.mp4\""), 1), 0o600))
	running := b.keeper.Running()
	for name, ask := range map[string]asks{
		"API": apiAsks(b), "encoderctl": remoteAsks(t, b), "console": consoleAsks(t, b), "machine": machineAsks(t, b), "panel": panelAsks(t, b),
	} {
		for _, c := range bad(file) {
			if skipped(b, name, c.command) {
				continue
			}
			said := ask(c.command, c.args)
			require.Contains(t, said, c.want, "%s: %s %.80v", name, c.command, c.args)
			require.Less(t, len(said), 8<<10, "%s: %s is told at length", name, c.command)
			require.Same(t, running, b.keeper.Running(), "%s: %s %.80v was done in part", name, c.command, c.args)
		}
	}
	after, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.Empty(t, b.programs.ran, "a program was run")
	require.Empty(t, b.air.stopped())
}

// skipped says that a surface has a command of its own in the place of one: the console's
// configuration mode.
func skipped(b *bench, surface, command string) bool {
	c, _ := b.table.Find(command)
	return surface == "console" && c.Except[control.Console] != "" || surface == "panel" && c.Except[control.Panel] != ""
}

// post sends a body as it is.
func (b *bench) post(path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:8080"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5000"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func apiAsks(b *bench) asks {
	return func(command string, args control.Args) string {
		body, _ := json.Marshal(table{"args": args}) // of strings
		w := b.post("/api/v1/commands/"+strings.ReplaceAll(command, " ", "-"), string(body))
		if w.Code < 400 || w.Code >= 500 {
			return fmt.Sprintf("status %d", w.Code)
		}
		return w.Body.String()
	}
}

// inWords are a command and its arguments as people type them: text comes last, without its
// name.
func inWords(b *bench, command string, args control.Args) []string {
	words, text := strings.Fields(command), ""
	c, _ := b.table.Find(command)
	for k, v := range args {
		if i := slices.IndexFunc(c.Args, func(a control.Arg) bool { return a.Name == k }); i >= 0 && c.Args[i].Kind == control.Text {
			text = v
			continue
		}
		words = append(words, k+"="+v)
	}
	if text != "" {
		words = append(words, text)
	}
	return words
}

func remoteAsks(t *testing.T, b *bench) asks {
	s := httptest.NewServer(b.handler)
	t.Cleanup(s.Close)
	return func(command string, args control.Args) string {
		words := append([]string{"-address", s.URL}, inWords(b, command, args)...)
		var out bytes.Buffer
		if code := remote.Main(t.Context(), words, func(string) string { return "" }, io.Discard, &out); code == 0 {
			return "done"
		}
		return out.String()
	}
}

func consoleAsks(t *testing.T, b *bench) asks {
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	c := console.New(console.Options{State: b.store, Table: b.table})
	go func() { ended <- c.Run(t.Context(), "pipe", theirs) }()
	t.Cleanup(func() {
		require.NoError(t, ours.Close())
		<-ended
	})
	answers := bufio.NewReader(ours)
	until := func(ends ...string) string {
		var text strings.Builder
		for !slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(text.String(), end) }) {
			require.NoError(t, ours.SetDeadline(time.Now().Add(time.Minute)))
			r, err := answers.ReadByte()
			require.NoError(t, err, text.String())
			text.WriteByte(r)
		}
		return text.String()
	}
	say := func(line string) {
		_, err := io.WriteString(ours, line+"\r")
		require.NoError(t, err)
	}
	say("")
	until("box> ")
	return func(command string, args control.Args) string {
		line := ""
		for _, word := range inWords(b, command, args) {
			line += control.Quote(word) + " "
		}
		say(line)
		until("\r\n") // the echo
		said := until("box> ", "[y/N] ")
		if strings.HasSuffix(said, "[y/N] ") {
			say("n")
			said += until("nothing was done") + until("box> ")
		}
		return said
	}
}

func machineAsks(t *testing.T, b *bench) asks {
	says := machineSays(t, b)
	return func(command string, args control.Args) string {
		body, _ := json.Marshal(table{"command": command, "args": args}) // of strings
		return says(string(body))
	}
}

// machineSays is the answer to a DO.
func machineSays(t *testing.T, b *bench) func(request string) string {
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := b.box.programs().Serve(t.Context(), theirs, machine.Options{Caller: control.Caller{Name: "a test", Surface: control.Machine, Role: control.Admin}})
		ended <- err
	}()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(ours)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, ours.Close())
		<-ended
	})
	number := 0
	return func(request string) string {
		number++
		_, err := fmt.Fprintf(ours, "DO %d %s\n", number, request)
		require.NoError(t, err)
		for line := range lines {
			if strings.HasPrefix(line, fmt.Sprintf("ACK %d ", number)) {
				return "done"
			}
			if rest, ok := strings.CutPrefix(line, fmt.Sprintf("NACK %d ", number)); ok {
				return rest
			}
		}
		return "the end"
	}
}

// panelAsks does what the panel's loop does with what was entered by its keys.
func panelAsks(t *testing.T, b *bench) asks {
	return func(command string, args control.Args) string {
		if _, err := b.table.Do(t.Context(), panel.Caller(), control.Request{Command: command, Args: args}); err != nil {
			return err.Error()
		}
		return "done"
	}
}

// Whoever edits what is no more is told so, on each surface that can name what he has seen.
func TestAStaleVersionIsRefused(t *testing.T) {
	b := newBench(t)
	out, err := b.do(t.Context(), root, "config export")
	require.NoError(t, err)
	seen := out.Data.(exported)
	_, err = b.do(t.Context(), root, "bitrate main 4M")
	require.NoError(t, err)
	running := b.keeper.Running()
	request := table{"command": "config load", "args": table{"document": seen.TOML, "version": seen.Version}}
	whole, err := json.Marshal(request)
	require.NoError(t, err)
	delete(request, "command")
	body, err := json.Marshal(request)
	require.NoError(t, err)

	w := b.post("/api/v1/commands/config-load", string(body))
	require.Equal(t, http.StatusConflict, w.Code, w.Body)
	require.Contains(t, w.Body.String(), "changed since")
	require.Contains(t, machineSays(t, b)(string(whole)), "conflict")
	file := filepath.Join(t.TempDir(), "old.toml")
	require.NoError(t, os.WriteFile(file, []byte(seen.TOML), 0o600))
	require.Contains(t, remoteAsks(t, b)("config load", control.Args{"file": file, "version": seen.Version}), "changed since")
	patch := httptest.NewRequest(http.MethodPatch, "http://localhost:8080/api/v1/config", strings.NewReader(`{"streams":{"main":{"video":{"bitrate":"1M"}}}}`))
	patch.RemoteAddr = "127.0.0.1:5000"
	patch.Header.Set("Content-Type", "application/merge-patch+json")
	patch.Header.Set("If-Match", fmt.Sprintf("%q", seen.Version))
	w = httptest.NewRecorder()
	b.handler.ServeHTTP(w, patch)
	require.Contains(t, []int{http.StatusConflict, http.StatusPreconditionFailed}, w.Code, w.Body)
	require.Same(t, running, b.keeper.Running())
}

// Bodies that are no requests.
func TestBadBodiesAreRefused(t *testing.T) {
	b := newBench(t)
	running := b.keeper.Running()
	for _, body := range []string{
		"", "{", "null x", "[]", `"max"`, `{"args":[]}`, `{"args":{"stream":"main","max":5}}`, `{"args":{"stream":"main","max":null}}`,
		`{"args":{"stream":["main"],"max":"1M"}}`, `{"args":{"stream":"main","max":"1M"},"confirmed":-1}`, `{"args":{"stream":"main","max":"1M"},"confirmed":"yes"}`,
		`{"args":{"stream":"main","max":"1M"},"confirmed":1e40}`, `{"args":{"stream":"main","max":"1M"},"force":true}`,
		`{"args":{"stream":"main","max":"1M"}}{}`, `{"args":{"max":"` + strings.Repeat("x", 4<<20) + `"}}`, strings.Repeat("[", 1<<20),
	} {
		w := b.post("/api/v1/commands/bitrate", body)
		require.True(t, w.Code >= 400 && w.Code < 500, "%.60s: %d", body, w.Code)
		var told struct{ Error string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &told), "%.60s: %s", body, w.Body)
		require.NotEmpty(t, told.Error, "%.60s", body)
		require.Same(t, running, b.keeper.Running(), "%.60s was done", body)
	}
}

// Who commits second over another surface's change of the same key is told which, and
// nothing of what he changed beside it holds.
func TestEditsFromTwoSurfaces(t *testing.T) {
	for name, second := range map[string]func(*testing.T, *bench) asks{
		"API": func(_ *testing.T, b *bench) asks { return apiAsks(b) }, "encoderctl": remoteAsks, "machine": machineAsks,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ask := second(t, b)
			set := func(key, value string) {
				said := ask("config set", control.Args{"path": key, "value": value})
				require.True(t, said == "done" || said == "status 200", said)
			}
			set("streams.main.video.bitrate.max", "3M")
			set("streams.second.video.bitrate.max", "3M")
			_, err := b.do(t.Context(), control.Caller{Name: "ada at ttyS0", Surface: control.Console, Role: control.Admin}, "bitrate main 4M")
			require.NoError(t, err)
			require.Contains(t, ask("config commit", nil), "streams.main.video.bitrate")
			now := b.keeper.Running()
			require.EqualValues(t, 4_000_000, now.Streams["main"].Video.Bitrate.Max)
			require.NotEqualValues(t, 3_000_000, now.Streams["second"].Video.Bitrate.Max, "half of the edit was applied")
		})
	}
}
