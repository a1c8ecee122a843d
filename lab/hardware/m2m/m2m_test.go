// Package m2m_test runs the tests of encode/m2m that need a kernel's encoder
// inside the virtual ARM box, against vh264 in each of its shapes.
package m2m_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestM2M(t *testing.T) {
	program, err := box.BuildTests(t.Context(), t.TempDir(), "encode/m2m", "-tags", "box")
	require.NoError(t, err)
	b := box.Start(t, box.Options{})
	at := b.Share(program)
	for _, c := range []struct{ name, run, params string }{
		{"single-planar", "TestBox", "multiplanar=0"},
		{"aligned height", "TestBox(Crop|ZeroCopy)", "report_aligned_height=1"},
		{"multi-planar", "TestBox(Contract|Crop|ZeroCopy|Damage)", "multiplanar=1"},
		{"a buffer a plane", "TestBox(Crop|ZeroCopy|NothingLeaks|Unplugged)", "multiplanar=2"},
		{"B-frames by default", "TestBox(Crop|Skips)", "default_b_frames=2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.LoadModule("vh264", c.params)
			defer b.Must("rmmod", "vh264")
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
			defer cancel()
			cmd := b.Command(at, "-test.v", "-test.timeout=24m", "-test.run="+c.run)
			cmd.Stdout, cmd.Stderr = box.LogTo(t, ""), box.LogTo(t, "stderr: ")
			require.NoError(t, cmd.Start(ctx))
			require.NoError(t, cmd.Wait())
		})
	}
	require.NotRegexp(t, `(?i)\b(warning|bug|oops)\b`, b.Must("dmesg"))
}
