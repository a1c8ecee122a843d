package console

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

// screen is picocom under tmux, which is the terminal: it draws what the box sends.
type screen struct {
	t      *testing.T
	socket string
}

// picocom connects to the box as a person would.
func picocom(t *testing.T, b *box) *screen {
	t.Helper()
	for _, tool := range []string{"tmux", "picocom"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: lab/setup/install.sh test", tool)
		}
	}
	s := &screen{t, filepath.Join(t.TempDir(), "tmux")}
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "picocom", "--baud", "115200", b.cable.PC)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	s.sees("Terminal ready")
	s.types("Enter").sees("Help: ? at any place")
	return s
}

func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "LC_ALL=C.UTF-8", "TMUX=")
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "tmux %v: %s", args, out)
	return string(out)
}

// types sends keys by tmux's names of them ("Enter", "Tab", "C-c"), or text.
func (s *screen) types(keys ...string) *screen {
	s.t.Helper()
	s.tmux(append([]string{"send-keys"}, keys...)...)
	return s
}

// sees waits until the screen shows text, and returns the screen.
func (s *screen) sees(text string) string {
	s.t.Helper()
	return s.awaits(fmt.Sprintf("%q", text), func(shown string) bool { return strings.Contains(shown, text) })
}

// asks waits until the last line of the screen is a prompt, and what was typed behind it.
func (s *screen) asks(line string) string {
	s.t.Helper()
	return s.awaits(fmt.Sprintf("the last line %q", line), func(shown string) bool {
		shown = strings.TrimRight(shown, " \n")
		return shown[strings.LastIndexByte(shown, '\n')+1:] == strings.TrimRight(line, " ")
	})
}

func (s *screen) awaits(what string, is func(shown string) bool) (shown string) {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if shown = s.tmux("capture-pane", "-p", "-J"); is(shown) {
			return shown
		}
	}
	s.t.Fatalf("not %s on the screen:\n%s", what, shown)
	return ""
}

func TestAPersonWithPicocom(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	s := picocom(t, b)

	s.types("admin", "Enter").sees("password:")
	s.types("wrong", "Enter").sees("wrong name or password")
	s.types("admin", "Enter", "secret", "Enter").sees("You have the role admin.")
	s.sees("box> ")

	s.types("dest", "Tab", "pa", "Tab", "Tab").sees("box> destination pause youtube")
	s.types("Enter").sees("Done.")
	s.types("show destinations", "Enter").sees("paused by admin")
	s.types("C-l").sees("box>")
	s.types("help").types("?").sees("Explain a command, or list all")
	s.types("C-c").types("Up").sees("box> show destinations")

	// A line longer than the screen scrolls sideways, and can be edited in its middle.
	s.types("C-u").types(strings.Repeat("abcdefghi ", 12)).types("Home").sees("box> abcdefghi abcdefghi")
	s.types("destination ", "End", "C-u").sees("box> ")

	s.types("configure", "Enter").sees("box(config)# ")
	s.types("set streams.main.vid", "Tab", "bitr", "Tab").sees("set streams.main.video.bitrate")
	s.types("C-u").types("set streams.main.video.bitrate.max 4M", "Enter", "set streams.main.video.gop never", "Enter").sees("expected a duration")
	s.types("diff", "Enter").sees("+ streams.main.video.bitrate.max")
	s.types("commit", "Enter").sees("Committed.")
	require.Contains(t, b.startup(), "4M")

	s.types("set log.level debug", "Enter", "commit confirmed 30", "Enter").sees("Committed for 30s.")
	require.Contains(t, string(b.Get("/api/v1/config")), `"debug"`)
	require.NotContains(t, b.startup(), "debug", "saved before it was confirmed")
	s.types("confirm", "Enter").sees("Confirmed.")
	require.Contains(t, b.startup(), "debug")
	s.types("exit", "Enter", "monitor", "Enter").sees("Any key ends this.")
	s.types("x").types("terminal dumb", "Enter", "logout", "Enter").sees("Logged out.")
}

// startup is the configuration that the box would start with.
func (b *box) startup() string {
	doc, err := os.ReadFile(b.Config)
	if err != nil {
		return err.Error()
	}
	return string(doc)
}

func TestWhatTheKernelWritesBetweenIsNoHarm(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	s := picocom(t, b)
	s.types("admin", "Enter", "secret", "Enter").sees("box> ")
	s.types("show sta")
	s.sees("box> show sta")
	kernel, err := os.OpenFile(b.cable.Box, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer kernel.Close()
	_, err = fmt.Fprint(kernel, "[  12.345678] usb 1-1: new high-speed USB device\r\n")
	require.NoError(t, err)
	s.sees("new high-speed")
	s.types("C-l").sees("box> show sta")
	s.types("Tab", "Enter").sees("stream main")
}
