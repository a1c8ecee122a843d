// Package pace sends a transport stream as evenly as its kind allows: at a
// constant bit rate by the clock, or as it comes, with each picture spread over
// a part of the time to the next one, so that no queue on the way is flooded.
package pace

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// Config says what is sent, and how.
type Config struct {
	Tracks []*media.Track
	// MuxRate is a constant bit rate; 0 sends what there is.
	MuxRate int
	// Chunk is how many bytes are sent at a time: whole packets.
	Chunk int
	// Send takes a chunk, which holds until it returns; a shorter one only where
	// nothing followed in time, and never at a constant rate. clock is the programme
	// clock when its first byte is sent, in 90 kHz, modulo 2³³. It is called from
	// one goroutine. Its error ends the sending.
	Send func(chunk []byte, clock uint64) error
	// RequestKey asks the encoder for a key picture, where a constant rate has to
	// wait for one; nil where it cannot be asked.
	RequestKey func()
}

const (
	tick = time.Millisecond // the shortest time between two bursts
	// join is how long packets are looked at before a constant rate begins, to
	// tell those of the past, which come at once, from live ones.
	join = 20 * time.Millisecond
	// maxBehind is how far sending may be behind the clock before Write waits.
	maxBehind = 500 * time.Millisecond
)

// Sender sends one stream. One goroutine calls Write; Close may be called from
// any.
type Sender struct {
	cfg  Config
	quit chan struct{}
	done chan struct{}
	wake chan struct{} // one token: there is something new
	end  sync.Once

	mu       sync.Mutex // guards the fields below
	moved    *sync.Cond // of mu: something was sent, or the end has come
	err      error
	closed   bool
	flow     flow
	constant constant
}

// New makes a Sender and starts its goroutine, which ends with Close. It fails
// for tracks that MPEG-TS cannot carry, and for a rate that is too low for any.
func New(cfg Config) (*Sender, error) {
	s := &Sender{cfg: cfg, quit: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	s.moved = sync.NewCond(&s.mu)
	var err error
	run := s.runFlow
	if cfg.MuxRate > 0 {
		run = s.runConstant
		s.constant.mux, err = ts.NewConstant(ts.Config{Tracks: cfg.Tracks, MuxRate: cfg.MuxRate})
		s.constant.video = hasVideo(cfg.Tracks)
	} else {
		s.flow.mux, err = ts.New(ts.Config{Tracks: cfg.Tracks})
	}
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(s.done)
		run()
	}()
	return s, nil
}

func hasVideo(tracks []*media.Track) bool {
	for _, t := range tracks {
		if t.Kind() == media.Video {
			return true
		}
	}
	return false
}

// Write takes an access unit in. It waits while Send is behind: at a constant
// rate by half a second, else by a picture. The error is that of Send, or a
// *ts.RateError.
func (s *Sender) Write(p media.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.MuxRate > 0 {
		return s.writeConstant(p)
	}
	return s.writeFlow(p)
}

// failed is why nothing can be sent any more.
func (s *Sender) failed() error {
	switch {
	case s.err != nil:
		return s.err
	case s.closed:
		return fmt.Errorf("send: %w", net.ErrClosed)
	}
	return nil
}

// Waiting is how many bytes wait to be sent.
func (s *Sender) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flow.queue)
}

// Close sends what is waiting of the last picture, unless Send fails, and ends.
// It makes a waiting Write return. Whoever makes Send block ends that first.
func (s *Sender) Close() {
	s.end.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.moved.Broadcast()
		s.mu.Unlock()
		close(s.quit)
	})
	<-s.done
}

// send calls Send without the lock, and keeps its error.
func (s *Sender) send(chunk []byte, clock uint64) bool {
	err := s.cfg.Send(chunk, clock)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err == nil {
		s.err = err
	}
	s.moved.Broadcast()
	return err == nil
}

// nudge wakes the goroutine.
func (s *Sender) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// pause waits for d, without end when it is negative, or for something new where
// fresh says so. It returns false when the end has come.
func (s *Sender) pause(timer *time.Timer, d time.Duration, fresh bool) bool {
	var after <-chan time.Time
	if d >= 0 {
		timer.Reset(d)
		after = timer.C
	}
	wake := s.wake
	if !fresh {
		wake = nil
	}
	select {
	case <-after:
	case <-wake:
		timer.Stop()
	case <-s.quit:
		timer.Stop()
		return false
	}
	return true
}
