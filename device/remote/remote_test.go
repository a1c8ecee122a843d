package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const statusDocument = `{"streams":[
 {"name":"main","rate":{"target":1800000,"max":4000000,"decider":"tv","reason":"the link is too slow: a queue grows","step":"half-rate"},"destinations":[{"name":"tv","kind":"rtmp","state":"active","url":"rtmp://h/a/***","bitrate":2500000,"errors":[]},
  {"name":"two","kind":"srt","state":"reconnecting","url":"srt://h:1","errors":[{"message":"no answer"}]}]},
 {"name":"side","destinations":[{"name":"two","kind":"srt","state":"active","url":"srt://h:2","errors":[]}]}]}`

// box answers as the API does.
func box(t *testing.T, commands map[string]string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := r.Method + " " + r.URL.RequestURI()
		answer, ok := commands[request]
		switch {
		case request == "GET /api/v1/status":
			fmt.Fprint(w, statusDocument)
		case ok:
			fmt.Fprint(w, answer)
		default:
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"error":"unexpected %s"}`, request)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func run(t *testing.T, address string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, func(string) string { return address }, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommands(t *testing.T) {
	const path = "POST /api/v1/streams/main/destinations/tv/"
	address := box(t, map[string]string{
		path + "pause":     "{}",
		path + "preflight": `{"step":{"name":"clock","verdict":"good","text":"set"}}` + "\n" + `{"report":{"go":true,"reason":"fine"}}`,
		path + "preflight?publish=true&seconds=3":          `{"report":{"go":false,"reason":"tls: expired"}}`,
		"POST /api/v1/streams/side/destinations/two/retry": "{}",
		path + "retry": "{}",
	})
	for _, c := range []struct {
		args        string
		code        int
		stdout, err string
	}{
		{"destinations", ExitOK, "main/tv      rtmp  active        2.50 Mb/s", ""},
		{"destinations", ExitOK, "main: 1.80 of at most 4.00 Mb/s: the link is too slow: a queue grows (tv), half-rate\n", ""},
		{"-json destinations", ExitOK, `"side": [`, ""},
		{"pause tv", ExitOK, "", ""},
		{"retry main/tv", ExitOK, "", ""},
		{"retry side/two", ExitOK, "", ""},
		{"preflight tv", ExitOK, "GO: fine", ""},
		{"preflight tv -publish -seconds 3", ExitFailed, "NO GO: tls: expired", ""},
		{"preflight -publish -seconds 3 tv", ExitFailed, "NO GO: tls: expired", ""},
		{"-json preflight tv", ExitOK, `"reason": "fine"`, ""},
		{"resume tv", ExitFailed, "", "unexpected"},
		{"retry two", ExitUsage, "", "main/two or side/two"},
		{"retry three", ExitFailed, "", "the box has main/tv, main/two, side/two"},
		{"preflight", ExitUsage, "", "name of one"},
		{"preflight tv -loud", ExitUsage, "", "wrong usage"},
		{"pause", ExitUsage, "", "name of one"},
		{"dance", ExitUsage, "", "no command"},
		{"", ExitUsage, "", "no command"},
		{"help", ExitOK, "Usage:", ""},
		{"-h", ExitOK, "Usage:", ""},
		{"-json help", ExitOK, "Usage:", ""},
		{"preflight -h", ExitOK, "Usage:", ""},
		{"-loud", ExitUsage, "", "not defined"},
	} {
		code, stdout, stderr := run(t, address, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.err) || c.err == "" && code == ExitOK && stderr != "" {
			t.Errorf("%q: %d\n%s%s", c.args, code, stdout, stderr)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	code, _, stderr := run(t, address, "destinations")
	if code != ExitFailed || !strings.Contains(stderr, "404") {
		t.Errorf("another server: %d %s", code, stderr)
	}
	server.Close()
	code, _, stderr = run(t, address, "destinations")
	if code != ExitUnreachable || !strings.Contains(stderr, "is it running") {
		t.Errorf("none: %d %s", code, stderr)
	}
	if code, _, _ = run(t, "ftp://x", "destinations"); code != ExitUsage {
		t.Errorf("no HTTP address: %d", code)
	}
}

// A daemon that was killed leaves its socket: where it was looked for is told.
func TestASocketThatNobodyAnswersAt(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "control.sock")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	box, silent := findSocket(t.Context(), only("RUNTIME_DIRECTORY", dir))
	if box == left || len(silent) == 0 || silent[0] != left {
		t.Errorf("%q answers, %q do not", box, silent)
	}
}

func TestAnAnswerThatEndsEarly(t *testing.T) {
	address := box(t, map[string]string{"POST /api/v1/streams/main/destinations/tv/preflight": `{"step":{"name":"clock","text":"set"}}`})
	if code, _, stderr := run(t, address, "preflight", "tv"); code != ExitUnreachable || !strings.Contains(stderr, "in the middle") {
		t.Errorf("%d %s", code, stderr)
	}
}

// What the box says comes from others in part: receivers, whoever wrote the
// configuration.
func TestAnAnswerCannotDriveTheTerminal(t *testing.T) {
	const path = "POST /api/v1/streams/main/destinations/tv/"
	address := box(t, map[string]string{
		path + "preflight": `{"step":{"name":"a","verdict":"bad","text":"x\u001b[2Jy"}}` + "\n" + `{"report":{"go":false,"reason":"x\u001b[2J\ny"}}`,
	})
	code, stdout, _ := run(t, address, "preflight", "tv")
	if code != ExitFailed || strings.Contains(stdout, "\x1b") || strings.Count(stdout, "\n") != 2 {
		t.Errorf("%d %q", code, stdout)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":"no\u001b]0;owned\u0007"}`)
	}))
	defer server.Close()
	if code, _, stderr := run(t, server.URL, "destinations"); code != ExitFailed || strings.ContainsAny(stderr, "\x1b\a") {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestAnAnswerWithoutEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2*maxLine))
			return
		}
		fmt.Fprint(w, statusDocument)
	}))
	defer server.Close()
	if code, _, stderr := run(t, server.URL, "preflight", "tv"); code != ExitUnreachable || !strings.Contains(stderr, "too long") {
		t.Errorf("a line without end: %d %s", code, stderr)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for piece := bytes.Repeat([]byte(" "), 1<<20); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if code, _, stderr := run(t, endless.URL, "destinations"); code != ExitFailed || !strings.Contains(stderr, "not understood") {
		t.Errorf("a status without end: %d %s", code, stderr)
	}
}

func TestInterrupted(t *testing.T) {
	began := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	var errs bytes.Buffer
	code := Main(ctx, []string{"destinations"}, func(string) string { return server.URL }, io.Discard, &errs)
	if code != ExitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("%d %s: a box that answers is not unreachable", code, &errs)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWhatCannotBePrintedIsNoSuccess(t *testing.T) {
	address := box(t, map[string]string{"POST /api/v1/streams/main/destinations/tv/preflight": `{"report":{"go":true,"reason":"fine"}}`})
	for _, args := range []string{"destinations", "-json destinations", "preflight tv", "-json preflight tv"} {
		if code := Main(t.Context(), strings.Fields(args), func(string) string { return address }, full{}, io.Discard); code != ExitFailed {
			t.Errorf("%s: %d", args, code)
		}
	}
}
