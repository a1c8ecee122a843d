// Package srt pushes a programme as MPEG-TS over SRT in live mode: to a listener
// that it calls, to one caller that it waits for, or in rendezvous. It stands on
// libsrt through srtgo.
package srt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/haivision/srtgo"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/mux/ts/pace"
)

// Kind is SRT in all its modes.
var Kind = output.Kind{
	Name: "srt", Title: "SRT (caller, listener, rendezvous), MPEG-TS", Direction: output.Push,
	Schemes: []string{"srt"}, Transports: []string{"udp"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial, Probe: Probe,
}

// messageSize is seven transport stream packets, libsrt's live payload.
const messageSize = 7 * ts.PacketSize

// atATime is how much of a picture is made before libsrt gets it. Most pictures
// fit; a key picture of some hundred kilobytes needs no buffer of its size.
const atATime = 24 * messageSize

// leastIdle is the least time after which a peer that is not heard of is given
// up, whatever WriteTimeout says: SRT's own signs of life come once a second.
const leastIdle = time.Second

// conn is one connection.
//
// Each holds one count of libsrt's start-up, which the library keeps: nothing
// of ours is global, and its threads end with the last connection.
type conn struct {
	id       socket
	address  string
	timeout  time.Duration
	mux      *ts.Muxer
	sender   *pace.Sender // at a constant rate; else nil
	buf      []byte
	pulse    pulse
	listener *listener // nil but in listener mode

	writing sync.Mutex // guards sock, closed and paced: srtgo's methods copy and change the struct
	sock    *srtgo.SrtSocket
	closed  bool
	paced   int64 // SRTO_MAXBW as it is

	pace  atomic.Int64 // SRTO_MAXBW as it is wanted
	maxBW int64        // as the destination's options have it
	watch watch

	closing atomic.Bool
	written atomic.Uint64 // payload
	close   sync.Once
	mu      sync.Mutex // guards last
	last    output.ConnStats
}

var _ output.PathConn = (*conn)(nil)

// Dial returns when the other side is connected: the listener has accepted, a
// caller has come, or the rendezvous is made. Without a caller until ctx ends, the
// error is a *output.ReconnectError: that is no failure, and to be dialed again at
// once, since the port is closed meanwhile.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	s, err := read(t)
	if err != nil {
		return nil, err
	}
	mux, err := ts.New(ts.Config{Tracks: tracks})
	if err != nil {
		return nil, err
	}
	c := &conn{address: s.address(), timeout: t.WriteTimeout, mux: mux, buf: make([]byte, 0, atATime)}
	if err := c.open(ctx, s); err != nil {
		return nil, err
	}
	if s.muxRate == 0 {
		return c, nil
	}
	c.sender, err = pace.New(pace.Config{
		Tracks: tracks, MuxRate: s.muxRate, Chunk: messageSize, RequestKey: t.RequestKey,
		Send: func(chunk []byte, _ uint64) error { return c.send(chunk) },
	})
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Probe has the listener accept a connection, under the stream id where there is one, and
// ends that. A rendezvous, and a listener's caller, come for the stream alone.
func Probe(ctx context.Context, t output.Target) (said string, err error) {
	s, err := read(t)
	if err != nil || s.mode != calling {
		return "", err
	}
	c := &conn{address: s.address(), timeout: t.WriteTimeout}
	began := time.Now()
	if err := c.open(ctx, s); err != nil {
		return "", err
	}
	took := time.Since(began).Round(time.Millisecond)
	return fmt.Sprintf("%s has accepted an SRT connection after %v, which was ended again: nothing was published", c.address, took), c.Close()
}

// open makes the connection. Where it fails nothing is left.
func (c *conn) open(ctx context.Context, s settings) error {
	addr, err := resolve(ctx, s)
	if err != nil {
		return output.NetworkError(s.address(), err)
	}
	s.before["peeridletimeo"] = fmt.Sprint(c.idle().Milliseconds())
	if deadline, ok := ctx.Deadline(); ok && s.mode != listening {
		// libsrt's own limit comes last, so that ctx is what ends an attempt.
		s.before["conntimeo"] = fmt.Sprint(max(0, time.Until(deadline).Milliseconds()) + 1000)
	}
	srtgo.InitSRT()
	srtgo.SrtSetLogLevel(srtgo.SrtLogLevelCrit) // it prints to stderr what is in our errors anyway
	if s.mode == listening {
		err = c.listen(ctx, s, addr)
	} else {
		err = c.call(ctx, s, addr)
	}
	if err != nil {
		_ = c.Close()
	}
	return err
}

// resolve finds the address to go to, or to listen at.
func resolve(ctx context.Context, s settings) (netip.AddrPort, error) {
	if s.host == "" {
		if s.localAddr.IsValid() {
			return netip.AddrPortFrom(s.localAddr, s.port), nil
		}
		return netip.AddrPortFrom(netip.IPv4Unspecified(), s.port), nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, ip := range ips {
		if !s.localAddr.IsValid() || s.localAddr.Is4() == ip.Unmap().Is4() {
			return netip.AddrPortFrom(ip, s.port), nil
		}
	}
	return netip.AddrPort{}, output.WithCause(output.CauseLocal,
		fmt.Errorf("localaddr %s is of another family (IPv4, IPv6) than the host's addresses", s.localAddr))
}

// ready puts a connected socket in blocking mode for Write.
func (c *conn) ready() error {
	var err error
	if c.maxBW, err = c.id.maxBW(); err != nil {
		return c.early("SRTO_MAXBW", err)
	}
	c.paced = c.maxBW
	c.pace.Store(c.maxBW)
	if err := c.sock.SetSockOptInt(optSndTime, int(c.timeout.Milliseconds())); err != nil {
		return c.early("SRTO_SNDTIMEO", err)
	}
	if err := c.sock.SetSockOptInt(optSndSyn, 1); err != nil {
		return c.early("SRTO_SNDSYN", err)
	}
	return nil
}

// early is an option that cannot be set: the other side has left already, or
// libsrt has changed.
func (c *conn) early(option string, err error) error {
	if c.id.state() != stateConnected {
		return output.WithCause(output.CauseClosed, fmt.Errorf("connection lost: %s closed the connection at once", c.address))
	}
	return fmt.Errorf("srt: set %s: %w", option, err)
}

// idle is how long the peer may be silent.
func (c *conn) idle() time.Duration { return max(c.timeout, leastIdle) }

// discard frees a socket that srtgo has made.
func discard(sock *srtgo.SrtSocket) {
	runtime.SetFinalizer(sock, nil)
	sock.Close()
}

// Write sends one access unit, or hands it to what sends at the constant rate.
func (c *conn) Write(p media.Packet) error {
	if c.sender != nil {
		return c.sender.Write(p)
	}
	return c.mux.Send(p, c.buf, c.send)
}

// send hands transport stream packets to libsrt. It blocks only when libsrt's send buffer is
// full: what comes too late for the latency it drops, and counts as lost.
func (c *conn) send(buf []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return c.over()
	}
	c.feel()
	for len(buf) > 0 {
		_ = c.keepPace() // where it fails, so does what follows
		n := min(len(buf), messageSize)
		if _, err := c.sock.Write(buf[:n]); err != nil {
			return c.broken(err)
		}
		c.written.Add(uint64(n))
		buf = buf[n:]
	}
	return nil
}

func (c *conn) broken(err error) error {
	switch {
	case c.closing.Load():
		return c.over()
	case errors.Is(err, srtgo.ETimeout):
		return fmt.Errorf("%w: %s has acknowledged nothing for %v: is the receiver stuck, or the uplink down?",
			output.ErrStalled, c.address, c.timeout)
	case errors.Is(err, srtgo.EConnLost), errors.Is(err, srtgo.ENoConn), errors.Is(err, srtgo.EInvSock):
		return c.lost()
	}
	return output.WithCause(output.CauseNetwork, fmt.Errorf("srt: send to %s: %w", c.address, err))
}

// lost tells a peer that has left from one that is not heard of any more, which
// libsrt does not.
func (c *conn) lost() error {
	silence, known := c.pulse.silence(time.Now(), c.idle())
	switch {
	case !known:
		return output.WithCause(output.CauseNetwork,
			fmt.Errorf("connection lost: %s closed it, or was not heard of for %v", c.address, c.idle()))
	case silence > c.idle()*3/4:
		return output.WithCause(output.CauseStalled,
			fmt.Errorf("connection lost: %s was not heard of for %v: is it still running, and is the uplink up?", c.address, c.idle()))
	}
	return output.WithCause(output.CauseClosed, fmt.Errorf("connection lost: %s closed the connection", c.address))
}

// feel looks whether the peer acknowledges what is sent.
func (c *conn) feel() {
	now := time.Now()
	if !c.pulse.due(now, c.idle()/16) {
		return
	}
	if st, acks, ok := c.id.stats(); ok {
		c.pulse.felt(now, acks, st.Outstanding, c.idle())
	}
}

// Stats of the connection, SRT's headers included; the last known after Close.
func (c *conn) Stats() output.ConnStats {
	st, _, ok := c.id.stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.last = st
	}
	// libsrt forgets a broken connection within a second, counters and all.
	c.last.BytesSent = max(c.last.BytesSent, c.written.Load())
	return c.last
}

// Close tells the other side and frees everything. It makes a blocked Write
// return.
func (c *conn) Close() error {
	c.close.Do(func() {
		c.closing.Store(true)
		if c.sock != nil {
			c.Stats()
			c.watch.end()
			c.id.close()
		}
		if c.sender != nil {
			c.sender.Close()
		}
		if c.listener != nil {
			c.listener.close()
		}
		c.writing.Lock()
		defer c.writing.Unlock()
		c.closed = true
		if c.sock != nil {
			discard(c.sock)
		}
		srtgo.CleanupSRT()
	})
	return nil
}
