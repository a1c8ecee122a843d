package pace

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// constant is a stream of constant rate.
type constant struct {
	mux   *ts.Constant
	video bool
	held  []media.Packet // since the last sync point, before the start
	since time.Time      // when the first of them came
	state state
	start time.Time // of the stream's first packet
}

type state uint8

const (
	joining state = iota // packets are looked at
	skipping
	running
)

// writeConstant takes a packet in. What the hub kept for a reader that joins
// comes at once and is old: sent at the rate, it would hold all that follows
// back by its age, for ever. So such a stream begins with the next key picture.
func (s *Sender) writeConstant(p media.Packet) error {
	c := &s.constant
	for s.failed() == nil && c.state == running && time.Since(c.start)-c.mux.Position() > maxBehind {
		s.moved.Wait()
	}
	if err := s.failed(); err != nil {
		return err
	}
	sync := p.Key && p.Track != nil && (p.Track.Kind() == media.Video || !c.video)
	switch {
	case c.state == running:
		return c.mux.Add(p)
	case c.state == joining && len(c.held) == 0:
		c.since, c.held = time.Now(), append(c.held, p)
		s.nudge()
	case c.state == joining:
		c.held = append(c.held, p)
		if p.DTS-c.held[0].DTS-time.Since(c.since) > time.Second {
			s.skip()
		}
	case sync:
		return s.begin(p)
	}
	return nil
}

// skip leaves out what comes until the next sync point.
func (s *Sender) skip() {
	s.constant.state, s.constant.held = skipping, nil
	if s.cfg.RequestKey != nil {
		s.cfg.RequestKey()
	}
}

// begin starts the stream with packets that are live.
func (s *Sender) begin(ps ...media.Packet) error {
	c := &s.constant
	for _, p := range ps {
		if err := c.mux.Add(p); err != nil {
			return err
		}
	}
	c.state, c.start, c.held = running, time.Now(), nil
	s.nudge()
	return nil
}

// runConstant sends whole chunks, each when its last packet's place has come.
func (s *Sender) runConstant() {
	timer := time.NewTimer(0)
	timer.Stop()
	if !s.awaitStart(timer) {
		return
	}
	var out []byte
	for {
		chunk, clock, wait, err := s.next(out[:0])
		switch {
		case err != nil:
			return
		case wait > 0:
			if !s.pause(timer, max(wait, tick), false) {
				return
			}
			continue
		}
		if out = chunk; !s.send(out, clock) {
			return
		}
		select {
		case <-s.quit:
			return
		default:
		}
	}
}

// awaitStart waits until the stream has begun.
func (s *Sender) awaitStart(timer *time.Timer) bool {
	wait := time.Duration(-1)
	for {
		if !s.pause(timer, wait, true) {
			return false
		}
		s.mu.Lock()
		c := &s.constant
		wait = -1
		if c.state == joining && len(c.held) > 0 {
			if wait = join - time.Since(c.since); wait <= 0 {
				wait = -1
				s.look()
			}
		}
		begun := c.state == running
		s.mu.Unlock()
		if begun {
			return true
		}
	}
}

// look decides about the packets that came first.
func (s *Sender) look() {
	c := &s.constant
	first, last := c.held[0].DTS, c.held[0].DTS
	for _, p := range c.held {
		first, last = min(first, p.DTS), max(last, p.DTS)
	}
	if last-first-time.Since(c.since) > 10*join { // more than the time there was for it
		s.skip()
		return
	}
	if err := s.begin(c.held...); err != nil && s.err == nil {
		s.err = err
	}
}

// next makes the next chunk, or says how long it is until it is due.
func (s *Sender) next(out []byte) (chunk []byte, clock uint64, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, 0, 0, s.err
	}
	mux, n := s.constant.mux, s.cfg.Chunk/ts.PacketSize
	length := time.Duration(int64(n) * ts.PacketSize * 8 * int64(time.Second) / int64(s.cfg.MuxRate))
	if wait = mux.Position() + length - time.Since(s.constant.start); wait > 0 {
		return nil, 0, wait, nil
	}
	clock = mux.Clock()
	for range n {
		out = mux.Next(out)
	}
	return out, clock, 0, nil
}
