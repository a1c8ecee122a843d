package icecast

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

// sendBuffer bounds what the kernel hoards: four seconds of sound at 128 kb/s, so
// that a server that takes none is noticed.
const sendBuffer = 64 << 10

// socket is a TCP connection that notices when the peer takes nothing. One goroutine
// writes.
type socket struct {
	net.Conn // counts by tcpinfo.Conn
	counter  *tcpinfo.Conn
	limit    time.Duration

	acked int64 // when the peer last took something, and how much by then
	since time.Time
}

// connect opens a connection to address, with TLS above it where trust is given.
// raw is what counts and notices stalls.
func connect(ctx context.Context, address string, t output.Target, trust *tls.Config) (rw net.Conn, raw *socket, err error) {
	dialer := &net.Dialer{Control: tcpinfo.Control(t.WriteTimeout)}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	_ = c.(*net.TCPConn).SetWriteBuffer(sendBuffer) // a refinement: it works without
	counter := tcpinfo.New(c)
	raw = &socket{Conn: counter, counter: counter, limit: t.WriteTimeout, since: time.Now()}
	if trust == nil {
		return raw, raw, nil
	}
	client := tls.Client(raw, trust)
	if err := client.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, nil, err
	}
	return client, raw, nil
}

// Write sends all of b. It fails with output.ErrStalled when the peer has taken
// nothing for the limit, be it that b waits for that long, or what went before.
func (s *socket) Write(b []byte) (int, error) {
	total := 0
	for {
		if s.stuck() {
			return total, s.stalled()
		}
		if err := s.SetWriteDeadline(time.Now().Add(s.limit / 2)); err != nil {
			return total, err
		}
		n, err := s.Conn.Write(b[total:])
		total += n
		switch {
		case errors.Is(err, syscall.ETIMEDOUT):
			return total, s.stalled()
		case err == nil || !errors.Is(err, os.ErrDeadlineExceeded):
			return total, err
		}
	}
}

// Read implements net.Conn. The kernel tells its verdict, that the peer has taken
// nothing for too long, to whoever asks first.
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if errors.Is(err, syscall.ETIMEDOUT) {
		err = s.stalled()
	}
	return n, err
}

// stuck says that the peer has left what it was sent for longer than the limit.
func (s *socket) stuck() bool {
	stats := s.counter.Stats()
	acked := int64(stats.BytesSent) - int64(stats.Outstanding)
	if acked != s.acked || stats.Outstanding == 0 {
		s.acked, s.since = acked, time.Now()
	}
	return time.Since(s.since) > s.limit
}

func (s *socket) stalled() error {
	return fmt.Errorf("%w: %v has taken nothing for %v: is the server stuck, or the uplink down?", output.ErrStalled, s.RemoteAddr(), s.limit)
}
