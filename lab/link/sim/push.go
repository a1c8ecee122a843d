package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/law"
)

// segmentPictures is how many pictures a segment of HTTP has, httpSegment their duration.
const (
	segmentPictures = 60
	httpSegment     = 2 * time.Second
)

// push is a stream over TCP, with the program's own queue before the socket: RTMP, or
// HTTP with a whole segment at a time.
type push struct {
	*tcp
	unsentMost int64 // TCP_NOTSENT_LOWAT; 0: none
	most       int   // pictures that the queue holds; 0: any number
	budget     time.Duration
	segmented  bool

	queue   []item
	held    []item // of the segment that is being made
	bytes   int64  // in queue
	ends    []item // given to the socket, with the stream's length at the end
	read    int    // of ends
	given   uint64
	dropped uint64
	wrote   uint64
	idle    bool // everything had been sent at the last sample
	gap     bool // something was dropped: pictures are until the next key picture
}

type item struct {
	frame, size int
	key         bool
	at          time.Duration
	left        int64
	end         int64
}

func newPush(t *tcp, l law.Spec, budget time.Duration, segmented bool) *push {
	p := &push{tcp: t, unsentMost: int64(l.Unsent), most: l.Queue, budget: budget, segmented: segmented}
	t.room, t.receiver.read = p.feed, p.received
	return p
}

func (p *push) write(frame, size int) {
	f := &p.frames.all[frame]
	i := item{frame: frame, size: size, key: f.Key, at: p.clock.now, left: int64(size)}
	if !p.segmented {
		p.enqueue(i)
		p.feed()
		return
	}
	if n := len(p.held); n >= segmentPictures && f.Key || n >= segmentPictures*3/2 {
		for _, h := range p.held {
			h.at, p.frames.all[h.frame].At = p.clock.now, p.clock.now
			p.enqueue(h)
		}
		p.held = p.held[:0]
		p.feed()
	}
	p.held = append(p.held, i)
}

func (p *push) enqueue(i item) {
	p.wrote += uint64(i.size)
	p.frames.begin(i.frame, i.size)
	p.gap = p.gap && !i.key
	if p.gap || p.most > 0 && len(p.queue) >= p.most {
		p.gap = true
		p.dropped += uint64(i.size)
		return
	}
	p.queue = append(p.queue, i)
	p.bytes += int64(i.size)
}

// feed gives the socket what it takes.
func (p *push) feed() {
	for len(p.queue) > 0 {
		i := &p.queue[0]
		n := min(i.left, p.capacity()-p.buffered())
		if p.unsentMost > 0 {
			n = min(n, p.unsentMost-p.unsent())
		}
		if n <= 0 {
			return
		}
		i.left -= n
		p.bytes -= n
		p.given += uint64(n)
		done := *i
		if done.left == 0 {
			p.queue = p.queue[1:]
			done.end = p.written + n
			p.ends = append(p.ends, done)
		}
		p.tcp.write(n)
	}
}

// received is told how far the receiver has the stream.
func (p *push) received(end int64) {
	for p.read < len(p.ends) && p.ends[p.read].end <= end {
		i := p.ends[p.read]
		p.frames.arrived(i.frame, i.size, p.clock.now)
		p.read++
	}
}

// flush drops what waits, but for the rest of a picture that was begun.
func (p *push) flush() {
	for len(p.queue) > 0 {
		last := len(p.queue) - 1
		i := p.queue[last]
		if i.left < int64(i.size) {
			break
		}
		p.queue = p.queue[:last]
		p.bytes -= i.left
		p.dropped += uint64(i.size)
		p.gap = true
	}
}

// setPace sets how much the socket takes beyond what is in flight, as output/tcpinfo
// does: a tenth of a second. How fast TCP sends is its own affair.
func (p *push) setPace(bitrate float64) {
	if p.unsentMost > 0 && bitrate > 0 {
		p.unsentMost = min(max(int64(bitrate)/80, 16<<10), 128<<10)
		p.feed()
	}
}

// connection is always the same: TCP outlives what is simulated.
func (p *push) connection() uint64 { return 1 }

// sample is what output/tcpinfo makes of the kernel's figures.
func (p *push) sample() rate.Sample {
	was := p.idle
	p.idle = p.bytes == 0 && p.unsent() == 0
	s := rate.Sample{
		At: p.clock.now, Written: p.wrote, Outstanding: uint64(p.bytes + p.buffered()), Dropped: p.dropped, Retransmitted: p.resent,
		RTT: p.srtt, MinRTT: p.minRTT, Budget: p.budget, AppLimited: p.idle || was && p.bytes == 0,
	}
	if p.segmented {
		s.Segment = httpSegment
	}
	return s
}

// ownQueue implements queued.
func (p *push) ownQueue() law.OwnQueue {
	q := law.OwnQueue{Packets: len(p.queue), Sent: p.given}
	if n := len(p.queue); n > 0 {
		q.Span = p.queue[n-1].at - p.queue[0].at
		if p.most > 0 {
			q.Fill = float64(n) / float64(p.most)
		}
	}
	return q
}

// greedy has a connection always have something to send, between two times.
func greedy(t *tcp, from, to time.Duration) {
	const most = 64 << 10
	t.room = func() {
		if n := most - t.unsent(); n > 0 && t.clock.now < to {
			t.write(n)
		}
	}
	t.clock.at(from, t.room)
}
