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

// Port is a serial port with the test at its far end: what is written to Device is
// read here. Device stays, whoever opens and closes it, until Close unplugs it.
type Port struct {
	*os.File
	Device string
	held   *os.File
}

// NewPort makes a port that passes bytes as they are.
func NewPort() (*Port, error) {
	master, device, err := Open()
	if err != nil {
		return nil, err
	}
	// Held open: a pseudo-terminal that nobody has open ends its master's reads.
	held, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, errors.Join(err, master.Close())
	}
	p := &Port{master, device, held}
	if err := plain(held); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close unplugs it.
func (p *Port) Close() error { return errors.Join(p.File.Close(), p.held.Close()) }

// Cable is a null modem cable: what is written to one of its devices is read at the
// other.
type Cable struct {
	Box, PC string // devices
	ends    []*Port
	done    sync.WaitGroup
}

// NewCable makes a cable. Its devices stay, whoever opens and closes them.
func NewCable() (*Cable, error) {
	a, err := NewPort()
	if err != nil {
		return nil, err
	}
	b, err := NewPort()
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	c := &Cable{Box: a.Device, PC: b.Device, ends: []*Port{a, b}}
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
	for _, p := range c.ends {
		errs = append(errs, p.Close())
	}
	c.done.Wait()
	return errors.Join(errs...)
}
