// Package devfile opens device files in such a way that a goroutine that reads one holds no
// thread and can be woken, and tells the kernel's monotonic times as Go's.
package devfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Open opens a device for flag (os.O_RDONLY …) without blocking: reads and writes wait in
// the runtime's poller. It never creates a file.
func Open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: the daemon's user needs the group that the device belongs to", err)
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("%w: another program has it open", err)
	}
	return f, err
}

// Ioctl calls f with the descriptor, which stays open meanwhile.
func Ioctl(file *os.File, f func(fd uintptr) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(fd) }); err != nil {
		return err
	}
	return failed
}

// Deadliner is what can be woken: an os.File, a net.Conn.
type Deadliner interface{ SetReadDeadline(time.Time) error }

// WakeAtEnd lets a read of file fail with os.ErrDeadlineExceeded once ctx ends, until release
// is called. One at a time for a file.
func WakeAtEnd(ctx context.Context, file Deadliner) (release func(), err error) {
	if err := file.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = file.SetReadDeadline(time.Unix(1, 0)) // fails for a closed file alone, whose read has ended
	})
	return func() {
		if !stop() {
			<-done
		}
	}, nil
}

// Gone says whether a read's error means that the device was taken away.
func Gone(err error) bool {
	for _, gone := range []error{syscall.ENODEV, syscall.ENXIO, syscall.EIO, io.EOF, os.ErrClosed} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// At is the time of an instant of the kernel's CLOCK_MONOTONIC.
func At(monotonic time.Duration) time.Time {
	var now unix.Timespec
	at := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return at // cannot be: the clock is always there
	}
	return at.Add(monotonic - time.Duration(now.Nano()))
}
