// Package storage tests what the box keeps, from outside: the daemon is killed,
// its origin goes away, its disk goes away, and what viewers, recordings and the
// origin then have is judged. Each test has a short form for every day and a long
// one for "make soak" (-soak).
package storage

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
)

// binary is the daemon built from this tree.
var binary string

var soak = flag.Bool("soak", false, "run the long forms: hours of trouble instead of seconds")

const (
	patience = 60 * time.Second
	chunk    = time.Second // of the segmenter
	// sideBySide is how many tests run at once unless -parallel says otherwise: they mostly
	// wait for real time to pass.
	sideBySide = 8
)

// long is the second value with -soak.
func long[T any](everyday, soaking T) T {
	if *soak {
		return soaking
	}
	return everyday
}

func TestMain(m *testing.M) {
	os.Exit(encoderd.Tests{Binary: &binary, SideBySide: sideBySide}.Run(m))
}
