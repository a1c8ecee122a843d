// Package console tests the serial console on the serial ports of the virtual ARM box:
// its UART, on which the kernel writes too, and USB serial adapters that come and go.
// At the other end, on this machine, are a person's terminal program and raw lines.
//
// It needs what make lab-box makes; make lab-box-test runs it.
package console

import (
	"os"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
)

// binary is the daemon of this tree, for arm64.
var binary string

// patience is how long a test waits for what must happen. The box is emulated, and the
// machine may be busy.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	os.Exit(box.Main(m, box.Program{Package: "cmd/encoderd", Path: &binary}))
}
