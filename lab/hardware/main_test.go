// Package hardware tests the daemon on the virtual ARM box: capture devices,
// encoder, sound, USB and watchdog of a real arm64 kernel, virtual hardware
// behind them, and real receivers on this machine at the other end.
//
// It needs what make lab-box makes; make lab-box-test runs it.
package hardware

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
)

// binary is the daemon of this tree, for arm64.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// sideBySide is how many tests run at once unless -parallel says otherwise: a
// box at work takes a quarter of a machine with two processors, since most of a
// test is real time that passes.
const sideBySide = "3"

func run(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", sideBySide); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return box.Main(m, box.Program{Package: "cmd/encoderd", Path: &binary})
}
