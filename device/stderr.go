package device

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// libraryOutput is what C libraries print on standard error of their own accord
// (openh264's warnings at each start, ALSA's): it becomes log lines, so that the
// log holds nothing else.
type libraryOutput struct {
	stderr *os.File // the standard error that the daemon was started with
	pipe   *os.File // what is printed on file descriptor 2 now
}

// stderrFD is where C libraries print, whatever os.Stderr is.
const stderrFD = 2

// divertStderr puts a pipe in the place of file descriptor 2, whose former
// self is then stderr. Crashes still go there. The pipe never blocks: what
// nobody reads is lost.
func divertStderr() (*libraryOutput, error) {
	fd, err := unix.FcntlInt(stderrFD, unix.F_DUPFD_CLOEXEC, stderrFD+1)
	if err != nil {
		return nil, fmt.Errorf("stderr: duplicate: %w", err)
	}
	o := &libraryOutput{stderr: os.NewFile(uintptr(fd), "/dev/stderr")}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("stderr: make a pipe: %w", closing(err, o.stderr))
	}
	o.pipe = os.NewFile(uintptr(ends[0]), "stderr of libraries")
	err = debug.SetCrashOutput(o.stderr, debug.CrashOptions{})
	if err == nil {
		err = unix.Dup3(ends[1], stderrFD, 0)
	}
	_ = unix.Close(ends[1])
	if err != nil {
		return nil, fmt.Errorf("stderr: divert: %w", closing(err, o.stderr, o.pipe))
	}
	return o, nil
}

func closing(err error, files ...io.Closer) error {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
	return err
}

// restore ends the diversion; log then returns.
func (o *libraryOutput) restore() error {
	if err := unix.Dup3(int(o.stderr.Fd()), stderrFD, 0); err != nil {
		return fmt.Errorf("stderr: restore: %w", err)
	}
	return debug.SetCrashOutput(nil, debug.CrashOptions{})
}

// log makes a line of each line until restore. They are for who looks for a
// fault: what matters to others comes as an error of the library.
func (o *libraryOutput) log(l *slog.Logger) {
	defer o.pipe.Close()
	for lines := bufio.NewReader(o.pipe); ; {
		line, _, err := lines.ReadLine()
		if err != nil {
			return
		}
		l.Debug("a library says", "text", string(line))
	}
}
