// Package uplink runs the daemon behind an emulated uplink that becomes slow and fast
// again, towards real receivers beyond it: the bit rate must follow, the API must say
// why, and what arrives must decode.
//
// It needs network namespaces and TUN: root, or a user who may make user namespaces
// and open /dev/net/tun. None of the tests asserts how fast anything is: each waits for
// a condition, with a generous deadline.
package uplink

import (
	"fmt"
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/link/netns"
)

// binary is the daemon built from this tree.
var binary string

func TestMain(m *testing.M) { os.Exit(netns.Main(func() int { return run(m) })) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "uplink-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary, err = encoderd.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
