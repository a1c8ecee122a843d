// Package push runs the daemon with a destination of every kind that README names,
// each towards the real peer named there, and judges what the peer has received:
// alone, all at once while peers come and go, in groups, and by encoderctl.
//
// None of the tests asserts how fast anything is: each waits for a condition, with
// a generous deadline.
package push

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

// sideBySide is how many tests run at once unless -parallel says otherwise: each
// encodes a small picture, and mostly waits for real time to pass.
const sideBySide = 8

func TestMain(m *testing.M) {
	os.Exit(encoderd.Tests{Binary: &binary, Control: &control, SideBySide: sideBySide}.Run(m))
}
