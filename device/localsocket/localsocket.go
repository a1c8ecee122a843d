// Package localsocket makes Unix sockets that nobody can open before they have the mode
// that says who may.
package localsocket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen makes a socket at path, where there is none, for those whom mode lets in. It never
// lets in others: Linux gives the file of a socket the mode that the socket had when it was
// bound, less the umask, which a process has one of and which is therefore not touched.
func Listen(ctx context.Context, path string, mode fs.FileMode) (*net.UnixListener, error) {
	l, err := bind(ctx, path, mode)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil { // what the umask has taken
		return nil, errors.Join(fmt.Errorf("who may open it: %w", err), l.Close())
	}
	return l, nil
}

// bind makes a socket with no more than a mode.
func bind(ctx context.Context, path string, mode fs.FileMode) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), uint32(mode.Perm())) }); err != nil {
			return err
		}
		return failed
	}}
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no Unix socket", path), l.Close())
	}
	return u, nil
}
