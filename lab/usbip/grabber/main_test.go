package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/usbip"
)

func TestCommandsAreAnsweredALineEach(t *testing.T) {
	g := &grabber{device: usbip.NewDevice(usbip.Config{}), controller: t.TempDir()}
	in := strings.Join([]string{
		"stall", "resume", "truncate 3", "pattern frozen", "pattern moving", "mute", "silence", "sound", "ppm -200", "unplug",
		"", "dance", "stall a b", "pattern plaid", "truncate -1", "truncate many", "ppm 20000", "plug one", "plug 1", "quit", "stall",
	}, "\n")
	var out strings.Builder
	require.NoError(t, g.commands(t.Context(), strings.NewReader(in), &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 19)
	for _, l := range lines[:10] {
		assert.Equal(t, "ok", l)
	}
	for i, says := range []string{
		"a command, and at most one word", `unknown command "dance"`, "at most one word", `unknown pattern "plaid": moving, frozen, blue`,
		`truncate "-1"`, `truncate "many"`, `ppm "20000"`, `port "one" is not a number`, "is the module vhci-hcd loaded?",
	} {
		assert.Contains(t, lines[10+i], "error: ")
		assert.Contains(t, lines[10+i], says)
	}
	g.device.Change(func(f *usbip.Faults) {
		assert.Equal(t, usbip.Faults{Pattern: usbip.Moving, Truncate: 3, Muted: true, AudioPPM: -200}, *f)
	})
}
