// Package bottleneck is a model of one direction of one link: a queue that is served
// when a trace says so, then loss, a delay and jitter. It has no clock, starts no
// goroutine and takes no lock: a simulation calls it with the simulation's time, an
// emulator with the time of day, and both see the same link.
package bottleneck

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// Packet is one IP packet. Data is carried untouched, and never read.
type Packet struct {
	Flow int // whose it is
	Size int // bytes, IP header included
	ID   uint64
	Data []byte
}

// Config is how a link is.
type Config struct {
	Trace      *trace.Trace
	QueueBytes int // what waits and what is being served; a packet beyond is dropped at the tail
	CoDel      bool
	Delay      time.Duration // one way, after the queue
	Delays     []DelayStep   // changes of Delay, in the order of their times
	Jitter     time.Duration // up to so much is added to Delay, each packet another
	Reorder    bool          // a packet may overtake one that jitter holds up
	Loss       Loss          // after the queue: what is lost has used the link
	Seed       uint64
	Log        func(Event) // told everything that happens, in order; may be nil
}

// DelayStep is another Delay from a moment on, as after a hand-over.
type DelayStep struct{ From, Delay time.Duration }

// Verdict is what becomes of a packet that is offered.
type Verdict bool

// The verdicts.
const (
	Queued  Verdict = true
	Dropped Verdict = false
)

// Link is one direction of a link. It is used from one goroutine at a time, with times
// that do not fall.
type Link struct {
	c      Config
	random *rand.Rand
	loss   lossState

	queue   fifo
	bytes   int // in the queue and being served
	codel   codel
	serving *queued // the one that has used a part of an opportunity
	left    int     // bytes of it that are still to be served

	begin   time.Duration // when the trace's moment 0 was, see SetTrace
	slot    int64         // next opportunity of the trace
	slotAt  time.Duration
	flight  flight
	arrived time.Duration // of the last packet, where packets keep their order
}

type queued struct {
	Packet
	at time.Duration // when it came
}

// New returns a link that is empty at time 0.
func New(c Config) (*Link, error) {
	switch {
	case c.Trace == nil:
		return nil, errors.New("a link without a trace")
	case c.QueueBytes < trace.Opportunity:
		return nil, fmt.Errorf("a link's queue of %d bytes holds no packet", c.QueueBytes)
	case c.Delay < 0 || c.Jitter < 0:
		return nil, fmt.Errorf("a link's delay %v or jitter %v is below 0", c.Delay, c.Jitter)
	}
	if err := c.Loss.check(); err != nil {
		return nil, err
	}
	l := &Link{c: c, random: rand.New(rand.NewPCG(c.Seed, 0x6c696e6b))}
	l.slotAt = c.Trace.At(0)
	return l, nil
}

// Offer gives the link a packet at a moment.
func (l *Link) Offer(now time.Duration, p Packet) Verdict {
	l.serve(now)
	if l.bytes+p.Size > l.c.QueueBytes {
		l.log(Event{At: now, Kind: Tail, Packet: p, Queue: l.bytes})
		return Dropped
	}
	if l.idle() && l.slotAt < now {
		l.slot = l.c.Trace.Index(now - l.begin)
		l.slotAt = l.begin + l.c.Trace.At(l.slot)
	}
	l.queue.push(queued{p, now})
	l.bytes += p.Size
	l.log(Event{At: now, Kind: Enqueue, Packet: p, Queue: l.bytes})
	return Queued
}

// Next is when something is next due: Take is to be called then, whether or not it will
// have a packet. It is false while the link is empty.
func (l *Link) Next() (at time.Duration, ok bool) {
	switch {
	case !l.idle() && (l.flight.len() == 0 || l.slotAt < l.flight.first()):
		return l.slotAt, true
	case l.flight.len() > 0:
		return l.flight.first(), true
	}
	return 0, false
}

// Take is the next packet that has arrived at the other end by now. It is called until
// it has none.
func (l *Link) Take(now time.Duration) (p Packet, ok bool) {
	l.serve(now)
	if l.flight.len() == 0 || l.flight.first() > now {
		return Packet{}, false
	}
	a := l.flight.pop()
	l.log(Event{At: a.at, Kind: Arrive, Packet: a.Packet, Queue: l.bytes})
	return a.Packet, true
}

// Backlog is what waits or is being served.
func (l *Link) Backlog() (packets, bytes int) {
	packets = l.queue.len()
	if l.serving != nil {
		packets++
	}
	return packets, l.bytes
}

// InFlight is how many packets are on their way behind the queue.
func (l *Link) InFlight() int { return l.flight.len() }

func (l *Link) idle() bool { return l.serving == nil && l.queue.len() == 0 }

// serve uses the opportunities up to now. One that finds nothing to send is lost.
func (l *Link) serve(now time.Duration) {
	for !l.idle() && l.slotAt <= now {
		l.opportunity()
		l.slot++
		l.slotAt = l.begin + l.c.Trace.At(l.slot)
	}
}

func (l *Link) opportunity() {
	for credit := trace.Opportunity; credit > 0; {
		if l.serving == nil {
			q, ok := l.dequeue(l.slotAt)
			if !ok {
				return
			}
			l.serving, l.left = &q, q.Size
		}
		n := min(credit, l.left)
		credit -= n
		if l.left -= n; l.left == 0 {
			l.depart(*l.serving)
			l.serving = nil
		}
	}
}

// dequeue is the next packet to serve.
func (l *Link) dequeue(now time.Duration) (queued, bool) {
	if !l.c.CoDel {
		return l.queue.pop()
	}
	return l.codel.dequeue(now, &l.queue, func(q queued) {
		l.bytes -= q.Size
		l.log(Event{At: now, Kind: CoDel, Packet: q.Packet, Queue: l.bytes, Wait: now - q.at})
	})
}

// depart has a packet leave the queue, and perhaps arrive some time.
func (l *Link) depart(q queued) {
	l.bytes -= q.Size
	l.log(Event{At: l.slotAt, Kind: Dequeue, Packet: q.Packet, Queue: l.bytes, Wait: l.slotAt - q.at})
	if l.loss.lost(l.c.Loss, l.slotAt, l.random) {
		l.log(Event{At: l.slotAt, Kind: Lost, Packet: q.Packet, Queue: l.bytes})
		return
	}
	at := l.slotAt + l.DelayAt(l.slotAt)
	if l.c.Jitter > 0 {
		at += time.Duration(l.random.Int64N(int64(l.c.Jitter) + 1))
	}
	if !l.c.Reorder {
		at = max(at, l.arrived)
		l.arrived = at
	}
	l.flight.push(arrival{q.Packet, at})
}

// DelayAt is the delay of a packet that leaves the queue at a moment, without jitter.
func (l *Link) DelayAt(at time.Duration) time.Duration {
	d := l.c.Delay
	for _, s := range l.c.Delays {
		if at >= s.From {
			d = s.Delay
		}
	}
	return d
}

func (l *Link) log(e Event) {
	if l.c.Log != nil {
		l.c.Log(e)
	}
}
