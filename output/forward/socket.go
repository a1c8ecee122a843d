package forward

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLimit is how much of what was written may wait unsent in the kernel:
// what is written then is soon on its way, so that live overtakes a backlog,
// and what the link takes can be measured.
const unsentLimit = 64 << 10

// socketOptions make the kernel notice a dead link, and not hoard data. What a
// kernel does not have is done without.
func socketOptions(stall time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stall.Milliseconds()))
		})
	}
}

// conn counts what a connection has taken.
type conn struct {
	net.Conn
	written atomic.Int64
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// connOf finds the counting connection below TLS; nil where there is none.
func connOf(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	counting, _ := c.(*conn)
	return counting
}

func (c *conn) sent() int64 {
	if c == nil {
		return 0
	}
	return c.written.Load()
}

// unacknowledged is how much the peer has not acknowledged yet, as far as the
// kernel tells.
func (c *conn) unacknowledged() (n int64) {
	if c == nil {
		return 0
	}
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if v, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			n = int64(v)
		}
	})
	return n
}
