// Package netns makes network namespaces without names, and runs Go code and
// programs in them. A namespace lives as long as a descriptor, a socket or a
// process holds it: nothing is left behind when the program that made it is
// killed, and nothing of the host's network is changed. It needs root
// (CAP_SYS_ADMIN and CAP_NET_ADMIN).
package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrPermission is the error of [New] without the rights to make a namespace.
var ErrPermission = errors.New("making a network namespace needs root (CAP_SYS_ADMIN): run this as root, or with sudo")

// Namespace is a network namespace of its own, with its loopback interface up,
// IPv6 off, and no memory of earlier TCP connections (tcp_no_metrics_save), so
// that one run does not teach the next. Its methods may be called from any
// goroutine.
type Namespace struct {
	mu    sync.Mutex // guards the fields below
	file  *os.File   // nil once closed
	links int        // addresses handed out, see Number
}

// New makes a namespace. Whoever calls it closes it.
func New() (*Namespace, error) {
	n := &Namespace{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			if errors.Is(err, unix.EPERM) {
				err = ErrPermission
			}
			return fmt.Errorf("netns: make a namespace: %w", err)
		}
		f, err := current()
		if err != nil {
			return err
		}
		n.file = f
		return prepare()
	})
	if err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// current opens the namespace of the calling thread.
func current() (*os.File, error) {
	f, err := os.OpenFile("/proc/thread-self/ns/net", os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("netns: open this thread's namespace: %w", err)
	}
	return f, nil
}

// isCurrent tells whether a namespace is the calling thread's.
func isCurrent(f *os.File) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(f.Fd()), &a) == nil && unix.Stat("/proc/thread-self/ns/net", &b) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}

// onThread calls f on a locked thread and brings that back to the namespace it
// came from. Where this fails the thread stays locked: it ends with the goroutine
// and no other goroutine ever runs in the wrong namespace.
func onThread(f func() error) (err error) {
	runtime.LockOSThread()
	back, err := current()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		defer back.Close()
		if isCurrent(back) { // f failed to leave: without the right to, there is none to come back either
			runtime.UnlockOSThread()
			return
		}
		if e := unix.Setns(int(back.Fd()), unix.CLONE_NEWNET); e != nil {
			err = errors.Join(err, fmt.Errorf("netns: return from a namespace: %w", e))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// prepare sets up a new namespace from inside.
func prepare() error {
	for path, value := range map[string]string{
		"ipv6/conf/all/disable_ipv6":     "1", // no router solicitations between what is measured
		"ipv6/conf/default/disable_ipv6": "1",
		"ipv4/tcp_no_metrics_save":       "1",
	} {
		if err := write(path, value); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("netns: make a socket: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("netns: name lo: %w", err)
	}
	req.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("netns: bring lo up: %w", err)
	}
	return nil
}

func write(path, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys/net", path), []byte(value), 0o644); err != nil {
		return fmt.Errorf("netns: set net/%s: %w", path, err)
	}
	return nil
}

// Do calls f on the calling goroutine, its thread locked and in the namespace,
// and comes back from there. Sockets that f makes stay in the namespace for good,
// processes that it starts and threads that C code starts in it too; goroutines
// that f starts do not.
func (n *Namespace) Do(f func() error) error {
	n.mu.Lock()
	if n.file == nil {
		n.mu.Unlock()
		return errors.New("netns: the namespace is closed")
	}
	fd, err := unix.FcntlInt(n.file.Fd(), unix.F_DUPFD_CLOEXEC, 0) // Close may come while f runs
	n.mu.Unlock()
	if err != nil {
		return fmt.Errorf("netns: hold the namespace: %w", err)
	}
	return onThread(func() error {
		err := unix.Setns(fd, unix.CLONE_NEWNET)
		_ = unix.Close(fd)
		if err != nil {
			return fmt.Errorf("netns: enter the namespace: %w", err)
		}
		return f()
	})
}

// Start starts a command in the namespace, as cmd.Start.
func (n *Namespace) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// DialContext connects from inside the namespace, as net.Dialer.DialContext, to a
// literal IP address: there is no name service. It fits http.Transport.
func (n *Namespace) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = n.Do(func() error {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen listens inside the namespace, for plain TCP, never Multipath TCP.
func (n *Namespace) Listen(ctx context.Context, network, address string) (l net.Listener, err error) {
	err = n.Do(func() error {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		l, err = lc.Listen(ctx, network, address)
		return err
	})
	return l, err
}

// ListenPacket opens a datagram socket inside the namespace.
func (n *Namespace) ListenPacket(ctx context.Context, network, address string) (c net.PacketConn, err error) {
	err = n.Do(func() error {
		var lc net.ListenConfig
		c, err = lc.ListenPacket(ctx, network, address)
		return err
	})
	return c, err
}

// Transport makes an HTTP transport that connects from inside the namespace.
// Whoever calls it closes its idle connections.
func (n *Namespace) Transport() *http.Transport { return &http.Transport{DialContext: n.DialContext} }

// SetSysctl writes a value below /proc/sys/net, "ipv4/tcp_congestion_control" for
// example, for this namespace alone.
func (n *Namespace) SetSysctl(path, value string) error {
	return n.Do(func() error { return write(path, value) })
}

// Sysctl reads a value below /proc/sys/net of this namespace.
func (n *Namespace) Sysctl(path string) (value string, err error) {
	err = n.Do(func() error {
		b, err := os.ReadFile(filepath.Join("/proc/sys/net", path))
		if err != nil {
			return fmt.Errorf("netns: read net/%s: %w", path, err)
		}
		value = strings.TrimRight(string(b), "\n")
		return nil
	})
	return value, err
}

// Number counts up from 1: for interface names and addresses that must differ
// within the namespace.
func (n *Namespace) Number() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links++
	return n.links
}

// Path names the namespace for programs such as nsenter --net=PATH, as long as it
// is open; "" once it is closed.
func (n *Namespace) Path() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd())
}

// Close lets go of the namespace. The kernel removes it, and its interfaces, once
// no socket and no process is left in it. Closing twice does nothing.
func (n *Namespace) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return nil
	}
	err := n.file.Close()
	n.file = nil
	if err != nil {
		return fmt.Errorf("netns: close a namespace: %w", err)
	}
	return nil
}
