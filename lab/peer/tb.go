// Package peer starts the real programs the product is tested against: RTMP and
// SRT servers, a TLS front, ffmpeg as reader and publisher, a browser, and TCP
// peers that misbehave. Each runs on 127.0.0.1, on ports the kernel picked, and
// is ended by its own process id before the test that asked for it ends.
//
// Everything takes a [TB]: a *testing.T fits, and [Do] gives one to a program
// that is no test.
package peer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
)

// TB is what a peer needs of the test, or of the benchmark, that starts it.
// *testing.T, *testing.B and *testing.F have it. As with those, Fatalf is
// called on the goroutine of the test only.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(f func())
	TempDir() string
}

// Do calls f with a TB for a program that is no test. Folders are made under
// dir and are kept, log lines go to log. Do returns once f and all its clean-ups
// have ended; its error is what Fatalf said.
func Do(dir string, log io.Writer, f func(TB)) error {
	r := &run{dir: dir, log: log}
	done := make(chan struct{})
	go func() { // a goroutine of its own, so that Fatalf can end it
		defer close(done)
		defer r.cleanup()
		f(r)
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

type run struct {
	dir string

	mu       sync.Mutex // guards the fields below
	log      io.Writer
	cleanups []func()
	err      error
}

func (r *run) Helper() {}

func (r *run) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.log, format+"\n", args...)
}

func (r *run) Fatalf(format string, args ...any) {
	r.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}

func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = errors.Join(r.err, err)
}

func (r *run) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil
}

func (r *run) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *run) TempDir() string {
	dir, err := os.MkdirTemp(r.dir, "run-")
	if err != nil {
		r.Fatalf("peer: make a folder under %s: %w", r.dir, err)
	}
	return filepath.Clean(dir)
}

// cleanup calls the clean-ups, last first, each even when one before it ended
// the goroutine by Fatalf.
func (r *run) cleanup() {
	r.mu.Lock()
	todo := slices.Clone(r.cleanups)
	r.cleanups = nil
	r.mu.Unlock()
	for _, f := range todo {
		defer f()
	}
}
