// Package pty makes pseudo-terminals and cables between them, for tests of serial lines.
package pty

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Open makes a pseudo-terminal: what a program sees that opens the device, the test
// sees at master. Closing master unplugs it.
func Open() (master *os.File, device string, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", fmt.Errorf("pty: %w", err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, "", errors.Join(err, master.Close())
	}
	n, failed := 0, error(nil)
	err = raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			n, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return nil, "", errors.Join(fmt.Errorf("pty: unlock: %w", err), master.Close())
	}
	return master, fmt.Sprintf("/dev/pts/%d", n), nil
}

// Cable is a null modem cable: what is written to one of its devices is read at the
// other.
type Cable struct {
	Box, PC string // devices
	ends    []*os.File
	held    []*os.File
	done    sync.WaitGroup
}

// NewCable makes a cable. Its devices stay, whoever opens and closes them.
func NewCable() (*Cable, error) {
	a, box, err := Open()
	if err != nil {
		return nil, err
	}
	b, pc, err := Open()
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	c := &Cable{Box: box, PC: pc, ends: []*os.File{a, b}}
	for _, device := range []string{box, pc} {
		// Held open: a pseudo-terminal that nobody has open ends its master's reads.
		f, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.held = append(c.held, f)
		if err := plain(f); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	c.done.Go(func() { _, _ = io.Copy(b, a) })
	c.done.Go(func() { _, _ = io.Copy(a, b) })
	return c, nil
}

// plain has the terminal pass bytes as they are.
func plain(f *os.File) error {
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("pty: %w", err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}

// Close pulls the cable out at both ends.
func (c *Cable) Close() error {
	var errs []error
	for _, f := range append(c.ends, c.held...) {
		errs = append(errs, f.Close())
	}
	c.done.Wait()
	return errors.Join(errs...)
}
