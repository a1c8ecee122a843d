package alsa

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// fakeCard is a card whose time is the bubble's, and whose crystal is off. A
// frame holds the time it was captured, in milliseconds modulo 30000, so that
// what comes out can be told from what it should be.
type fakeCard struct {
	p     params
	real  float64 // Hz
	clock *media.Clock
	wake  chan struct{}

	mu       sync.Mutex // guards the fields below
	started  time.Duration
	read     int
	starts   int
	overran  bool
	closed   bool
	fail     error // of the next Status
	deadFrom time.Duration
	busyTill time.Duration // the box has no time to read
	// overrunAfter a start, if not zero.
	overrunAfter time.Duration
	data         []byte
}

func newFakeCard(p params, clock *media.Clock, rate float64) *fakeCard {
	return &fakeCard{p: p, real: rate, clock: clock, wake: make(chan struct{}, 1), data: make([]byte, p.Period*p.Channels*2)}
}

const fakeAhead = 12345 * time.Second // of the monotonic clock

func (c *fakeCard) Params() params { return c.p }

func (c *fakeCard) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started, c.read, c.overran = c.clock.Now(), 0, false
	c.starts++
	return c.fail
}

func (c *fakeCard) captured() int {
	now := c.clock.Now()
	if c.deadFrom > 0 {
		now = min(now, c.deadFrom)
	}
	return int((now - c.started).Seconds() * c.real)
}

func (c *fakeCard) ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.captured() - c.read
	if n >= c.p.Buffer || c.overrunAfter > 0 && c.clock.Now()-c.started >= c.overrunAfter {
		c.overran = true
	}
	return c.overran || c.fail != nil || n >= c.p.Period
}

func (c *fakeCard) Wait(timeout time.Duration) (bool, error) {
	for end := c.clock.Now() + timeout; ; {
		select {
		case <-c.wake:
			return false, nil
		case <-time.After(time.Millisecond):
		}
		c.mu.Lock()
		busy := c.clock.Until(c.busyTill)
		c.mu.Unlock()
		time.Sleep(busy)
		if c.ready() {
			return true, nil
		}
		if c.clock.Now() >= end {
			return false, nil
		}
	}
}

func (c *fakeCard) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *fakeCard) Status() (status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fail != nil:
		return status{}, c.fail
	case c.overran:
		return status{State: overrun}, nil
	}
	return status{State: running, Available: c.captured() - c.read, At: c.clock.Now() + fakeAhead}, nil
}

func (c *fakeCard) Read() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.captured()-c.read < c.p.Period {
		return nil, fmt.Errorf("read of what is not there would block")
	}
	for i := range c.p.Period {
		at := c.started.Seconds() + float64(c.read+i)/c.real
		v := uint16(int16(math.Mod(at*1000, 30000)))
		for ch := range c.p.Channels {
			binary.LittleEndian.PutUint16(c.data[(i*c.p.Channels+ch)*2:], v)
		}
	}
	c.read += c.p.Period
	return c.data, nil
}

func (c *fakeCard) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}
