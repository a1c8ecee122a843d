package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// Properties of SRT, as in its Internet draft (draft-sharabayko-srt) and libsrt.
const (
	srtPayload = 1316 // bytes: seven packets of a transport stream
	srtHeader  = 44   // SRT, UDP and IP
	ackEvery   = 10 * time.Millisecond
	leastNAK   = 20 * time.Millisecond
	leastDrop  = time.Second // TLPKTDROP waits for as long at least
	peerIdle   = 5 * time.Second
	retryEvery = 250 * time.Millisecond // of a handshake
	ackSlack   = 20 * time.Millisecond  // by how much acknowledgements lag behind the round trip
	rttWindow  = 30 * time.Second       // in which a round trip counts as the least, at least
)

// What an SRT packet carries, in its ID's upper bits.
const (
	srtData = uint64(iota) << 56
	srtAckAck
	srtHandshake
	kindMask = uint64(0xff) << 56
)

// srt is a model of a live SRT connection: both ends of it.
type srt struct {
	*path
	latency time.Duration

	buffer                         []srtPacket // not acknowledged
	first                          int         // sequence number of buffer[0]
	fresh                          int         // sequence number of the first one never sent
	lost                           []int       // to be sent again, as reported
	pace                           float64     // bits per second on the wire; 0: none
	next                           time.Duration
	waiting                        bool // for next
	rtt, dev                       time.Duration
	bases                          [2]time.Duration // the least round trip of this window and of the one before
	based                          time.Duration    // since when this window is
	heard                          time.Duration    // from the receiver, the last time
	down                           bool             // there is no connection: it is being made anew
	number                         uint64           // of the connection
	written, dropped, resent, held uint64

	r srtReceiver
}

type srtPacket struct {
	size    int
	written time.Duration
	frame   int
	lost    bool          // is in lost
	again   time.Duration // when it was last sent again; 0: never
}

func newSRT(p *path, latency time.Duration) *srt {
	s := &srt{path: p, latency: latency}
	s.begin()
	s.receive = s.arrive
	p.clock.every(p.clock.now+ackEvery, ackEvery, s.receiverTick)
	return s
}

// begin has a new connection, which knows nothing. Sequence numbers go on, so that
// packets of the old one are told from its own.
func (s *srt) begin() {
	s.number++
	s.down, s.heard, s.next = false, s.clock.now, s.clock.now
	s.rtt, s.bases, s.based = 0, [2]time.Duration{}, s.clock.now
	s.written, s.dropped, s.resent, s.held = 0, 0, 0, 0
	s.first += len(s.buffer)
	s.buffer, s.lost, s.fresh = nil, nil, s.first
	s.r = srtReceiver{
		base: s.first, expected: s.first, acked: s.first, highest: s.first - 1,
		ackAt: s.clock.now, nakAt: s.clock.now, rtt: 100 * time.Millisecond, dev: 50 * time.Millisecond,
	}
}

// connection is another number for each connection; 0: there is none.
func (s *srt) connection() uint64 {
	if s.down {
		return 0
	}
	return s.number
}

// lookAfter ends a connection whose peer has been silent for too long, and has another
// one made.
func (s *srt) lookAfter() {
	if s.down || s.clock.now-s.heard < peerIdle {
		return
	}
	s.down = true
	var try func()
	try = func() {
		if s.down {
			s.control(srtHandshake, int(s.number))
			s.clock.at(s.clock.now+retryEvery, try)
		}
	}
	try()
}

// shaken is a handshake at the receiver. A second round trip makes the connection.
func (s *srt) shaken(number uint64) {
	s.back.send(srtHeader+48, func() {
		s.clock.at(s.clock.now+2*s.base(), func() {
			if s.down && s.number == number {
				s.begin()
			}
		})
	})
}

// write gives the connection a picture.
func (s *srt) write(frame, size int) {
	if s.lookAfter(); s.down {
		return
	}
	s.dropLate()
	s.frames.begin(frame, size)
	for size > 0 {
		n := min(size, srtPayload)
		s.buffer = append(s.buffer, srtPacket{size: n, written: s.clock.now, frame: frame})
		s.written += uint64(n)
		s.held += uint64(n)
		size -= n
	}
	s.pump()
}

