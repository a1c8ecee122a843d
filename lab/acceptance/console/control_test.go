package console

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestTheSameByEncoderctl goes the newcomer's way with the command line, on the box.
func TestTheSameByEncoderctl(t *testing.T) {
	t.Parallel()
	server := peer.StartSRT(t, peer.SRTOptions{})
	b := freshBox(t)
	say := func(line string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, control, strings.Fields(line)...)
		cmd.Env = append(os.Environ(), "ENCODERBOX_ADDRESS=unix:"+filepath.Join(b.Live, "control.sock"))
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		require.NoError(t, err, "encoderctl %s: %s%s", line, out, &errs)
		return string(out)
	}
	require.Contains(t, say("show status"), "stream main")
	say("config set streams.main.destinations.studio.url " + server.URL())
	require.Contains(t, say("config diff"), server.URL())
	say("config commit confirmed 5m")
	say("config confirm")
	eventually(t, "studio to be active", func() bool { return strings.Contains(say("show destinations"), "active") })
	isWatched(t, server)
	require.Contains(t, b.startup(), server.URL(), "what was confirmed is not saved")
}
