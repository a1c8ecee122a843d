package device

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatLibrariesPrintBecomesLogLines(t *testing.T) {
	o, err := divertStderr()
	if err != nil {
		t.Fatal(err)
	}
	defer o.stderr.Close()
	// As C does, and far more than the pipe holds: nobody reads it yet.
	for range 4000 {
		if _, err := unix.Write(stderrFD, []byte("[OpenH264] Warning: a line of about forty characters\n")); err != nil && err != unix.EAGAIN {
			t.Error(err)
		}
	}
	var out bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { o.log(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))) })
	if err := o.restore(); err != nil {
		t.Error(err)
	}
	reading.Wait()
	lines := strings.Split(out.String(), "\n")
	if len(lines) < 500 || !strings.HasSuffix(lines[0], `level=DEBUG msg="a library says" text="[OpenH264] Warning: a line of about forty characters"`) {
		t.Errorf("%d lines, the first is %q", len(lines), lines[0])
	}
	if _, err := unix.Write(stderrFD, nil); err != nil {
		t.Errorf("standard error after the diversion: %v", err)
	}
}