// dropLate is TLPKTDROP on the sender's side, which looks whenever it is given
// something. The receiver is not told: as measured on libsrt, acknowledgements stay
// before the hole until it gives it up itself.
func (s *srt) dropLate() {
	after := max(s.latency, leastDrop) + 20*time.Millisecond
	n := 0
	for ; n < len(s.buffer) && s.clock.now-s.buffer[n].written > after; n++ {
		s.dropped += uint64(s.buffer[n].size)
	}
	if n > 0 {
		s.release(n)
	}
}

// release forgets the first n packets.
func (s *srt) release(n int) {
	for _, p := range s.buffer[:n] {
		s.held -= uint64(p.size)
	}
	s.buffer = s.buffer[n:]
	s.first += n
	s.fresh = max(s.fresh, s.first)
}

func (s *srt) control(kind uint64, value int) {
	s.forward.Offer(s.clock.now, bottleneck.Packet{Flow: s.flow, Size: srtHeader + 4, ID: kind | uint64(value)})
}

// pump sends what the pacer lets it.
func (s *srt) pump() {
	for !s.waiting && !s.down {
		if s.next > s.clock.now {
			s.waiting = true
			s.clock.at(s.next, func() {
				s.waiting = false
				s.pump()
			})
			return
		}
		seq, ok := s.choose()
		if !ok {
			return
		}
		size := s.buffer[seq-s.first].size + srtHeader
		s.forward.Offer(s.clock.now, bottleneck.Packet{Flow: s.flow, Size: size, ID: srtData | uint64(seq)})
		if s.pace > 0 {
			s.next = max(s.next, s.clock.now-time.Millisecond) + time.Duration(float64(size)*8/s.pace*1e9)
		}
	}
}

// choose is the next packet to send: a lost one before a new one.
func (s *srt) choose() (int, bool) {
	for len(s.lost) > 0 {
		seq := s.lost[0]
		s.lost = s.lost[1:]
		if seq < s.first {
			continue
		}
		p := &s.buffer[seq-s.first]
		p.lost = false
		if p.again > 0 && s.clock.now-p.again < s.rtt-4*s.dev {
			continue // it was sent again less than a round trip ago: SRTO_RETRANSMITALGO 1
		}
		p.again = s.clock.now
		s.resent++
		return seq, true
	}
	if s.fresh < s.first+len(s.buffer) {
		s.fresh++
		return s.fresh - 1, true
	}
	return 0, false
}

// onAck is an acknowledgement at the sender, of everything before a number.
func (s *srt) onAck(seq int, rtt, dev, sent time.Duration) {
	if n := seq - s.first; n > 0 {
		s.release(min(n, len(s.buffer)))
	}
	s.heard, s.rtt, s.dev = s.clock.now, rtt, dev
	if s.clock.now-s.based >= rttWindow {
		s.bases, s.based = [2]time.Duration{0, s.bases[0]}, s.clock.now
	}
	if s.bases[0] == 0 || rtt < s.bases[0] {
		s.bases[0] = rtt
	}
	s.control(srtAckAck, int(sent/time.Microsecond))
}

// leastRTT is the shortest round trip of late.
func (s *srt) leastRTT() time.Duration {
	if b := s.bases; b[0] == 0 || b[1] > 0 && b[1] < b[0] {
		return b[1]
	}
	return s.bases[0]
}

// onNAK is a report of losses at the sender.
func (s *srt) onNAK(missing []int) {
	s.heard = s.clock.now
	for _, seq := range missing {
		if i := seq - s.first; i >= 0 && i < len(s.buffer) && !s.buffer[i].lost && seq < s.fresh {
			s.buffer[i].lost = true
			s.lost = append(s.lost, seq)
		}
	}
	s.pump()
}

// setPace is SRTO_MAXBW.
func (s *srt) setPace(bitrate float64) {
	s.pace = bitrate
	s.pump()
}

// flush does nothing: what SRT has been given cannot be taken back.
func (s *srt) flush() {}

// sample is what output/srt makes of libsrt's figures.
func (s *srt) sample() rate.Sample {
	age := time.Duration(0)
	if len(s.buffer) > 0 {
		age = s.clock.now - s.buffer[0].written
	}
	return rate.Sample{
		At: s.clock.now, Written: s.written, Outstanding: s.held, Dropped: s.dropped, Retransmitted: s.resent,
		RTT: s.rtt, MinRTT: s.leastRTT(), Budget: s.latency, AppLimited: age <= s.leastRTT()+ackSlack,
	}
}
