package httpd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/localsocket"
)

// socketMode lets the daemon's user and group in: who gets there may do everything.
const socketMode = 0o660

// maxSocketPath is what the kernel takes as a socket's address, without its end.
const maxSocketPath = 107

// Socket serves a handler on a Unix socket, whose requests say who asks
// (control.CallerOf): the user at the other end, as Admin.
type Socket struct {
	Path    string
	Handler http.Handler
	Log     *slog.Logger
}

// Run serves until ctx ends. It takes the place of a socket that nobody serves any
// more, and fails where somebody does.
func (s *Socket) Run(ctx context.Context, ready func()) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(s.Path) }() // the next one replaces it anyway
	srv := newServer(ctx, new(Server).limitBodies(s.Handler), s.Log)
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return control.WithCaller(ctx, peerOf(c))
	}
	ready()
	return serveOn(ctx, srv, l, s.Path)
}

// lock keeps two daemons from taking the socket from each other.
func (s *Socket) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(s.Path+".lock", os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case err == nil && s.answers(ctx):
		err = s.taken()
	case errors.Is(err, unix.EWOULDBLOCK):
		err = s.taken()
	case err != nil:
		err = fmt.Errorf("control socket: lock %s: %w", f.Name(), err)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}

func (s *Socket) taken() error {
	return fmt.Errorf("control socket: another program serves %s: stop it, or set storage.live to another folder", s.Path)
}

// answers says that somebody serves the socket.
func (s *Socket) answers(ctx context.Context) bool {
	dialer := net.Dialer{Timeout: time.Second}
	c, err := dialer.DialContext(ctx, "unix", s.Path)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// listen makes the socket beside its place, which it takes in one step.
func (s *Socket) listen(ctx context.Context) (net.Listener, error) {
	if info, err := os.Lstat(s.Path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("control socket: %s is there and is no socket: remove it", s.Path)
	}
	temp := filepath.Join(filepath.Dir(s.Path), ".c"+strconv.Itoa(os.Getpid()))
	if n := max(len(temp), len(s.Path)); n > maxSocketPath {
		return nil, fmt.Errorf("control socket: %s is %d bytes long, and the system takes %d: set storage.live to a shorter path", s.Path, n, maxSocketPath)
	}
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := localsocket.Listen(ctx, temp, socketMode)
	if err != nil {
		return nil, fmt.Errorf("control socket: listen on %s: %w", s.Path, err)
	}
	l.SetUnlinkOnClose(false) // it has another name soon
	if err := os.Rename(temp, s.Path); err != nil {
		return nil, fmt.Errorf("control socket: %w", errors.Join(err, l.Close(), os.Remove(temp)))
	}
	return l, nil
}

// peerOf is who is at the other end of a Unix socket. Its session is that of the
// operating system: the same for what is typed in one terminal, another one for each
// service.
func peerOf(c net.Conn) control.Caller {
	by := control.Caller{Name: "a program on the box", Surface: control.Socket, Role: control.Admin}
	cred, err := credentials(c)
	if err != nil {
		return by
	}
	uid := strconv.FormatUint(uint64(cred.Uid), 10)
	by.Name = "user " + uid
	if known, err := user.LookupId(uid); err == nil {
		by.Name = known.Username
	}
	if sid, err := unix.Getsid(int(cred.Pid)); err == nil && cred.Pid > 0 {
		by.Session = strconv.Itoa(sid)
	}
	return by
}

// credentials are the kernel's word of the process at the other end.
func credentials(c net.Conn) (cred *unix.Ucred, err error) {
	u, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.New("control socket: no socket of the system's")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	asked := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return cred, errors.Join(asked, err)
}
