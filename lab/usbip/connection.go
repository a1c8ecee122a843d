package usbip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	maxWaiting = 256                    // transfers of one endpoint; hosts keep some ten
	slack      = 200 * time.Millisecond // a host that is later than this has let packets pass
	late       = 20 * time.Millisecond  // one that is later than this gets what there is by now

	// moderation is how often transfers are answered, several at once: the
	// sound's are of 1 ms each, which is a lot for an emulated processor.
	moderation = 4 * time.Millisecond
)

// Serve talks to a host until it goes away (nil), ctx ends, or it breaks the
// protocol. It closes conn.
func (d *Device) Serve(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c := &connection{device: d, conn: conn, endpoints: map[uint32]*endpoint{
		videoEndpoint: newEndpoint(&videoSource{device: d}),
		audioEndpoint: newEndpoint(&audioSource{device: d}),
	}}
	var group sync.WaitGroup
	for _, e := range c.endpoints {
		group.Go(func() {
			c.pace(ctx, e)
			_ = conn.Close()
		})
	}
	err := c.read()
	ended := ctx.Err()
	cancel()
	stop()
	_ = conn.Close()
	group.Wait()
	d.unplugged()
	switch {
	case ended != nil:
		return ended
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return nil
	}
	return fmt.Errorf("usbip: read from the host: %w", err)
}

// connection is the device as one host sees it.
type connection struct {
	device    *Device
	conn      net.Conn
	endpoints map[uint32]*endpoint

	mu sync.Mutex // held from deciding on an answer until it is written
}

func (c *connection) read() error {
	isochronous := func(n uint32) bool { return c.endpoints[n] != nil }
	r := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		q, err := readRequest(r, isochronous)
		if err != nil {
			return err
		}
		if err := c.do(q); err != nil {
			return err
		}
	}
}

func (c *connection) do(q *request) error {
	e := c.endpoints[q.endpoint]
	switch {
	case q.command == cmdUnlink:
		return c.unlink(q)
	case e != nil && q.in:
		return e.add(q, c.device.now())
	case q.endpoint == 0:
		reply, ok := c.device.control(q.setup, q.data)
		if ok {
			return c.write(q.answer(statusDone, reply[:min(len(reply), q.length)]))
		}
	}
	return c.write(q.answer(statusStall, nil))
}

// unlink takes back a transfer. The kernel drops the device if the transfer's
// own answer follows that of its unlink, so both are written with the lock held
// that was held when it was looked for.
func (c *connection) unlink(q *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := false
	for _, e := range c.endpoints {
		waiting = e.remove(q.unlink) || waiting
	}
	_, err := c.conn.Write(q.answerUnlink(waiting))
	return err
}

func (c *connection) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(b)
	return err
}

// pace answers the transfers of an endpoint, each when the bus would have
// done its last packet, until ctx ends or the host is gone.
func (c *connection) pace(ctx context.Context, e *endpoint) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if !e.waits() {
			select {
			case <-e.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		now := c.device.now()
		timer.Reset(now.Truncate(moderation) + moderation - now)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if err := c.complete(e); err != nil {
			return
		}
	}
}

// complete answers the transfers whose time has come.
func (c *connection) complete(e *endpoint) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.device.now()
	var out []byte
	for q, at := e.due(now); q != nil; q, at = e.due(now) {
		packets := make([][]byte, len(q.packets))
		for i, room := range q.packets {
			when := at + time.Duration(i)*e.source.interval()
			if when < now-late {
				when = now
			}
			packets[i] = e.source.packet(max(when, e.sent), room)
			e.sent = max(when, e.sent)
		}
		out = append(out, q.answerPackets(packets)...)
	}
	if out == nil {
		return nil
	}
	_, err := c.conn.Write(out)
	return err
}

// endpoint holds the transfers that wait for their time.
type endpoint struct {
	source source
	wake   chan struct{} // there may be one to do

	mu      sync.Mutex // guards the fields below
	waiting []waiting
	cursor  time.Duration // where the bus is
	sent    time.Duration // what was sent is up to here; of the goroutine that answers
}

type waiting struct {
	*request
	arrived time.Duration
}

func newEndpoint(s source) *endpoint {
	return &endpoint{source: s, wake: make(chan struct{}, 1)}
}

func (e *endpoint) add(q *request, now time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == maxWaiting {
		return fmt.Errorf("usbip: %d transfers wait at endpoint %d; no host keeps so many", maxWaiting, q.endpoint)
	}
	e.waiting = append(e.waiting, waiting{q, now})
	select {
	case e.wake <- struct{}{}:
	default:
	}
	return nil
}

func (e *endpoint) waits() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.waiting) > 0
}

// due takes the first transfer, if the bus has done its last packet, and says
// when it did the first.
func (e *endpoint) due(now time.Duration) (*request, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == 0 {
		return nil, 0
	}
	q, arrived := e.waiting[0].request, e.waiting[0].arrived
	if e.cursor < arrived-slack {
		e.cursor = arrived
	}
	start := e.cursor
	end := start + time.Duration(len(q.packets))*e.source.interval()
	if end > now {
		return nil, 0
	}
	e.cursor = end
	e.waiting = slices.Delete(e.waiting, 0, 1)
	return q, start
}

// remove takes a transfer away, and says whether it was waiting.
func (e *endpoint) remove(sequence uint32) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.waiting, func(w waiting) bool { return w.sequence == sequence })
	if i < 0 {
		return false
	}
	e.waiting = slices.Delete(e.waiting, i, i+1)
	return true
}
