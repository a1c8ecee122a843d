package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/api"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/pty"
)

// served is a box with the commands that tests need.
type served struct {
	store *status.Store
	http.Handler
	role control.Role

	mu    sync.Mutex // guards the fields below
	done  []string
	token string // of the last request
}

func (s *served) note(call control.Call) (control.Result, error) {
	doc, _ := json.Marshal(call.Args)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, string(doc))
	return control.Result{Text: "done " + string(doc) + "\nsecond\x1b[2J\u202e line"}, nil
}

func serve(t *testing.T) *served {
	t.Helper()
	s := &served{store: status.NewStore("1"), role: control.Admin}
	s.store.Stream("main").SetDestination(status.Destination{Name: "tv", State: status.Active})
	run := func(_ context.Context, c control.Call) (control.Result, error) { return s.note(c) }
	names := func(*status.Snapshot, control.Args) []string { return []string{"tv", "back up"} }
	shown := 0
	table := control.New(s.store, nil,
		control.Command{Name: "destination pause", Help: "Pause it", Role: control.Operator, Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "which", Values: names}, {Name: "for", Kind: control.Duration, Help: "how long", Optional: true}}, Run: run},
		control.Command{Name: "record mark", Help: "Mark it", Role: control.Operator, Args: []control.Arg{{Name: "text", Kind: control.Text, Help: "what"}}, Run: run},
		control.Command{Name: "config load", Help: "Take it", Role: control.Admin, Args: []control.Arg{{Name: "document", Kind: control.Document, Help: "the text"}}, Run: run},
		control.Command{Name: "slate on", Help: "Show it", Role: control.Operator, Run: run},
		control.Command{Name: "system reset", Help: "Forget all", Role: control.Admin, Confirm: []control.Ask{control.Question("Sure\x1b[2J?"), control.Question("Really?")}, Run: run},
		control.Command{Name: "show version", Help: "Say it", Role: control.Viewer, Reads: true, Run: func(context.Context, control.Call) (control.Result, error) {
			shown++
			return control.Result{Text: fmt.Sprint("version ", shown), Data: map[string]string{"v": "a\u009b2J"}}, nil
		}},
		control.Command{Name: "try", Help: "Try it", Role: control.Operator, Long: true, Args: []control.Arg{{Name: "go", Kind: control.Switch, Help: "whether"}}, Run: func(_ context.Context, c control.Call) (control.Result, error) {
			c.Progress(control.Progress{Done: 0.25, Text: "tls\x1b[2J"})
			c.Progress(control.Progress{Done: 0.26, Text: "tls\x1b[2J"})
			c.Progress(control.Progress{Done: -1, Text: "measure", Bytes: 2e6})
			return control.Result{Text: "verdict", Data: map[string]bool{"go": c.Args.On("go")}}, nil
		}},
		control.Command{Name: "break", Help: "Fail", Role: control.Operator, Long: true, Run: func(_ context.Context, c control.Call) (control.Result, error) {
			c.Progress(control.Progress{Done: 1})
			return control.Result{}, &control.Error{Code: control.Conflict, Message: "not now\x1b[2J", Problems: []string{"one", "two"}, Hint: "wait"}
		}},
	)
	mux := http.NewServeMux()
	mux.Handle("/api/v1/commands/", api.Commands(table))
	mux.Handle("/api/v1/commands", api.Commands(table))
	mux.Handle("/api/v1/completions", api.Commands(table))
	mux.Handle("/", api.Handler(s.store, nil))
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.token = r.Header.Get("Authorization")
		s.mu.Unlock()
		mux.ServeHTTP(w, r.WithContext(control.WithCaller(r.Context(), control.Caller{Name: "x", Surface: control.API, Role: s.role})))
	})
	return s
}

func only(name, value string) func(string) string {
	return func(n string) string {
		if n == name {
			return value
		}
		return ""
	}
}

