// Package hardware tests the daemon on the virtual ARM box: capture devices,
// encoder, sound, USB and watchdog of a real arm64 kernel, virtual hardware
// behind them, and real receivers on this machine at the other end.
//
// It needs what make lab-box makes; make lab-box-test runs it.
package hardware

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
)

// binary is the daemon of this tree, for arm64.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hardware-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if binary, err = box.Build(ctx, dir, "cmd/encoderd"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
