package console

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/terminal"
)

// picocom connects to the box as a person would.
func picocom(t *testing.T, b *box) *terminal.Screen {
	t.Helper()
	return terminal.Picocom(t, b.cable.PC, patience)
}

func TestAPersonWithPicocom(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	s := picocom(t, b).Begin()

	s.Types("admin", "Enter").Sees("password:")
	s.Types("wrong", "Enter").Sees("wrong name or password")
	s.Types("admin", "Enter", "secret", "Enter").Sees("You have the role admin.")
	s.Sees("box> ")

	// A TAB with more close behind it would be one of a paste's.
	s.Types("dest", "Tab").Asks("box> destination ")
	s.Types("pa", "Tab").Asks("box> destination pause ")
	s.Types("Tab").Sees("box> destination pause youtube")
	s.Types("Enter").Sees("Done.")
	s.Types("show destinations", "Enter").Sees("paused by admin")
	s.Types("C-l").Sees("box>")
	s.Types("help").Types("?").Sees("Explain a command, or list all")
	s.Types("C-c").Types("Up").Sees("box> show destinations")

	// A line longer than the screen scrolls sideways, and can be edited in its middle.
	s.Types("C-u").Types(strings.Repeat("abcdefghi ", 12)).Types("Home").Sees("box> abcdefghi abcdefghi")
	s.Types("destination ", "End", "C-u").Sees("box> ")

	s.Types("configure", "Enter").Sees("box(config)# ")
	s.Types("set streams.main.vid", "Tab").Sees("set streams.main.video.")
	s.Types("bitr", "Tab").Sees("set streams.main.video.bitrate")
	s.Types("C-u").Types("set streams.main.video.bitrate.max 4M", "Enter", "set streams.main.video.gop never", "Enter").Sees("expected a duration")
	s.Types("diff", "Enter").Sees("+ streams.main.video.bitrate.max")
	s.Types("commit", "Enter").Sees("Committed.")
	require.Contains(t, b.startup(), "4M")

	s.Types("set log.level debug", "Enter", "commit confirmed 30", "Enter").Sees("Committed for 30s.")
	require.Contains(t, string(b.Get("/api/v1/config")), `"debug"`)
	require.NotContains(t, b.startup(), "debug", "saved before it was confirmed")
	s.Types("confirm", "Enter").Sees("Confirmed.")
	require.Contains(t, b.startup(), "debug")
	s.Types("exit", "Enter", "monitor", "Enter").Sees("Any key ends this.")
	s.Types("x").Types("terminal dumb", "Enter", "logout", "Enter").Sees("Logged out.")
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
	s := picocom(t, b).Begin()
	s.Types("admin", "Enter", "secret", "Enter").Sees("box> ")
	s.Types("show sta")
	s.Sees("box> show sta")
	kernel, err := os.OpenFile(b.cable.Box, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer kernel.Close()
	_, err = fmt.Fprint(kernel, "[  12.345678] usb 1-1: new high-speed USB device\r\n")
	require.NoError(t, err)
	s.Sees("new high-speed")
	s.Types("C-l").Sees("box> show sta")
	s.Types("Tab").Asks("box> show status ")
	s.Types("Enter").Sees("stream main")
}
