package console

import (
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write what the box says into docs/serial.md")

const (
	manual = "../../../docs/serial.md"
	begin  = "<!-- session: replayed by lab/acceptance/console -->\n```text\n"
	end    = "```\n"
)

// typed are what a person types in the manual's session: behind these prompts.
var prompts = []string{"login: ", "password: ", "box> ", "box(config)# "}

// TestTheManualsSession types what the manual's reader types, and holds what the box
// says against the manual.
func TestTheManualsSession(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(manual)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(doc), begin)
	require.True(t, ok, "docs/serial.md has no session")
	session, after, ok := strings.Cut(rest, end)
	require.True(t, ok)

	got := normal(replay(t, newBox(t), session))
	if *update {
		require.NoError(t, os.WriteFile(manual, []byte(before+begin+got+end+after), 0o644)) //nolint:gosec // a document
		return
	}
	require.Equal(t, session, got, "docs/serial.md is out of date: go test ./lab/acceptance/console -run Manual -update")
}

// replay types the session's lines, each when its prompt is there.
func replay(t *testing.T, b *box, session string) string {
	t.Helper()
	line, err := os.OpenFile(b.cable.PC, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer line.Close()
	seen := ""
	waitFor := func(prompt string) {
		buf := make([]byte, 4096)
		for !strings.HasSuffix(seen, prompt) {
			require.NoError(t, line.SetReadDeadline(time.Now().Add(patience)))
			n, err := line.Read(buf)
			require.NoError(t, err, "waiting for %q, got %q", prompt, seen)
			seen += string(buf[:n])
		}
	}
	enter := func(text string) {
		_, err := io.WriteString(line, text+"\r")
		require.NoError(t, err)
	}
	waitFor("press Enter for the console.\r\n")
	enter("")
	for l := range strings.Lines(session) {
		l = strings.TrimSuffix(l, "\n")
		for _, p := range prompts {
			text, ok := strings.CutPrefix(l, p)
			if !ok {
				continue
			}
			waitFor(p)
			if p == "password: " {
				text = "secret" // it is not shown
			}
			enter(text)
		}
	}
	waitFor("press Enter for the console.\r\n")
	return seen
}

// normal is what was seen without what differs from one machine to the next.
func normal(seen string) string {
	host, _ := os.Hostname()
	seen = strings.ReplaceAll(seen, "\r\n", "\n")
	seen = strings.ReplaceAll(seen, host, "encoderbox")
	seen = regexp.MustCompile(`up \S+  CPU .*`).ReplaceAllString(seen, "up 2m10s  CPU 34 %  41.2 MB")
	return strings.Trim(seen, "\n") + "\n"
}
