// Package storage tests what the box keeps, from outside: the daemon is killed,
// its origin goes away, its disk goes away, and what viewers, recordings and the
// origin then have is judged. Each test has a short form for every day and a long
// one for "make soak" (-soak).
package storage

import (
	"flag"
	"fmt"
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
)

// long is the second value with -soak.
func long[T any](everyday, soaking T) T {
	if *soak {
		return soaking
	}
	return everyday
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	flag.Parse()
	// The tests mostly wait for real time to pass.
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "8"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "storage-")
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
