// Package fault plays bad servers: one scripted server at one address that can
// misbehave in every way that pushes meet, and be a good server again at the same
// address. Its test is the table of what each kind of push makes of each fault.
//
// What a protocol has to say before it can misbehave is said by a real server behind
// it (Relay, After), by a library's server, or by a few scripted lines.
package fault

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// smallBuffer is the receive buffer of connections: a sender feels a server that
// does not read after some kilobytes instead of megabytes.
const smallBuffer = 4 << 10

// Manner is how a server treats a connection. It returns when it is done with it,
// which closes it; ctx ends with the manner, and so do the connection's reads and writes.
type Manner func(ctx context.Context, c net.Conn)

// Server is a TCP server at one address of 127.0.0.1, which stays its own while it
// refuses connections too. Play, Refuse and Show may be called at any time.
type Server struct {
	addr string
	hold int // a socket bound to the address, so that nobody else gets it
	wg   sync.WaitGroup

	accepted, read atomic.Int64

	mu       sync.Mutex // guards the fields below
	listener net.Listener
	end      context.CancelFunc // of the present manner's connections
	ending   *sync.WaitGroup    // of them
	cert     *tls.Certificate
}

// Start makes a server that refuses connections, for the rest of the test.
func Start(tb peer.TB) *Server {
	tb.Helper()
	s := &Server{end: func() {}, ending: new(sync.WaitGroup)}
	var err error
	if s.hold, s.addr, err = reserve(); err != nil {
		tb.Fatalf("fault: reserve an address: %v", err)
	}
	tb.Cleanup(func() {
		s.Refuse()
		s.wg.Wait()
		_ = syscall.Close(s.hold)
	})
	return s
}

// reserve binds a socket that does not listen. Listeners share its address by
// SO_REUSEPORT; without one, the kernel refuses.
func reserve() (fd int, addr string, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, "", err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, "", err
	}
	return fd, fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), nil
}

// Addr is the host and port.
func (s *Server) Addr() string { return s.addr }

// Accepted counts connections so far.
func (s *Server) Accepted() int64 { return s.accepted.Load() }

// BytesRead counts what was read of all connections.
func (s *Server) BytesRead() int64 { return s.read.Load() }

// Show makes connections that come from now on TLS ones, with a certificate; nil
// makes them plain.
func (s *Server) Show(cert *tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cert = cert
}

// Play treats connections in another manner from now on. Those there are end, as when
// one server is replaced by another, and have ended when it returns.
func (s *Server) Play(m Manner) error {
	s.stop()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) {
			if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err == nil {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, smallBuffer)
			}
		})
		if ctlErr != nil {
			return ctlErr
		}
		return err
	}}
	l, err := lc.Listen(context.Background(), "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("fault: listen at %s: %w", s.addr, err)
	}
	ctx, end := context.WithCancel(context.Background())
	group := new(sync.WaitGroup)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.end, s.ending = l, end, group
	cert := s.cert
	s.wg.Go(func() { s.serve(ctx, l, m, cert, group) })
	return nil
}

// Refuse ends all connections; new ones are refused until Play.
func (s *Server) Refuse() { s.stop() }

func (s *Server) stop() {
	s.mu.Lock()
	l, end, group := s.listener, s.end, s.ending
	s.listener = nil
	s.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	end()
	s.wg.Wait() // serve has ended: nobody joins the group any more
	group.Wait()
}

func (s *Server) serve(ctx context.Context, l net.Listener, m Manner, cert *tls.Certificate, group *sync.WaitGroup) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		group.Go(func() {
			defer raw.Close()
			defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
			c := net.Conn(&counted{raw.(*net.TCPConn), &s.read})
			if cert != nil {
				secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
				if err := secure.HandshakeContext(ctx); err != nil {
					return
				}
				defer secure.Close()
				c = secure
			}
			m(ctx, c)
		})
	}
}

// counted counts what it reads.
type counted struct {
	*net.TCPConn
	read *atomic.Int64
}

// Read implements net.Conn.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// WriteTo and ReadFrom of the TCP connection would go past the count.
func (c *counted) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

// tcp is the TCP connection below c.
func tcp(c net.Conn) *net.TCPConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*counted).TCPConn
}

// Reset resets the connection.
func Reset(_ context.Context, c net.Conn) {
	_ = tcp(c).SetLinger(0)
	_ = tcp(c).Close()
}

// NeverRead does nothing.
func NeverRead(ctx context.Context, _ net.Conn) { <-ctx.Done() }

// NeverAnswer reads everything and says nothing.
func NeverAnswer(_ context.Context, c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// Close closes the connection.
func Close(context.Context, net.Conn) {}

// Read reads n bytes and goes on as then.
func Read(n int64, then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		if _, err := io.CopyN(io.Discard, c, n); err == nil {
			then(ctx, c)
		}
	}
}

// Say says text and goes on as then.
func Say(text string, then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		if _, err := io.WriteString(c, text); err == nil {
			then(ctx, c)
		}
	}
}

// Slowly says text, a byte every so often, and goes on as then.
func Slowly(text string, every time.Duration, then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		for i := range len(text) {
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
			select {
			case <-time.After(every):
			case <-ctx.Done():
				return
			}
		}
		then(ctx, c)
	}
}

// Reading reads what comes while it goes on as then.
func Reading(then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		var reading sync.WaitGroup
		defer reading.Wait()
		reading.Go(func() { _, _ = io.Copy(io.Discard, c) })
		then(ctx, c)
		_ = tcp(c).SetReadDeadline(time.Unix(1, 0))
	}
}

// Flood says text again and again, and reads what comes, if anything does.
func Flood(text string) Manner {
	block := bytes.Repeat([]byte(text), 1+(32<<10)/len(text))
	return Reading(func(_ context.Context, c net.Conn) {
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
}
