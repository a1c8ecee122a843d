// Package v4l2_test runs the tests of media/v4l2 that need devices inside the
// virtual ARM box, as 64-bit and as 32-bit programs.
package v4l2_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

// virtual is how the virtual hardware is loaded.
type virtual struct{ name, vivid, vh264, vicodec string }

func TestV4L2(t *testing.T) {
	programs := map[string]string{
		"arm64": tests(t, "arm64"),
		"armv7": tests(t, "arm"), // speaks the kernel's 32-bit ABI with 64-bit times
	}
	b := box.Start(t, box.Options{})
	for _, v := range []virtual{
		{"single-planar", "1", "0", "0"},
		{"multi-planar", "2", "1", "1"},
		{"a buffer a plane", "2", "2", "1"},
	} {
		t.Run(v.name, func(t *testing.T) {
			b.LoadModule("vivid", "n_devs=1", "multiplanar="+v.vivid)
			b.LoadModule("vh264", "multiplanar="+v.vh264)
			b.LoadModule("vicodec", "multiplanar="+v.vicodec)
			for arch, program := range programs {
				t.Run(arch, func(t *testing.T) { run(t, b, program) })
			}
			b.Must("rmmod", "vicodec", "vh264", "vivid")
		})
	}
	require.NotRegexp(t, `(?i)\b(warning|bug|oops)\b`, b.Must("dmesg"))
}

// tests compiles them for an architecture. They use no cgo, and so need none
// of its libraries.
func tests(t *testing.T, arch string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "v4l2-"+arch+".test")
	c := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "box", "-o", program,
		"github.com/encoderbox/encoderbox/media/v4l2")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM=7")
	said, err := c.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program
}

func run(t *testing.T, b *box.Box, program string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	c := b.Command(b.Share(program), "-test.run=TestBox", "-test.v", "-test.timeout=7m")
	c.Env = []string{
		"V4L2_CAPTURE=" + device(t, b, "video4linux", "name", "vivid-000-vid-cap"),
		"V4L2_ENCODER=" + device(t, b, "video4linux", "name", "vh264"),
		"V4L2_FWHT=" + device(t, b, "video4linux", "name", "stateful-encoder"),
		"V4L2_MEDIA=" + device(t, b, "media", "model", "vh264"),
	}
	c.Stdout, c.Stderr = box.LogTo(t, ""), box.LogTo(t, "stderr: ")
	require.NoError(t, c.Start(ctx))
	require.NoError(t, c.Wait(), "tests failed in the box: %v", c.Env)
}

// device is the node of the device of a class or bus whose sysfs file says name.
func device(t *testing.T, b *box.Box, where, file, name string) string {
	t.Helper()
	found := b.Must("sh", "-c", "cd /sys && grep -lx '"+name+"' class/"+where+"/*/"+file+" bus/"+where+"/devices/*/"+file+" 2>/dev/null; true")
	require.NotEmpty(t, found, "no device has the %s %q", file, name)
	first, _, _ := strings.Cut(found, "\n")
	return "/dev/" + filepath.Base(filepath.Dir(first))
}
