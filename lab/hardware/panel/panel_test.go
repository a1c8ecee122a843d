// Package panel_test runs the tests of front-panel drivers that need a kernel's devices
// inside the virtual ARM box.
package panel_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

// TestDrivers has keys by uinput and on lines of gpio-sim, and lights of uleds.
func TestDrivers(t *testing.T) {
	b := box.Start(t, box.Options{})
	for _, module := range []string{"evdev", "uinput", "gpio-sim", "uleds"} {
		b.LoadModule(module)
	}
	for pkg, tests := range map[string][]string{
		"board/panel/evdevkeys": {"TestBoxUinput"},
		"board/panel/gpiokeys":  {"TestBoxPresses", "TestBoxHeldFromBefore", "TestBoxTakenLines", "TestBoxChipGone"},
		"board/panel/sysfsleds": {"TestBoxLight", "TestBoxTrigger"},
	} {
		t.Run(filepath.Base(pkg), func(t *testing.T) {
			program, err := box.BuildTests(t.Context(), t.TempDir(), pkg, "-tags", "box")
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			done, err := b.Run(ctx, b.Share(program), "-test.v", "-test.timeout=4m", "-test.run=TestBox")
			require.NoError(t, err, done.Stdout+done.Stderr)
			for _, name := range tests {
				require.Contains(t, done.Stdout, "--- PASS: "+name+" ")
			}
		})
	}
}