func (s *served) start(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func TestCommandsOfTheBox(t *testing.T) {
	s := serve(t)
	address := s.start(t)
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("a = 1\nb = 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args                 []string
		code                 int
		done, stdout, stderr string
	}{
		{[]string{"destination", "pause", "tv", "90"}, ExitOK, `{"for":"1m30s","name":"tv"}`, "done {", ""},
		{[]string{"dest", "pau", "name=tv", "--json"}, ExitOK, `{"name":"tv"}`, `"text": "done {`, ""},
		{[]string{"record", "mark", "the", "first", "goal"}, ExitOK, `{"text":"the first goal"}`, "done", ""},
		{[]string{"record", "mark", "--", "--json"}, ExitOK, `{"text":"--json"}`, "done", ""},
		{[]string{"config", "load", "document=@" + file}, ExitOK, `{"document":"a = 1\nb = 2\n"}`, "done", ""},
		{[]string{"config", "load", "@/not/there"}, ExitFailed, "", "", "no such file"},
		{[]string{"config", "load", "@-"}, ExitFailed, "", "", "standard input"},
		{[]string{"destination", "pause"}, ExitUsage, "", "", "name is missing"},
		{[]string{"destination", "paws", "tv"}, ExitUsage, "", "", "try: destination pause NAME"},
		{[]string{"slate-on"}, ExitUsage, "", "", "no command"},
		{[]string{"dance"}, ExitUsage, "", "", "no command"},
		{[]string{"system", "reset"}, ExitConfirm, "", "", "Sure[2J?"},
		{[]string{"system", "reset", "-yes"}, ExitOK, "{}", "done", ""},
		{[]string{"try", "on"}, ExitOK, "", "verdict", " 25 % tls[2J\nmeasure 2.0 MB\n"},
		{[]string{"try", "off"}, ExitFailed, "", "verdict", ""},
		{[]string{"--json", "try", "off"}, ExitFailed, "", `"go": false`, ""},
		{[]string{"break"}, ExitFailed, "", "", "not now[2J\n  one\n  two\n  try: wait\n"},
		{[]string{"--json", "show", "version"}, ExitOK, "", `a\u009b2J`, ""},
		{[]string{"destination", "pause", "tv", "--watch"}, ExitUsage, "", "", "changes something"},
		{[]string{"pause", "tv", "--watch"}, ExitUsage, "", "", "-watch"},
		{[]string{"show", "version", "--watch=0"}, ExitUsage, "", "", "-watch"},
		{[]string{"--json=perhaps", "show", "version"}, ExitUsage, "", "", "-json"},
		{[]string{"-address"}, ExitUsage, "", "", "needs a value"},
		{[]string{"help", "destination"}, ExitOK, "", "destination pause NAME [FOR]\n  Pause it.\n", ""},
		{[]string{"config", "load", "-h"}, ExitOK, "", "@FILE", ""},
		{[]string{"help"}, ExitOK, "", "  record mark TEXT ", ""},
		{[]string{"help", "dance"}, ExitUsage, "", "", "no command"},
	} {
		s.done = nil
		code, stdout, stderr := run(t, address, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || strings.Join(s.done, "") != c.done {
			t.Errorf("%q: %d, done %q\n%s--\n%s", c.args, code, s.done, stdout, stderr)
		}
		if strings.ContainsAny(stdout+stderr, "\x1b\u202e\u009b") {
			t.Errorf("%q drives the terminal: %q %q", c.args, stdout, stderr)
		}
	}
}

func TestTokenAndForbidden(t *testing.T) {
	s := serve(t)
	s.role = control.Operator
	address := s.start(t)
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"-address", address, "-token", "sesame", "system", "reset"}, func(string) string { return "" }, &out, &errs)
	if code != ExitForbidden || !strings.Contains(errs.String(), "needs the role admin") || s.token != "Bearer sesame" {
		t.Errorf("%d %s%s, token %q", code, &out, &errs, s.token)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer server.Close()
	if code, _, stderr := run(t, server.URL, "show", "version"); code != ExitForbidden {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestOverTheSocket(t *testing.T) {
	s := serve(t)
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	defer func() { _ = server.Close(); <-served }()
	var out, errs bytes.Buffer
	for _, c := range []struct {
		env  func(string) string
		args []string
	}{
		{only("RUNTIME_DIRECTORY", dir), []string{"slate", "on"}},
		{only("", ""), []string{"-address", "unix:" + dir + "/control.sock", "slate", "on"}},
	} {
		if code := Main(t.Context(), c.args, c.env, &out, &errs); code != ExitOK {
			t.Errorf("%q: %d %s", c.args, code, &errs)
		}
	}
	if code := Main(t.Context(), []string{"-address", "unix:/not/there", "slate", "on"}, only("", ""), &out, &errs); code != ExitUnreachable {
		t.Errorf("no socket: %d", code)
	}
}

func TestWatch(t *testing.T) {
	s := serve(t)
	address := s.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &until{cancel: cancel, word: "version 3"}
	if code := Main(ctx, []string{"--watch=0.1", "show", "version"}, only("ENCODERBOX_ADDRESS", address), out, out); code != ExitOK || !strings.Contains(out.String(), "version 2\n") {
		t.Errorf("%d %s", code, out)
	}
}

// until cancels when a word was written.
type until struct {
	bytes.Buffer
	word   string
	cancel func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if strings.Contains(u.String(), u.word) {
		u.cancel()
	}
	return n, err
}

func TestMonitor(t *testing.T) {
	s := serve(t)
	for n := range 30 {
		s.store.Log(status.Event{Severity: status.Info, Subject: "input", Message: fmt.Sprintf("old %02d\x1b[2J", n)})
	}
	server := httptest.NewServer(s)
	defer server.Close()
	for _, args := range [][]string{{"monitor"}, {"monitor", "--json"}} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &until{cancel: cancel, word: "fresh"}
		late := time.AfterFunc(300*time.Millisecond, func() { s.store.Log(status.Event{Message: "fresh"}) })
		code := Main(ctx, args, only("ENCODERBOX_ADDRESS", server.URL), out, out)
		if code != ExitOK || strings.Contains(out.String(), "old 19") || !strings.Contains(out.String(), "old 29") || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%d %s", code, out)
		}
		for line := range strings.Lines(out.String()) {
			if args[len(args)-1] == "--json" && !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
		late.Stop()
		cancel()
	}
}

func TestCompletion(t *testing.T) {
	s := serve(t)
	address := s.start(t)
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"dest"}, "destinations destination"},
		{[]string{"--json", "destination", "p"}, "pause"},
		{[]string{"destination", "pause", ""}, "tv back up"},
		{[]string{"pause", "t"}, "tv"},
		{[]string{"pause", "tv", ""}, ""},
		{[]string{"help", "rec"}, "record"},
		{[]string{"completion", ""}, "bash zsh fish"},
		{[]string{"show", "--j"}, "--json"},
		{[]string{"--nonsense", "x", ""}, ""},
	} {
		var got []string
		_, stdout, _ := run(t, address, append([]string{"__complete"}, c.words...)...)
		for line := range strings.Lines(stdout) {
			word, _, _ := strings.Cut(line, "\t")
			got = append(got, word)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, want %q", c.words, got, c.want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, stdout, _ := run(t, address, "completion", shell); code != ExitOK || !strings.Contains(stdout, "encoderctl __complete") {
			t.Errorf("%s: %d %s", shell, code, stdout)
		}
	}
	if code, _, _ := run(t, address, "completion", "cmd"); code != ExitUsage {
		t.Errorf("another shell: %d", code)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	script := scripts["bash"] + `
encoderctl() { [[ "$*" == "__complete pause " ]] && printf 'tv\thelp\nback up\t\n'; }
compopt() { :; }
COMP_WORDS=(encoderctl pause ""); COMP_CWORD=2
_encoderctl && printf '%s|' "${COMPREPLY[@]}"`
	if text, err := exec.CommandContext(t.Context(), bash, "-c", script).CombinedOutput(); err != nil || string(text) != `tv|back\ up|` {
		t.Errorf("%v: %s", err, text)
	}
}

