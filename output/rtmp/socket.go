package rtmp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

// socket is a TCP connection whose writes fail with ErrStalled once the peer has
// taken nothing for the limit. A peer that is slow but takes something is waited for.
type socket struct {
	*tcpinfo.Conn
	limit atomic.Int64 // time.Duration
}

func newSocket(c net.Conn, limit time.Duration) *socket {
	s := &socket{Conn: tcpinfo.New(c)}
	s.limit.Store(int64(limit))
	return s
}

// Write sends all of b.
func (s *socket) Write(b []byte) (int, error) {
	total := 0
	err := s.whileMoving(func() (int64, error) {
		n, err := s.Conn.Write(b[total:])
		total += n
		return int64(n), err
	})
	return total, err
}

// WriteBuffers sends all of the buffers, in one system call where the kernel
// takes them at once. It consumes the slice.
func (s *socket) WriteBuffers(bufs *net.Buffers) error {
	return s.whileMoving(func() (int64, error) { return s.Conn.WriteBuffers(bufs) })
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
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		before := acked
		if acked = s.Acked(); n == 0 && acked == before {
			return fmt.Errorf("%w: %v has accepted nothing for %v: is the server stuck, or the uplink down?",
				output.ErrStalled, s.RemoteAddr(), limit)
		}
	}
}
