package box

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/lab/peer"
)

const module = "github.com/encoderbox/encoderbox/"

// Build compiles a package of this module, such as "cmd/encoderd", for the box
// into dir, and returns the program's path. flags are for go build.
func Build(ctx context.Context, dir, pkg string, flags ...string) (string, error) {
	return compile(ctx, filepath.Join(dir, filepath.Base(pkg)), pkg, "build", flags)
}

// BuildTests compiles the tests of a package for the box into dir, and returns
// the program's path. flags are for go test.
func BuildTests(ctx context.Context, dir, pkg string, flags ...string) (string, error) {
	return compile(ctx, filepath.Join(dir, filepath.Base(pkg)+".test"), pkg, "test", append([]string{"-c"}, flags...))
}

func compile(ctx context.Context, out, pkg, verb string, flags []string) (string, error) {
	top, err := checkout()
	if err != nil {
		return "", err
	}
	if out, err = filepath.Abs(out); err != nil {
		return "", fmt.Errorf("box: build %s: %w", pkg, err)
	}
	args := append([]string{"arm64", "go", verb, "-trimpath", "-ldflags", "-s -w", "-o", out}, flags...)
	cmd := exec.CommandContext(ctx, filepath.Join(top, "lab/tools/cross-env.sh"), append(args, module+pkg)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("box: build %s: %w:\n%s", pkg, err, bytes.TrimSpace(said))
	}
	return out, nil
}

// RunTests compiles the tests of a package, such as "media/v4l2", for the box
// and runs them in there; each of its tests that ran is a sub-test of t. args
// are for the test program, such as "-test.run=Drain". The package's testdata
// is there, and cannot be written.
func (b *Box) RunTests(t *testing.T, pkg string, args ...string) {
	t.Helper()
	program, err := BuildTests(t.Context(), t.TempDir(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	top, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	// As go test does, the tests run in the folder of their package.
	dir := filepath.Join(t.TempDir(), strings.ReplaceAll(pkg, "/", "-"))
	if err := linkTree(program, filepath.Join(dir, filepath.Base(program))); err != nil {
		t.Fatalf("box: share the tests of %s: %v", pkg, err)
	}
	data := filepath.Join(top, pkg, "testdata")
	if err := linkTree(data, filepath.Join(dir, "testdata")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("box: share %s: %v", data, err)
	}
	at := b.Share(dir)
	var out syncBuffer
	c := b.Command(append([]string{at + "/" + filepath.Base(program), "-test.v"}, args...)...)
	c.Dir, c.Stdout, c.Stderr = at, &out, &out
	err = c.Start(t.Context())
	if err == nil {
		err = c.Wait()
	}
	report(t, out.String(), err)
}

// report makes sub-tests of what a test program with -test.v wrote.
func report(t *testing.T, out string, err error) {
	t.Helper()
	verdict := regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+)`)
	failed, ran := false, false
	for _, m := range verdict.FindAllStringSubmatch(out, -1) {
		ran = true
		t.Run(m[2], func(t *testing.T) {
			switch m[1] {
			case "FAIL":
				failed = true
				t.Error("failed in the box")
			case "SKIP":
				t.Skip("skipped in the box")
			}
		})
	}
	switch {
	case err != nil && !failed: // a panic, a time limit, a lost box
		t.Errorf("the tests did not end well: %v\n%s", err, out)
	case failed:
		t.Logf("what the tests wrote:\n%s", out)
	case !ran:
		t.Errorf("no test ran:\n%s", out)
	case testing.Verbose():
		t.Log(out)
	}
}

// Shared builds a program of this module, and shares it with the box: its path
// in there. Where several boxes of a test binary need it, Build it once.
func (b *Box) Shared(pkg string) string {
	b.tb.Helper()
	program, err := Build(context.Background(), b.tb.TempDir(), pkg)
	if err != nil {
		b.tb.Fatalf("%v", err)
	}
	return b.Share(program)
}

// LogTo makes what a command writes part of the test's log, a line at a time.
func LogTo(tb peer.TB, prefix string) io.Writer { return &logWriter{tb: tb, prefix: prefix} }

type logWriter struct {
	tb     peer.TB
	prefix string

	mu   sync.Mutex // guards the field below
	rest []byte
}

func (l *logWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.tb.Logf("%s%s", l.prefix, line)
		l.rest = bytes.Clone(rest)
	}
}
