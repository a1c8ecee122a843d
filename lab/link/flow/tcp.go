// Package flow makes traffic through a link: bulk TCP that competes with what is
// measured, and datagrams at a constant rate.
package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/netns"
	"golang.org/x/sys/unix"
)

// Way is from where to where traffic goes.
type Way struct {
	From, To *netns.Namespace
	Addr     netip.Addr // of To, as From reaches it
}

// TCPOptions of a bulk transfer.
type TCPOptions struct {
	CongestionControl string // "cubic", "bbr"; the namespace's when empty
	Bytes             int64  // to send; without end when 0
}

// TCP is a greedy TCP connection, both its ends.
type TCP struct {
	conn     *net.TCPConn
	sink     *net.TCPConn
	unhook   func() bool
	finished chan struct{} // closed when all Bytes were acknowledged, or the connection is over
	received atomic.Int64
	stopping atomic.Bool
	done     sync.WaitGroup
	err      error // set before finished is closed
}

// ErrCongestionControl is the error of a kernel without that congestion control.
var ErrCongestionControl = errors.New("the kernel has no such TCP congestion control")

// StartTCP connects and sends until Stop or the end of ctx, or all Bytes. Whoever
// starts it calls Stop.
func StartTCP(ctx context.Context, w Way, o TCPOptions) (*TCP, error) {
	t := &TCP{finished: make(chan struct{})}
	if err := t.connect(ctx, w, o.CongestionControl); err != nil {
		t.closeBoth()
		return nil, err
	}
	t.unhook = context.AfterFunc(ctx, t.breakOff)
	t.done.Go(func() { _, _ = io.Copy(counter{&t.received}, t.sink); _ = t.sink.Close() })
	t.done.Go(func() {
		defer close(t.finished)
		if err := t.send(o.Bytes); err != nil && !t.stopping.Load() {
			t.err = fmt.Errorf("flow: send: %w", err)
		}
	})
	return t, nil
}

// connect makes both ends.
func (t *TCP) connect(ctx context.Context, w Way, congestion string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l, err := w.To.Listen(ctx, "tcp4", netip.AddrPortFrom(w.Addr, 0).String())
	if err != nil {
		return fmt.Errorf("flow: listen: %w", err)
	}
	defer l.Close()
	c, err := w.From.DialContext(ctx, "tcp4", l.Addr().String())
	if err != nil {
		return fmt.Errorf("flow: connect: %w", err)
	}
	t.conn = c.(*net.TCPConn)
	if deadline, ok := ctx.Deadline(); ok {
		_ = l.(*net.TCPListener).SetDeadline(deadline) // the handshake's last packet may be lost
	}
	if c, err = l.Accept(); err != nil {
		return fmt.Errorf("flow: accept: %w", err)
	}
	t.sink = c.(*net.TCPConn)
	if congestion == "" {
		return nil
	}
	err = t.control(func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
	})
	if errors.Is(err, unix.ENOENT) {
		err = ErrCongestionControl
	}
	if err != nil {
		return fmt.Errorf("flow: congestion control %q: %w", congestion, err)
	}
	return nil
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

func (t *TCP) control(f func(fd int) error) error {
	raw, err := t.conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func (t *TCP) send(total int64) error {
	block := make([]byte, 16<<10)
	for sent := int64(0); total == 0 || sent < total; {
		b := block
		if total > 0 {
			b = block[:min(int64(len(block)), total-sent)]
		}
		n, err := t.conn.Write(b)
		sent += int64(n)
		if err != nil {
			return err
		}
	}
	if err := t.conn.CloseWrite(); err != nil {
		return err
	}
	// The receiver closes when it has everything.
	if _, err := t.conn.Read(block); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Received is how many bytes the receiver has got.
func (t *TCP) Received() int64 { return t.received.Load() }

// Done is closed when all Bytes have arrived, or the connection broke.
func (t *TCP) Done() <-chan struct{} { return t.finished }

// Info is the sender's account of its connection.
func (t *TCP) Info() (info *unix.TCPInfo, err error) {
	err = t.control(func(fd int) error {
		info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("flow: TCP_INFO: %w", err)
	}
	return info, nil
}

// breakOff closes both ends: a reset would have to pass the link, and one behind a
// full queue would come late.
func (t *TCP) breakOff() {
	t.stopping.Store(true)
	t.closeBoth()
}

func (t *TCP) closeBoth() {
	for _, c := range []*net.TCPConn{t.conn, t.sink} {
		if c != nil {
			_ = c.SetLinger(0) // what waits is dropped
			_ = c.Close()
		}
	}
}

// Stop breaks the connection off, drops what waits for it, and returns once both
// ends are closed. Its error is why the connection broke before that.
func (t *TCP) Stop() error {
	t.unhook()
	t.breakOff()
	t.done.Wait()
	return t.err
}
