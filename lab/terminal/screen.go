// Package terminal is the far end of a serial line in tests: a person's, who has a real
// terminal program on a real screen and goes by the manual, and a program's.
package terminal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Screen is picocom under tmux, which is the terminal: it draws what the box sends.
type Screen struct {
	tb       testing.TB
	socket   string
	patience time.Duration
}

// Picocom opens a serial device as a person would, until the test ends. patience is the
// deadline of whatever is waited for on the screen.
func Picocom(tb testing.TB, device string, patience time.Duration) *Screen {
	tb.Helper()
	for _, tool := range []string{"tmux", "picocom"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Fatalf("%s is missing: lab/setup/install.sh test", tool)
		}
	}
	s := &Screen{tb, filepath.Join(tb.TempDir(), "tmux"), patience}
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "picocom", "--baud", "115200", device)
	tb.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	s.Sees("Terminal ready")
	return s
}

// Begin has the box begin a session.
func (s *Screen) Begin() *Screen {
	s.tb.Helper()
	s.Types("Enter").Sees("Help: ? at any place")
	return s
}

func (s *Screen) tmux(args ...string) string {
	s.tb.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "LC_ALL=C.UTF-8", "TMUX=")
	out, err := cmd.CombinedOutput()
	require.NoError(s.tb, err, "tmux %v: %s", args, out)
	return string(out)
}

// Types sends keys by tmux's names of them ("Enter", "Tab", "C-c"), or text.
func (s *Screen) Types(keys ...string) *Screen {
	s.tb.Helper()
	s.tmux(append([]string{"send-keys"}, keys...)...)
	return s
}

// Sees waits until the screen shows text, and returns the screen.
func (s *Screen) Sees(text string) string {
	s.tb.Helper()
	return s.awaits(fmt.Sprintf("%q", text), func(shown string) bool { return strings.Contains(shown, text) })
}

// Asks waits until the last line of the screen is a prompt, and what was typed behind it.
func (s *Screen) Asks(line string) string {
	s.tb.Helper()
	return s.awaits(fmt.Sprintf("the last line %q", line), func(shown string) bool {
		shown = strings.TrimRight(shown, " \n")
		return shown[strings.LastIndexByte(shown, '\n')+1:] == strings.TrimRight(line, " ")
	})
}

// All is what the screen shows, and what has scrolled away.
func (s *Screen) All() string {
	s.tb.Helper()
	return s.tmux("capture-pane", "-p", "-J", "-S", "-")
}

func (s *Screen) awaits(what string, is func(shown string) bool) (shown string) {
	s.tb.Helper()
	for end := time.Now().Add(s.patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if shown = s.tmux("capture-pane", "-p", "-J"); is(shown) {
			return shown
		}
	}
	s.tb.Fatalf("not %s on the screen:\n%s", what, shown)
	return ""
}
