// Package srt pushes a programme as MPEG-TS over SRT in live mode, calling a
// listener. It stands on libsrt through srtgo.
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
)

// Kind is SRT, caller mode.
var Kind = output.Kind{
	Name: "srt", Title: "SRT caller, MPEG-TS", Direction: output.Push,
	Schemes: []string{"srt"}, Transports: []string{"udp"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial,
}

// messageSize is seven transport stream packets, libsrt's live payload.
const messageSize = 7 * ts.PacketSize

// pollInterval is how often a connection attempt is looked at. libsrt's own
// way to wait costs a thread that wakes a hundred times a second for ever.
const pollInterval = 10 * time.Millisecond

// conn is one connection.
//
// Each holds one count of libsrt's start-up, which the library keeps: nothing
// of ours is global, and its threads end with the last connection.
type conn struct {
	id      socket
	address string
	timeout time.Duration
	mux     *ts.Muxer
	buf     []byte

	writing sync.Mutex // guards sock and closed: srtgo's methods copy and change the struct
	sock    *srtgo.SrtSocket
	closed  bool

	written atomic.Uint64 // payload
	close   sync.Once
	mu      sync.Mutex // guards last
	last    output.ConnStats
}

var _ output.Conn = (*conn)(nil)

// Dial calls the listener and returns when it has accepted.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	s, err := read(t)
	if err != nil {
		return nil, err
	}
	mux, err := ts.New(ts.Config{Tracks: tracks})
	if err != nil {
		return nil, err
	}
	addr, err := resolve(ctx, s)
	if err != nil {
		return nil, output.NetworkError(s.address(), err)
	}
	c := &conn{address: s.address(), timeout: t.WriteTimeout, mux: mux}
	srtgo.InitSRT()
	srtgo.SrtSetLogLevel(srtgo.SrtLogLevelCrit) // it prints to stderr what is in our errors anyway
	if err := c.open(ctx, s, addr); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func resolve(ctx context.Context, s settings) (netip.AddrPort, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(ips[0], s.port), nil
}

// open makes the socket, connects it, and puts it in blocking mode for Write.
func (c *conn) open(ctx context.Context, s settings, addr netip.AddrPort) error {
	idle := max(c.timeout, time.Second)
	s.before["peeridletimeo"] = fmt.Sprint(idle.Milliseconds())
	if deadline, ok := ctx.Deadline(); ok {
		// libsrt's own limit comes last, so that ctx is what ends an attempt.
		s.before["conntimeo"] = fmt.Sprint((time.Until(deadline) + time.Second).Milliseconds())
	}
	sock := srtgo.NewSrtSocket(s.host, s.port, s.before)
	if sock == nil {
		return errors.New("libsrt does not take the options of the URL together")
	}
	c.sock, c.id = sock, socket(sock.GetSocket())
	if err := sock.SetSockOptInt(optRcvSyn, 0); err != nil {
		return fmt.Errorf("srt: set SRTO_RCVSYN: %w", err)
	}
	if err := c.id.connect(addr); err != nil {
		return fmt.Errorf("srt: connect to %s: %w", c.address, err)
	}
	if err := c.wait(ctx); err != nil {
		return err
	}
	if err := sock.SetSockOptInt(optSndTime, int(c.timeout.Milliseconds())); err != nil {
		return fmt.Errorf("srt: set SRTO_SNDTIMEO: %w", err)
	}
	if err := sock.SetSockOptInt(optSndSyn, 1); err != nil {
		return fmt.Errorf("srt: set SRTO_SNDSYN: %w", err)
	}
	return nil
}

func (c *conn) wait(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		switch c.id.state() {
		case stateConnected:
			return nil
		case stateBroken:
			return c.refused()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c.silent(context.Cause(ctx))
		}
	}
}

func (c *conn) refused() error {
	words, rejected, silent := c.id.refusal()
	switch {
	case silent:
		return c.silent(context.DeadlineExceeded)
	case rejected:
		return fmt.Errorf("%w: %s refused the connection: %s", output.ErrRejected, c.address, words)
	}
	return fmt.Errorf("%s refused the connection: %s", c.address, words)
}

// silent is nothing heard: UDP has no "connection refused".
func (c *conn) silent(cause error) error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return output.InWords("no answer from "+c.address+": is an SRT listener running there, and does every firewall let UDP through?", cause)
	}
	return cause
}

// Write sends one access unit. It blocks only when libsrt's send buffer is
// full: what comes too late for the latency it drops, and counts as lost.
func (c *conn) Write(p media.Packet) error {
	buf, err := c.mux.Append(c.buf[:0], p)
	if err != nil {
		return err
	}
	c.buf = buf
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return fmt.Errorf("connection to %s: %w", c.address, net.ErrClosed)
	}
	for len(buf) > 0 {
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
	case errors.Is(err, srtgo.ETimeout):
		return fmt.Errorf("%w: %s has acknowledged nothing for %v: is the listener stuck, or the uplink down?",
			output.ErrStalled, c.address, c.timeout)
	case errors.Is(err, srtgo.EConnLost), errors.Is(err, srtgo.ENoConn), errors.Is(err, srtgo.EInvSock):
		return fmt.Errorf("connection lost: %s closed it, or was not heard of for %v", c.address, max(c.timeout, time.Second))
	}
	return fmt.Errorf("srt: send to %s: %w", c.address, err)
}

// Stats of the connection, SRT's headers included; the last known after Close.
func (c *conn) Stats() output.ConnStats {
	st, ok := c.id.stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.last = st
	}
	// libsrt forgets a broken connection within a second, counters and all.
	c.last.BytesSent = max(c.last.BytesSent, c.written.Load())
	return c.last
}

// Close tells the listener and frees everything. It makes a blocked Write
// return.
func (c *conn) Close() error {
	c.close.Do(func() {
		if c.sock != nil {
			c.Stats()
			c.id.close()
		}
		c.writing.Lock()
		defer c.writing.Unlock()
		c.closed = true
		if c.sock != nil {
			runtime.SetFinalizer(c.sock, nil)
			c.sock.Close()
		}
		srtgo.CleanupSRT()
	})
	return nil
}
