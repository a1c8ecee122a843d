// Package capture_test runs the tests of capture/v4l2 that need devices inside
// the virtual ARM box: vivid as camera and HDMI bridge, vh264's memory for its
// pictures, and vimc's media controller.
package capture_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestCapture(t *testing.T) {
	program, err := box.BuildTests(t.Context(), t.TempDir(), "capture/v4l2", "-tags", "box")
	require.NoError(t, err)
	b := box.Start(t, box.Options{})
	at := b.Share(program)
	b.LoadModule("vimc")
	for _, c := range []struct{ name, run, vivid, vh264 string }{
		{"single-planar", "TestBox", "1", "0"},
		{"multi-planar", "TestBox(ZeroCopy|Copy|Garbage|Rounds|Live|WholePicture)", "2", "1"},
		{"a buffer a plane", "TestBoxZeroCopy", "2", "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.LoadModule("vivid", "n_devs=1", "multiplanar="+c.vivid)
			b.LoadModule("vh264", "multiplanar="+c.vh264)
			defer b.Must("rmmod", "vh264", "vivid")
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
			defer cancel()
			cmd := b.Command(at, "-test.v", "-test.timeout=11m", "-test.run=^"+c.run)
			cmd.Env = []string{"V4L2_CAPTURE=" + node(t, b, "vivid-000-vid-cap"), "V4L2_ENCODER=" + node(t, b, "vh264")}
			cmd.Stdout, cmd.Stderr = box.LogTo(t, ""), box.LogTo(t, "stderr: ")
			require.NoError(t, cmd.Start(ctx))
			require.NoError(t, cmd.Wait())
		})
	}
	require.NotRegexp(t, `(?i)\b(warning|bug|oops)\b`, b.Must("dmesg"))
}

// node is the video device of a name.
func node(t *testing.T, b *box.Box, name string) string {
	t.Helper()
	found := b.Must("sh", "-c", "grep -lx "+name+" /sys/class/video4linux/*/name; true")
	path, _, _ := strings.Cut(strings.TrimPrefix(found, "/sys/class/video4linux/"), "/")
	require.NotEmpty(t, path, "no video device is called %s", name)
	return "/dev/" + path
}
