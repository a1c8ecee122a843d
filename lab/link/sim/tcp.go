package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// Properties of TCP, as Linux has it.
const (
	segment     = 1448 // bytes: of an MTU of 1500, with time stamps
	tcpHeader   = 52   // TCP with time stamps, and IP
	leastRTO    = 200 * time.Millisecond
	mostRTO     = 120 * time.Second
	delayedAck  = 40 * time.Millisecond
	leastBuffer = 87040   // of the socket, bytes
	mostBuffer  = 4 << 20 // wmem's default maximum
)

// tcp is the sending end of a connection. The stream is counted in bytes, windows in
// segments.
type tcp struct {
	*path
	control congestion
	room    func() // called when the socket may take more

	segments []tcpSegment // sent and not acknowledged
	first    int          // number of segments[0]
	written  int64        // bytes that the socket took
	sent     int64        // bytes that were sent, each counted once
	una      int64        // bytes that were acknowledged
	flight   int          // segments
	lost     int          // segments found lost and not yet sent again
	sacked   int          // segments that arrived behind a gap
	search   int          // number of the first that may have to be sent again
	resent   uint64

	delivered   int           // segments
	deliveredAt time.Duration // the last of them
	latest      time.Duration // when the latest delivered one was sent
	limitedTo   int           // until so many are delivered, samples are of a sender that had no more
	roundEnd    int           // delivered, at which the round ends
	recoverTo   int           // segments below were sent before the window was last cut

	srtt, rttvar, minRTT time.Duration
	rto                  time.Duration
	deadline             time.Duration // of the retransmission timer
	timing               bool
	next                 time.Duration // when the pacer lets the next segment go
	waiting              bool          // for next

	receiver tcpReceiver
}

type tcpSegment struct {
	end                 int64
	size                int
	sentAt              time.Duration
	delivered           int // when it was sent
	deliveredAt         time.Duration
	limited             bool
	sacked, lost, again bool
}

func newTCP(p *path, control congestion) *tcp {
	t := &tcp{path: p, control: control, rto: time.Second, room: func() {}}
	t.receiver.tcp, t.receiver.read = t, func(int64) {}
	p.receive = t.receiver.arrive
	return t
}

// buffered is what the socket holds: SIOCOUTQ.
func (t *tcp) buffered() int64 { return t.written - t.una }

// unsent is what it holds and has never sent: SIOCOUTQNSD.
func (t *tcp) unsent() int64 { return t.written - t.sent }

// capacity is how much it may hold: twice the window, as the kernel tunes it.
func (t *tcp) capacity() int64 {
	return min(max(leastBuffer, int64(2*t.control.window())*segment), mostBuffer)
}

// write has the socket take bytes.
func (t *tcp) write(n int64) {
	t.written += n
	t.pump()
}

// pump sends what window and pacer let it.
func (t *tcp) pump() {
	for !t.waiting {
		if t.next > t.clock.now {
			t.waiting = true
			t.clock.at(t.next, func() {
				t.waiting = false
				t.pump()
			})
			return
		}
		if float64(t.flight) >= max(1, t.control.window()) {
			return
		}
		if !t.repair() && !t.fresh() {
			t.limitedTo = max(1, t.delivered+t.flight)
			return
		}
	}
}

// repair sends a lost segment again.
func (t *tcp) repair() bool {
	if t.lost == 0 {
		return false
	}
	for n := max(t.search, t.first); n < t.first+len(t.segments); n++ {
		if s := &t.segments[n-t.first]; s.lost {
			t.search = n + 1
			s.lost, s.again = false, true
			t.lost--
			t.resent++
			t.transmit(n, s)
			return true
		}
	}
	t.search, t.lost = t.first, 0
	return false
}

// fresh sends a new segment.
func (t *tcp) fresh() bool {
	n := min(t.unsent(), segment)
	if n <= 0 {
		return false
	}
	t.sent += n
	t.segments = append(t.segments, tcpSegment{end: t.sent, size: int(n)})
	t.transmit(t.first+len(t.segments)-1, &t.segments[len(t.segments)-1])
	return true
}

func (t *tcp) transmit(number int, s *tcpSegment) {
	now := t.clock.now
	if t.flight == 0 {
		t.deliveredAt = now
		t.arm()
	}
	s.sentAt, s.delivered, s.deliveredAt, s.limited = now, t.delivered, t.deliveredAt, t.limitedTo > t.delivered
	t.flight++
	size := s.size + tcpHeader
	t.forward.Offer(now, bottleneck.Packet{Flow: t.flow, Size: size, ID: uint64(number)})
	if pace := t.control.pace(); pace > 0 {
		t.next = max(t.next, now-time.Millisecond) + time.Duration(float64(size)*8/pace*1e9)
	}
}

// arm has the retransmission timer begin anew.
func (t *tcp) arm() {
	t.deadline = t.clock.now + t.rto
	if !t.timing {
		t.timing = true
		t.clock.at(t.deadline, t.timer)
	}
}

func (t *tcp) timer() {
	t.timing = false
	switch {
	case t.una == t.sent:
	case t.clock.now < t.deadline:
		t.timing = true
		t.clock.at(t.deadline, t.timer)
	default:
		t.timeout()
	}
}

// timeout takes everything that is out for lost.
func (t *tcp) timeout() {
	t.rto = min(2*t.rto, mostRTO)
	for i := range t.segments {
		if s := &t.segments[i]; !s.sacked && !s.lost {
			s.lost = true
			t.lost++
			t.flight--
		}
	}
	t.search, t.next = t.first, t.clock.now
	t.recoverTo = t.first + len(t.segments)
	t.control.timeout(t)
	t.arm()
	t.pump()
}
