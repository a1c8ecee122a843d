// Package tcpinfo is what every push over TCP shares: how the kernel is told to
// send, and what it knows of a connection's way to the receiver, under TLS too.
package tcpinfo

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

// Conn is a TCP connection that counts what it sends. Its methods may be called
// from any goroutine, and after Close; those that only tell something also of nil.
type Conn struct {
	net.Conn
	sent  atomic.Uint64
	group *Group // nil without; set before the connection is used

	mu     sync.Mutex // guards the fields below
	most   uint64     // the largest Path.Written so far
	idle   bool       // everything had been sent at the last Path
	unsent int        // TCP_NOTSENT_LOWAT as set by Pace; 0: as it was
}

var _ net.Conn = (*Conn)(nil)

// New counts what c sends from now on. c should be a *net.TCPConn: of another one
// the kernel tells nothing.
func New(c net.Conn) *Conn { return &Conn{Conn: c} }

// Of finds the counting connection below TLS; nil where there is none.
func Of(c net.Conn) *Conn {
	for {
		switch below := c.(type) {
		case *Conn:
			return below
		case *tls.Conn:
			c = below.NetConn()
		default:
			return nil
		}
	}
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(uint64(n))
	return n, err
}

// WriteBuffers sends all of the buffers, in one system call where the kernel takes
// them at once. It consumes what was sent of the slice.
func (c *Conn) WriteBuffers(bufs *net.Buffers) (int64, error) {
	n, err := bufs.WriteTo(c.Conn)
	c.sent.Add(uint64(n))
	return n, err
}

// CloseWrite ends the sending side where the connection can do that.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return syscall.EOPNOTSUPP
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	if c.group != nil {
		c.group.leave(c)
	}
	return c.Conn.Close()
}

// Written is how many bytes the kernel has taken by writes that have ended.
func (c *Conn) Written() uint64 {
	if c == nil {
		return 0
	}
	return c.sent.Load()
}

// Acked is how many bytes the peer has acknowledged; 0 where the kernel does not
// tell any more.
func (c *Conn) Acked() uint64 {
	info, _, _ := c.ask()
	return acked(info)
}

// Stats are what the kernel tells of the connection.
func (c *Conn) Stats() output.ConnStats {
	st := output.ConnStats{BytesSent: c.Written()}
	if info, queued, ok := c.ask(); ok {
		st.RTT = time.Duration(info.Rtt) * time.Microsecond
		st.Retransmitted = uint64(info.Total_retrans)
		st.Outstanding = queued
	}
	return st
}

// ask reads TCP_INFO and SIOCOUTQ: what is written and not acknowledged.
func (c *Conn) ask() (info unix.TCPInfo, queued uint64, ok bool) {
	if c == nil {
		return info, 0, false
	}
	of, ok := c.Conn.(syscall.Conn)
	if !ok {
		return info, 0, false
	}
	raw, err := of.SyscallConn()
	if err != nil {
		return info, 0, false
	}
	ok = false
	_ = raw.Control(func(fd uintptr) { // the error is that of a closed connection
		got, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		info, queued, ok = *got, uint64(max(n, 0)), err == nil
	})
	return info, queued, ok
}

// acked leaves out the SYN, which the kernel counts as a byte.
func acked(info unix.TCPInfo) uint64 { return max(info.Bytes_acked, 1) - 1 }
