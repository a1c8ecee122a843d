package peer

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// smallBuffer is the receive buffer of peers that do not read: a sender feels
// them after some kilobytes instead of megabytes.
const smallBuffer = 4 << 10

// Refused returns an address of 127.0.0.1 that refuses TCP connections for the
// rest of the test: its port is bound, so that nobody else gets it, but not
// listened on.
func Refused(tb TB) string {
	tb.Helper()
	return bound(tb, syscall.SOCK_STREAM)
}

// Silent returns a UDP address of 127.0.0.1 that takes datagrams and never
// answers, for the rest of the test.
func Silent(tb TB) string {
	tb.Helper()
	return bound(tb, syscall.SOCK_DGRAM)
}

func bound(tb TB, kind int) string {
	tb.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, kind|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatalf("peer: make a socket: %v", err)
	}
	tb.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		tb.Fatalf("peer: bind a socket: %v", err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		tb.Fatalf("peer: read a socket's name: %v", err)
	}
	return loopback(sa.(*syscall.SockaddrInet4).Port)
}

// Manner is how a [BadPeer] treats a connection. It returns when it is done
// with it, which closes it; ctx ends with the peer.
type Manner func(ctx context.Context, c *BadConn)

// BadConn is a connection to a BadPeer.
type BadConn struct {
	*net.TCPConn
	peer *BadPeer
}

// Read counts what it reads.
func (c *BadConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.peer.read.Add(int64(n))
	return n, err
}

// ResetAtOnce resets each connection right after it was accepted.
func ResetAtOnce() Manner {
	return func(_ context.Context, c *BadConn) { _ = c.SetLinger(0) }
}

// NeverRead accepts and then does nothing.
func NeverRead() Manner {
	return func(ctx context.Context, _ *BadConn) { <-ctx.Done() }
}

// NeverAnswer reads everything and says nothing.
func NeverAnswer() Manner {
	return func(_ context.Context, c *BadConn) {
		buf := make([]byte, 32<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}
}

// CloseAfter reads n bytes and closes.
func CloseAfter(n int) Manner {
	return func(_ context.Context, c *BadConn) {
		buf := make([]byte, 32<<10)
		for n > 0 {
			got, err := c.Read(buf[:min(n, len(buf))])
			if err != nil {
				return
			}
			n -= got
		}
	}
}

// Trickle reads the given number of bytes a second, and says nothing.
func Trickle(bytesPerSecond int) Manner {
	return func(ctx context.Context, c *BadConn) {
		p := newPacer(bytesPerSecond)
		buf := make([]byte, p.quantum())
		for p.wait(ctx) {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}
}

// Answer says the given bytes at once, whatever it was asked, and reads on.
func Answer(b []byte) Manner {
	return func(ctx context.Context, c *BadConn) {
		if _, err := c.Write(b); err != nil {
			return
		}
		NeverAnswer()(ctx, c)
	}
}

// BadPeer is a TCP server that misbehaves.
type BadPeer struct {
	l        net.Listener
	manner   Manner
	cancel   context.CancelFunc
	accepted atomic.Int64
	read     atomic.Int64
	wg       sync.WaitGroup
}

// StartBadPeer starts a TCP server that treats every connection in the given
// manner, until the end of the test.
func StartBadPeer(tb TB, m Manner) *BadPeer {
	tb.Helper()
	l, err := listenSmall()
	if err != nil {
		tb.Fatalf("peer: listen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &BadPeer{l: l, manner: m, cancel: cancel}
	p.wg.Go(func() { p.serve(ctx) })
	tb.Cleanup(p.Stop)
	return p
}

// listenSmall listens with a small receive buffer, which connections inherit.
func listenSmall() (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffer)
		})
		if ctlErr != nil {
			return ctlErr
		}
		return err
	}}
	return lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
}

func (p *BadPeer) serve(ctx context.Context) {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		p.wg.Go(func() {
			defer c.Close()
			unhook := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
			defer unhook()
			p.manner(ctx, &BadConn{TCPConn: c.(*net.TCPConn), peer: p})
		})
	}
}

// Addr is the host and port.
func (p *BadPeer) Addr() string { return p.l.Addr().String() }

// Accepted counts connections so far.
func (p *BadPeer) Accepted() int64 { return p.accepted.Load() }

// BytesRead counts what was read of all connections.
func (p *BadPeer) BytesRead() int64 { return p.read.Load() }

// Stop closes the port and all connections.
func (p *BadPeer) Stop() {
	p.cancel()
	p.l.Close()
	p.wg.Wait()
}

// pacer spreads bytes evenly over time, in steps of 50 ms.
type pacer struct {
	rate int
	next time.Time
}

const pacerStep = 50 * time.Millisecond

func newPacer(bytesPerSecond int) *pacer { return &pacer{rate: max(1, bytesPerSecond)} }

// quantum is how many bytes one wait is for.
func (p *pacer) quantum() int { return max(1, int(int64(p.rate)*int64(pacerStep)/int64(time.Second))) }

// wait waits until another quantum is due; false when ctx ended.
func (p *pacer) wait(ctx context.Context) bool {
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(p.quantum()) * time.Second / time.Duration(p.rate))
	t := time.NewTimer(p.next.Sub(now))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
