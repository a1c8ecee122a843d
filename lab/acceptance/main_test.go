// Package acceptance runs the daemon as users do, on real footage, and judges
// what real receivers get of it. Nothing is simulated: nginx, stunnel,
// srt-live-transmit, ffmpeg and Chromium are the programs themselves.
//
// The tests mostly wait for real time to pass, so they run side by side. None
// asserts how fast anything is: each waits for a condition, with a generous
// deadline.
package acceptance

import (
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/encoderd"
)

// binary is the daemon built from this tree.
var binary string

// sideBySide is how many tests run at once unless -parallel says otherwise:
// more than there are cores, since a live stream costs a few percent of one.
const sideBySide = 8

func TestMain(m *testing.M) {
	os.Exit(encoderd.Tests{Binary: &binary, SideBySide: sideBySide}.Run(m))
}
