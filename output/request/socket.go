package request

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

// unsentLimit is how much of what was written may wait unsent in the kernel:
// what is written then is soon on its way, so that live overtakes a backlog,
// and what the link takes can be measured.
const unsentLimit = 64 << 10

// SocketOptions is for net.Dialer.Control: the kernel then notices a dead link,
// and does not hoard data. What a kernel does not have is done without.
func SocketOptions(stall time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stall.Milliseconds()))
		})
	}
}

// Conn counts what a connection has taken.
type Conn struct {
	net.Conn
	written atomic.Int64
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// ConnOf finds the counting connection below TLS; nil where there is none.
func ConnOf(c net.Conn) *Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	counting, _ := c.(*Conn)
	return counting
}

// Sent is how many bytes the kernel has taken. A nil Conn has sent none.
func (c *Conn) Sent() int64 {
	if c == nil {
		return 0
	}
	return c.written.Load()
}

// Unacknowledged is how much the peer has not acknowledged yet, as far as the
// kernel tells.
func (c *Conn) Unacknowledged() int64 { return int64(c.Stats().Outstanding) }

// Stats are what the kernel tells of the connection; zero for a nil Conn.
func (c *Conn) Stats() output.ConnStats {
	if c == nil {
		return output.ConnStats{}
	}
	st := output.ConnStats{BytesSent: uint64(c.Sent())}
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return st
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return st
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			st.RTT = time.Duration(info.Rtt) * time.Microsecond
			st.Retransmitted = uint64(info.Total_retrans)
		}
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			st.Outstanding = uint64(max(n, 0))
		}
	})
	return st
}
