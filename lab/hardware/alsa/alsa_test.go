// Package alsa_test runs the tests of capture/alsa that need a sound card
// inside the virtual ARM box: the kernel's loopback card, whose clock can be
// set off.
package alsa_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestALSA(t *testing.T) {
	arm64, armv7 := tests(t, "arm64"), tests(t, "arm")
	b := box.Start(t, box.Options{})
	b.LoadModule("snd-aloop", "index=0", "pcm_substreams=1")
	for _, c := range []struct {
		ppm           int
		arch, program string
		only          string
	}{
		{0, "arm64", arm64, "."},
		{200, "arm64", arm64, "TestLoopback/48000"},
		{-200, "arm64", arm64, "TestLoopback/48000"},
		{0, "armv7", armv7, "OverrunInTheKernel|CancelAndBusy"}, // speaks the kernel's 32-bit ABI
	} {
		t.Run(fmt.Sprintf("%s_%+d_ppm", c.arch, c.ppm), func(t *testing.T) {
			// The control divides: above 100000 the card is slow.
			b.Must("amixer", "-q", "-c", "0", "cset", "iface=PCM,name=PCM Rate Shift 100000,device=0", fmt.Sprint(100000-c.ppm/10))
			run(t, b, c.program, c.ppm, c.only)
		})
	}
	require.NotRegexp(t, `(?i)\b(warning|bug|oops)\b`, b.Must("dmesg"))
}

// tests compiles them for an architecture, without cgo.
func tests(t *testing.T, arch string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "alsa-"+arch+".test")
	c := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "box", "-o", program,
		"github.com/encoderbox/encoderbox/capture/alsa")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM=7")
	said, err := c.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program
}

func run(t *testing.T, b *box.Box, program string, ppm int, only string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	c := b.Command(b.Share(program), "-test.v", "-test.timeout=11m", "-test.run", boxTests(only))
	c.Env = []string{fmt.Sprintf("ALSA_SHIFT=%d", ppm)}
	said := box.LogTo(t, "")
	c.Stdout, c.Stderr = said, said
	require.NoError(t, c.Start(ctx))
	require.NoError(t, c.Wait())
}

// boxTests are those of the tag box; the others ran on the host.
func boxTests(only string) string {
	if only != "." {
		return only
	}
	return "Loopback|OverrunInTheKernel|CancelAndBusy"
}
