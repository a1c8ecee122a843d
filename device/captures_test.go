package device

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCaptureDevicesAreOffered(t *testing.T) {
	b := newBench(t)
	words := func(typed ...string) (all []string) {
		for _, c := range b.table.Complete(root, typed) {
			if c.Word != "" {
				all = append(all, c.Word)
			}
		}
		return all
	}
	require.Equal(t, []string{"auto"}, words("input", "select", "main", "capture", ""))
	b.captures.look() // whatever this machine has
	require.Equal(t, "auto", words("input", "select", "main", "capture", "")[0])
	b.captures.names.Store(&[]string{"usb:1-1.4", "/dev/video0", "/dev/video2"}) // as plugged in
	require.Equal(t, []string{"auto", "usb:1-1.4", "/dev/video0", "/dev/video2"}, words("input", "select", "main", "capture", ""))
	require.Equal(t, []string{"/dev/video0", "/dev/video2"}, words("input", "select", "main", "capture", "/dev"))
	require.Empty(t, words("input", "select", "main", "file", ""))
}
