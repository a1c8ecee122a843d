// Package storage tests what the daemon keeps on a real file system of the
// virtual ARM box, on a disk whose power is cut and which fails: recordings,
// time shift, and the live stream meanwhile.
//
// It needs what make lab-box makes; make lab-box-test runs it. With -soak, as
// make soak has it, power is cut 20 times instead of 2.
package storage

import (
	"flag"
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
)

// binary is the daemon of this tree, for arm64.
var binary string

var soak = flag.Bool("soak", false, "cut the power 20 times instead of 2: some 10 minutes")

func TestMain(m *testing.M) {
	os.Exit(box.Main(m, box.Program{Package: "cmd/encoderd", Path: &binary}))
}
