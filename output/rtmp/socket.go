package rtmp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

// unsentLimit bounds what the kernel holds before it has sent it. Beyond it
// packets wait in the hub's ring, where they can be dropped and are counted.
const unsentLimit = 256 << 10

// socket is a TCP connection that counts what it sends, and whose writes fail
// with ErrStalled once the peer has taken nothing for the limit. A peer that is
// slow but takes something is waited for.
type socket struct {
	*net.TCPConn
	limit atomic.Int64 // time.Duration
	sent  atomic.Uint64
}

func newSocket(c *net.TCPConn, limit time.Duration) *socket {
	s := &socket{TCPConn: c}
	s.limit.Store(int64(limit))
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // a refinement: the connection works without it
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
		})
	}
	return s
}

// Write sends all of b.
func (s *socket) Write(b []byte) (int, error) {
	total := 0
	err := s.whileMoving(func() (int64, error) {
		n, err := s.TCPConn.Write(b[total:])
		total += n
		return int64(n), err
	})
	return total, err
}

// WriteBuffers sends all of the buffers, in one system call where the kernel
// takes them at once. It consumes the slice.
func (s *socket) WriteBuffers(bufs *net.Buffers) error {
	return s.whileMoving(func() (int64, error) { return bufs.WriteTo(s.TCPConn) })
}

// whileMoving repeats write until it is done, or until the peer has neither
// made room nor acknowledged a byte within the limit. Room alone says too
// little: on a slow uplink the kernel frees it in rare, large steps.
func (s *socket) whileMoving(write func() (int64, error)) error {
	acked := uint64(0) // asked for only once it matters
	for {
		// Two halves without progress make the limit; the first takes the
		// count that the second is compared with.
		limit := time.Duration(s.limit.Load())
		if err := s.SetWriteDeadline(time.Now().Add(limit / 2)); err != nil {
			return err
		}
		n, err := write()
		s.sent.Add(uint64(n))
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		before := acked
		if acked = s.acked(); n == 0 && acked == before {
			return fmt.Errorf("%w: %v has accepted nothing for %v: is the server stuck, or the uplink down?",
				output.ErrStalled, s.RemoteAddr(), limit)
		}
	}
}

// acked is how many bytes the peer has acknowledged.
func (s *socket) acked() (n uint64) {
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = info.Bytes_acked
		}
	})
	return n
}

// tcpStats asks the kernel for the round trip and for what is not acknowledged.
func (s *socket) tcpStats() (rtt time.Duration, retransmitted, outstanding uint64) {
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			rtt = time.Duration(info.Rtt) * time.Microsecond
			retransmitted = uint64(info.Total_retrans)
		}
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			outstanding = uint64(n)
		}
	})
	return rtt, retransmitted, outstanding
}
