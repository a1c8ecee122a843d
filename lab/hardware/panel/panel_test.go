// Package panel_test runs the tests of front-panel drivers that need a kernel's devices
// inside the virtual ARM box.
package panel_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestKeys(t *testing.T) {
	program, err := box.BuildTests(t.Context(), t.TempDir(), "board/panel/evdevkeys", "-tags", "box")
	require.NoError(t, err)
	b := box.Start(t, box.Options{})
	b.LoadModule("evdev")
	b.LoadModule("uinput")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done, err := b.Run(ctx, b.Share(program), "-test.v", "-test.timeout=1m", "-test.run=TestBox")
	require.NoError(t, err, done.Stdout+done.Stderr)
	require.Contains(t, done.Stdout, "--- PASS: TestBoxUinput")
}
