package terminal

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// prompts are what stands before that which a person types in the manual's sessions.
var prompts = []string{"login: ", "password:", "box> ", "box(config)# "}

// Manual is docs/serial.md, around one of its sessions.
type Manual struct{ Before, Session, After string }

// ReadManual finds a session by its name in the manual, a file.
func ReadManual(tb testing.TB, file, session string) Manual {
	tb.Helper()
	doc, err := os.ReadFile(file)
	require.NoError(tb, err)
	begin := "<!-- session " + session + ": replayed by lab/acceptance/console -->\n```text\n"
	const end = "```\n"
	before, rest, ok := strings.Cut(string(doc), begin)
	require.True(tb, ok, "%s has no session %s", file, session)
	text, after, ok := strings.Cut(rest, end)
	require.True(tb, ok)
	return Manual{before + begin, text, end + after}
}

// Reader is somebody who goes by the manual.
type Reader struct {
	Password     string // of the box
	Host         string // the box's name
	Ours, Theirs string // an address of the test's, and what the manual has in its place
	// Until is, by command, what must be read before the reader goes on: until then the
	// command is typed again.
	Until map[string]string
}

// Replay types what the manual has its reader type, each line when its prompt is there,
// until the box has logged out.
func (r Reader) Replay(s *Screen, m Manual) {
	s.tb.Helper()
	s.Begin()
	for line := range strings.Lines(m.Session) {
		line = strings.TrimSuffix(line, "\n")
		for _, prompt := range prompts {
			if typed, ok := strings.CutPrefix(line, prompt); ok {
				r.answers(s, prompt, strings.ReplaceAll(typed, r.Theirs, r.Ours), r.Until[typed])
			}
		}
	}
	s.Asks("Encoder box " + r.Host + ": press Enter for the console.")
}

// answers types a line behind a prompt, again and again where the box is to say
// something first.
func (r Reader) answers(s *Screen, prompt, typed, until string) {
	s.tb.Helper()
	s.Asks(prompt)
	if prompt == "password:" {
		s.Types(r.Password, "Enter") // it is not shown
		return
	}
	for {
		s.Types("-l", typed).Asks(prompt + typed)
		s.Types("Enter")
		if until == "" {
			return
		}
		shown := s.Asks(prompt)
		if strings.Contains(shown[strings.LastIndex(shown, prompt+typed):], until) {
			return
		}
		time.Sleep(time.Second)
	}
}
