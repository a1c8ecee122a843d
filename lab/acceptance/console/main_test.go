// Package console tests the serial console from outside: a real terminal program at one
// end of a null modem cable, the real daemon at the other.
//
// None of the tests asserts how fast anything is: each waits for a condition, with a
// generous deadline.
package console

import (
	"os"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
)

// The programs built from this tree.
var binary, control string

// patience is the deadline of whatever a test waits for.
const patience = 60 * time.Second

// sideBySide is how many tests run at once unless -parallel says otherwise: each mostly
// waits for a terminal.
const sideBySide = 6

func TestMain(m *testing.M) {
	os.Exit(encoderd.Tests{Binary: &binary, Control: &control, SideBySide: sideBySide}.Run(m))
}
