package remote

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Somebody else on the machine was first to make the folder in /tmp.
func TestAForeignSocketIsNotTrusted(t *testing.T) {
	temp, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	require.NoError(t, os.Chmod(temp, 0o777|os.ModeSticky))
	l, err := net.Listen("unix", filepath.Join(elsewhere, "control.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	own := filepath.Join(temp, fmt.Sprintf("encoderbox-%d", os.Getuid()))
	require.NoError(t, os.Symlink(elsewhere, own))
	none := func(string) string { return "" }
	box, err := findBox(t.Context(), "", none)
	require.NoError(t, err)
	require.NotEqual(t, filepath.Join(own, "control.sock"), box.socket)

	require.NoError(t, os.Remove(own))
	require.NoError(t, os.Mkdir(own, 0o700))
	mine, err := net.Listen("unix", filepath.Join(own, "control.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = mine.Close() })
	if _, err := os.Stat("/run/encoderbox/control.sock"); err != nil {
		box, err = findBox(t.Context(), "", none)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(own, "control.sock"), box.socket)
	}
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(own, 12345, 12345))
		box, err = findBox(t.Context(), "", none)
		require.NoError(t, err)
		require.NotEqual(t, filepath.Join(own, "control.sock"), box.socket)
	}
}
