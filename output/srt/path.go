package srt

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

const (
	// header is what libsrt's statistics add to the payload for each packet that they
	// count: IPv4, UDP, SRT.
	header = 44
	// ackSlack is by how much acknowledgements lag behind the round trip: they come
	// every 10 ms, and libsrt tells ages in whole milliseconds.
	ackSlack = 20 * time.Millisecond
	// firstRTT is what libsrt has for the round trip before it was measured.
	firstRTT = 100 * time.Millisecond
	// baseWindow is how long a round trip counts as the shortest, at least; at most
	// twice that. Then the path is another one.
	baseWindow = 30 * time.Second
	// leastPace is in bytes per second. 0 would stand for libsrt's own guess.
	leastPace = 4 << 10
)

// watch is what Path keeps from one call to the next.
type watch struct {
	mu    sync.Mutex // guards the fields below, and the socket against its end meanwhile
	over  bool
	acked uint64           // the most so far
	bases [2]time.Duration // the shortest round trip of this window and of the one before; 0: none
	since time.Time        // of this window
}

// totals are of libsrt's statistics.
type totals struct {
	dropped       uint64 // payload, bytes
	retransmitted uint64 // packets
	rtt, latency  time.Duration
}

// Path implements output.PathConn, in bytes of payload. What waits is that of the
// moment (SRTO_SNDDATA, in bytes); msSndBuf and its like would be means over a second.
// All that is asked for takes libsrt a microsecond; its counters are not cleared.
//
// AppLimited: nothing that waits is older than what a round trip explains. Whether
// all was sent says nothing: SRT sends at the rate it was told, whatever the link does.
func (c *conn) Path() (output.Path, bool) {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	w := &c.watch
	if w.over || c.id.state() != stateConnected {
		return output.Path{}, false
	}
	// In this order: what comes or is dropped meanwhile waits still, at worst, and does
	// not pass for acknowledged.
	written := c.written.Load()
	waiting, age, ok := c.id.waiting()
	if !ok {
		return output.Path{}, false
	}
	t, ok := c.id.totals()
	if !ok {
		return output.Path{}, false
	}
	now := time.Now()
	w.measured(now, t.rtt)
	p := output.Path{
		At: output.Now(), Written: written, Dropped: min(t.dropped, written),
		Retransmitted: t.retransmitted, RTT: t.rtt, MinRTT: w.base(), Budget: t.latency,
		AppLimited: age <= w.base()+ackSlack,
	}
	if p.Budget == 0 {
		p.Budget = DefaultLatency // a peer that holds nothing back
	}
	// What was acknowledged once is so for good, whatever the moments in between did.
	p.Outstanding = min(waiting, written-p.Dropped, written-min(w.acked+p.Dropped, written))
	w.acked = max(w.acked, written-p.Dropped-p.Outstanding)
	return p, true
}

// measured takes in a round trip.
func (w *watch) measured(now time.Time, rtt time.Duration) {
	if now.Sub(w.since) >= baseWindow {
		w.bases[1], w.bases[0], w.since = w.bases[0], 0, now
	}
	if rtt > 0 && (w.bases[0] == 0 || rtt < w.bases[0]) {
		w.bases[0] = rtt
	}
}

// base is the shortest round trip of late.
func (w *watch) base() time.Duration {
	if w.bases[0] == 0 || w.bases[1] > 0 && w.bases[1] < w.bases[0] {
		return w.bases[1]
	}
	return w.bases[0]
}

// end has Path touch the socket no more.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// Pace implements output.PathConn by SRTO_MAXBW, which takes effect at once, or, while
// a Write runs, with its next message: libsrt sets no option while a Write waits for
// room, which may last as long as the connection. Its own guess (maxbw=0) follows the
// bit rate a second late, and queues meanwhile. An option maxbw of the destination
// stays the limit; at a constant rate (mux_rate) that is the pace.
func (c *conn) Pace(bitrate int) error {
	if c.sender != nil {
		return nil
	}
	if c.closing.Load() {
		return c.over()
	}
	want := c.maxBW
	if bitrate > 0 {
		want = max(int64(bitrate)/8, leastPace)
		if c.maxBW > 0 {
			want = min(want, c.maxBW)
		}
	}
	c.pace.Store(want)
	if !c.writing.TryLock() {
		return nil
	}
	defer c.writing.Unlock()
	return c.keepPace()
}

// keepPace sets the pace that is wanted. c.writing is held.
func (c *conn) keepPace() error {
	want := c.pace.Load()
	switch {
	case want == c.paced:
		return nil
	case c.closed:
		return c.over()
	}
	if err := c.id.setMaxBW(want); err != nil {
		return fmt.Errorf("srt: set SRTO_MAXBW of the connection to %s: %w", c.address, err)
	}
	c.paced = want
	return nil
}

// over is the error of what comes after Close.
func (c *conn) over() error { return fmt.Errorf("connection to %s: %w", c.address, net.ErrClosed) }

// Written is Path's.
func (c *conn) Written() uint64 { return c.written.Load() }
