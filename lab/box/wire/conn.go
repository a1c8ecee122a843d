package wire

import (
	"net"
	"sync"
	"time"
)

// Stream is what a connection runs over: a port of the box's, or the host's end of it.
type Stream interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Conn is one connection of several that a stream carries after each other:
// closing it leaves the stream open, with nobody at it.
type Conn struct {
	stream Stream
	closed chan struct{}
	once   sync.Once
	rd, wr sync.Mutex // held by who is at the stream
}

var _ net.Conn = (*Conn)(nil)

// NewConn makes a connection. The one before it must have been closed.
func NewConn(s Stream) (*Conn, error) {
	if err := s.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return &Conn{stream: s, closed: make(chan struct{})}, nil
}

// Closed is closed with the connection.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close returns once nobody reads from or writes to the stream any more.
// Closing twice is harmless.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	err := c.stream.SetDeadline(time.Now())
	c.rd.Lock()
	defer c.rd.Unlock()
	c.wr.Lock()
	defer c.wr.Unlock()
	return err
}

func (c *Conn) Read(b []byte) (int, error) {
	c.rd.Lock()
	defer c.rd.Unlock()
	if c.over() {
		return 0, net.ErrClosed
	}
	return c.stream.Read(b)
}

func (c *Conn) Write(b []byte) (int, error) {
	c.wr.Lock()
	defer c.wr.Unlock()
	if c.over() {
		return 0, net.ErrClosed
	}
	return c.stream.Write(b)
}

func (c *Conn) over() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// SetDeadline does nothing once the connection is closed: the stream's deadline
// is then another's.
func (c *Conn) SetDeadline(t time.Time) error { return c.ifOpen(c.stream.SetDeadline, t) }

// SetReadDeadline is like SetDeadline.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.ifOpen(c.stream.SetReadDeadline, t) }

// SetWriteDeadline is like SetDeadline.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.ifOpen(c.stream.SetWriteDeadline, t) }

func (c *Conn) ifOpen(set func(time.Time) error, t time.Time) error {
	if c.over() {
		return net.ErrClosed
	}
	return set(t)
}

// LocalAddr is the port's name.
func (c *Conn) LocalAddr() net.Addr { return addr{} }

// RemoteAddr is the port's name.
func (c *Conn) RemoteAddr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "virtio" }
func (addr) String() string  { return Port }
