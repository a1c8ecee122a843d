package box

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// buildTimeout bounds the compiling of all programs of a test.
const buildTimeout = 10 * time.Minute

// Program is one of this module that tests run in the box.
type Program struct {
	Package string  // such as "cmd/encoderd"
	Path    *string // is set to where it was compiled to
}

// Main is the main function of tests that need programs of this module: it compiles them
// for the box, runs the tests, removes the programs, and returns the exit status.
func Main(m *testing.M, programs ...Program) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "box-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	for _, p := range programs {
		if *p.Path, err = Build(ctx, dir, p.Package); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}
