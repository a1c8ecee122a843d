package srt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// pollInterval is how often a connection attempt is looked at. libsrt's own
// way to wait costs a thread that wakes a hundred times a second for ever.
const pollInterval = 10 * time.Millisecond

// brokenLooks is how often in a row an attempt must look broken before it is, if
// libsrt gives no reason: between connecting and connected it looks so too, for
// a moment (CUDTSocket::getStatus sees neither of two flags).
const brokenLooks = 20

// call connects to addr, as a caller or in rendezvous.
func (c *conn) call(ctx context.Context, s settings, addr netip.AddrPort) error {
	sock, err := newSocket(s)
	if err != nil {
		return err
	}
	c.sock, c.id = sock, socket(sock.GetSocket())
	if err := sock.SetSockOptInt(optRcvSyn, 0); err != nil {
		return fmt.Errorf("srt: set SRTO_RCVSYN: %w", err)
	}
	if s.mode == rendezvous {
		if err := sock.SetSockOptBool(optRendezvous, true); err != nil {
			return fmt.Errorf("srt: set SRTO_RENDEZVOUS: %w", err)
		}
	}
	if local := s.local(addr.Addr()); local.IsValid() {
		if err := c.id.bind(local); err != nil {
			return err
		}
	}
	if err := c.id.connect(addr); err != nil {
		return output.WithCause(output.CauseNetwork, fmt.Errorf("srt: connect to %s: %w", c.address, err))
	}
	if err := c.wait(ctx, s); err != nil {
		return err
	}
	return c.ready()
}

func (c *conn) wait(ctx context.Context, s settings) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for broken := 0; ; {
		switch c.id.state() {
		case stateConnecting:
			broken = 0
		case stateConnected:
			return nil
		case stateBroken:
			r := c.id.reason()
			if broken++; r == 0 && broken < brokenLooks {
				break
			}
			if r.silent() {
				return c.silent(s, context.DeadlineExceeded)
			}
			return r.refused(s)
		}
		if r := c.id.reason(); s.mode == rendezvous && r.final() {
			return r.refused(s) // libsrt itself would go on until its limit
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c.silent(s, context.Cause(ctx))
		}
	}
}

// silent is nothing heard: UDP has no "connection refused".
func (c *conn) silent(s settings, cause error) error {
	if !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	if r := c.id.reason(); r != 0 && !r.silent() {
		return r.refused(s)
	}
	words := "no answer from " + c.address + ": is an SRT listener running there (one in rendezvous mode answers no caller), and does every firewall let UDP through?"
	if s.mode == rendezvous {
		words = fmt.Sprintf("no answer from %s: is the other side in rendezvous mode, does it call this box on UDP port %d, and does every firewall let UDP through?",
			c.address, s.localPort)
	}
	return output.WithCause(output.CauseNetwork, output.InWords(words, cause))
}