// A person at a terminal is asked, sees a bar, and no answer drives the terminal.
func TestAtATerminal(t *testing.T) {
	s := serve(t)
	address := s.start(t)
	master, name, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	tty, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	at := func(typed string, args ...string) (code int, shown string) {
		t.Helper()
		if _, err := master.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		code = Program{Env: only("ENCODERBOX_ADDRESS", address), Stdin: tty, Stdout: tty, Stderr: tty}.Run(t.Context(), args)
		_, _ = tty.WriteString("\x04END")
		var all bytes.Buffer
		for buf := make([]byte, 4096); !strings.HasSuffix(all.String(), "END"); {
			n, err := master.Read(buf)
			if err != nil {
				t.Fatalf("%v: %q", err, &all)
			}
			all.Write(buf[:n])
		}
		return code, all.String()
	}
	if code, shown := at("yes\ny\n", "system", "reset"); code != ExitOK || !strings.Contains(shown, "Sure[2J? [y/N]") || !strings.Contains(shown, "Really? [y/N]") {
		t.Errorf("%d %q", code, shown)
	}
	if code, shown := at("\n", "system", "reset"); code != ExitConfirm || len(s.done) != 1 {
		t.Errorf("%d %q", code, shown)
	}
	if code, shown := at("", "try", "on"); code != ExitOK || !strings.Contains(shown, "[######------------------]  25 % tls[2J\x1b[K") || strings.Contains(shown, "\x1b[2J") {
		t.Errorf("%d %q", code, shown)
	}
}

func TestATableThatContradictsItself(t *testing.T) {
	for _, doc := range []string{`{}`, `[{"name":"a"}]`, `[{"name":"A b","help":"x"}]`, `[{"name":"a","help":"x"},{"name":"a b","help":"x"}]`, `[{"name":"a","help":"x","args":[{"kind":"choice"}]}]`} {
		if _, err := ParseTable([]byte(doc)); err == nil {
			t.Errorf("%s was taken", doc)
		}
	}
}

// The manual has every command and option of encoderctl, and every exit status.
func TestManual(t *testing.T) {
	doc, err := os.ReadFile("../../docs/encoderctl.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(doc)
	for _, w := range ownWords {
		if !strings.Contains(text, "\n| `"+w[0]) {
			t.Errorf("no row for %s in docs/encoderctl.md", w[0])
		}
		if !strings.Contains(usage, "\n  "+w[0]+" ") {
			t.Errorf("no line for %s in encoderctl help", w[0])
		}
	}
	for _, o := range optionNames {
		if name := strings.TrimRight(strings.TrimLeft(o, "-"), "="); !strings.Contains(text, "\n| `-"+name) {
			t.Errorf("no row for -%s in docs/encoderctl.md", name)
		}
	}
	for n := ExitOK; n <= ExitForbidden; n++ {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", n)) {
			t.Errorf("no row for exit status %d in docs/encoderctl.md", n)
		}
	}
}
