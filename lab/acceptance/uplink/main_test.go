// Package uplink runs the daemon behind an emulated uplink that becomes slow and fast
// again, towards real receivers beyond it: the bit rate must follow, the API must say
// why, and what arrives must decode.
//
// It needs network namespaces and TUN: root, or a user who may make user namespaces
// and open /dev/net/tun. None of the tests asserts how fast anything is: each waits for
// a condition, with a generous deadline.
package uplink

import (
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/link/netns"
)

// binary is the daemon built from this tree.
var binary string

func TestMain(m *testing.M) {
	os.Exit(netns.Main(func() int { return encoderd.Tests{Binary: &binary}.Run(m) }))
}
