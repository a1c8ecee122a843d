// Package udp pushes a programme as MPEG-TS in datagrams, seven packets each,
// to one receiver or a multicast group: plain, and as RTP (RFC 2250).
package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/mux/ts/pace"
)

// Kind is MPEG-TS over UDP.
var Kind = output.Kind{
	Name: "udp", Title: "MPEG-TS over UDP, unicast and multicast", Direction: output.Push,
	Schemes: []string{"udp"}, Transports: []string{"udp"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial, Live: true,
}

// KindRTP is MPEG-TS over RTP.
var KindRTP = output.Kind{
	Name: "rtp", Title: "MPEG-TS over RTP, unicast and multicast", Direction: output.Push,
	Schemes: []string{"rtp"}, Transports: []string{"udp"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial, Live: true,
}

// chunk is what a datagram carries.
const chunk = 7 * ts.PacketSize

// lastWords is how long Close may take to send what waits.
const lastWords = 100 * time.Millisecond

// conn is one way to a receiver, which never answers: there is no connection.
// An error that the network sends back, such as "port unreachable", ends it.
type conn struct {
	address string
	timeout time.Duration
	sock    *net.UDPConn
	rtp     *session // nil for plain UDP
	sender  *pace.Sender
	sent    atomic.Uint64
	lost    atomic.Uint64
	close   sync.Once
}

var _ output.Conn = (*conn)(nil)

// Dial finds the receiver's address and the way there. It sends nothing: whether
// anybody receives, UDP does not tell.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	s, err := read(t)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	w, err := find(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &conn{address: s.address(), timeout: t.WriteTimeout}
	if c.sock, err = w.open(ctx, s.port); err != nil {
		return nil, err
	}
	if s.rtp {
		if c.rtp, err = newSession(ctx, w, s.port, t.Name); err != nil {
			_ = c.sock.Close()
			return nil, err
		}
	}
	c.sender, err = pace.New(pace.Config{Tracks: tracks, MuxRate: s.rate, Chunk: chunk, Send: c.send, RequestKey: t.RequestKey})
	if err != nil {
		c.shut()
		return nil, output.WithCause(output.CauseLocal, err)
	}
	return c, nil
}

// Write sends one access unit, spread over a part of the time to the next one,
// or at the constant rate.
func (c *conn) Write(p media.Packet) error { return c.sender.Write(p) }

// send sends one datagram. It waits while the kernel has no room.
func (c *conn) send(b []byte, clock uint64) error {
	if c.rtp != nil {
		b = c.rtp.packet(b, clock)
	}
	if err := c.sock.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return c.broken(err)
	}
	_, err := c.sock.Write(b)
	switch {
	case err == nil:
		c.sent.Add(uint64(len(b)))
		return nil
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		c.lost.Add(1) // the link's queue is full: as good as lost on the way
		return nil
	}
	return c.broken(err)
}

// broken puts an error of sending into words.
func (c *conn) broken(err error) error {
	switch {
	case errors.Is(err, net.ErrClosed):
		return fmt.Errorf("udp: send to %s: %w", c.address, net.ErrClosed)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: the network has taken no datagram to %s for %v: is the link up?", output.ErrStalled, c.address, c.timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return output.InWords("nothing receives at "+c.address+" (its host says: port unreachable): start the receiver, and check the port", err)
	case errors.Is(err, syscall.EMSGSIZE):
		return output.WithCause(output.CauseNetwork, fmt.Errorf("the way to %s takes no datagrams of %d bytes: its MTU is too small: %w", c.address, chunk, err))
	case errors.Is(err, syscall.EPERM):
		return output.WithCause(output.CauseLocal, fmt.Errorf("a firewall of the box itself forbids to send to %s: %w", c.address, err))
	}
	return output.NetworkError(c.address, err)
}

// Stats count datagrams, RTP's headers included. Lost are those that the box's
// own link had no room for.
func (c *conn) Stats() output.ConnStats {
	return output.ConnStats{BytesSent: c.sent.Load(), Lost: c.lost.Load(), Outstanding: uint64(c.sender.Waiting())}
}

// Close sends what is left of the last picture, in RTP a BYE too, and frees
// everything.
func (c *conn) Close() error {
	c.close.Do(func() {
		hurry := time.AfterFunc(lastWords, func() { _ = c.sock.Close() })
		defer hurry.Stop()
		c.sender.Close()
		c.shut()
	})
	return nil
}

func (c *conn) shut() {
	if c.rtp != nil {
		c.rtp.close()
	}
	_ = c.sock.Close()
}
