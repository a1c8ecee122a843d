package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// srtReceiver is the far end.
type srtReceiver struct {
	packets  []received // by sequence number, from base on
	base     int
	expected int // first missing one
	highest  int // received, -1 at first
	acked    int
	ackAt    time.Duration
	nakAt    time.Duration
	rtt, dev time.Duration
}

type received struct {
	got  bool
	play time.Duration
}

// arrive is a packet at the receiver.
func (s *srt) arrive(p bottleneck.Packet) {
	switch value := int(p.ID &^ kindMask); p.ID & kindMask {
	case srtAckAck:
		s.r.measured(s.clock.now - time.Duration(value)*time.Microsecond)
	case srtHandshake:
		s.shaken(uint64(value))
	default:
		s.data(value)
	}
}

func (r *srtReceiver) measured(rtt time.Duration) {
	d := (rtt - r.rtt).Abs()
	r.dev += (d - r.dev) / 4
	r.rtt += (rtt - r.rtt) / 8
}

func (r *srtReceiver) at(seq int) *received {
	for seq-r.base >= len(r.packets) {
		r.packets = append(r.packets, received{})
	}
	return &r.packets[seq-r.base]
}

// advance finds the first missing one, and forgets what is before it.
func (r *srtReceiver) advance() {
	for r.expected <= r.highest && r.at(r.expected).got {
		r.expected++
	}
	if n := r.expected - r.base; n > 4096 {
		n = min(n, len(r.packets))
		r.packets = append(r.packets[:0:0], r.packets[n:]...)
		r.base += n
	}
}

func (s *srt) data(seq int) {
	r := &s.r
	if s.down || seq < r.expected || r.at(seq).got {
		return
	}
	if i := seq - s.first; i >= 0 { // the sender forgets only what came or what is too late
		p := s.buffer[i]
		*r.at(seq) = received{true, p.written + s.base() + s.latency}
		s.frames.arrived(p.frame, p.size, s.clock.now)
	} else {
		r.at(seq).got = true
	}
	if seq > r.highest+1 {
		s.report(r.highest+1, seq)
	}
	r.highest = max(r.highest, seq)
	r.advance()
}

// report tells the sender what is missing of a range.
func (s *srt) report(from, to int) {
	var missing []int
	for seq := max(from, s.r.expected); seq < to; seq++ {
		if !s.r.at(seq).got {
			missing = append(missing, seq)
		}
	}
	if len(missing) > 0 {
		number := s.number
		s.back.send(srtHeader+8*len(missing), func() {
			if s.connection() == number {
				s.onNAK(missing)
			}
		})
	}
}

// receiverTick acknowledges, reports again what is still missing, and gives up what is
// too late.
func (s *srt) receiverTick() {
	r, now := &s.r, s.clock.now
	if s.down {
		return
	}
	s.giveUp()
	if r.expected > r.acked || r.expected > r.base && now-r.ackAt > r.rtt+4*r.dev {
		if r.expected > r.acked || s.held > 0 {
			ack, rtt, dev, number := r.expected, r.rtt, r.dev, s.number
			r.acked, r.ackAt = ack, now
			s.back.send(srtHeader+28, func() {
				if s.connection() == number {
					s.onAck(ack, rtt, dev, now)
				}
			})
		}
	}
	if r.expected <= r.highest && now-r.nakAt > max(leastNAK, (r.rtt+4*r.dev)/2) {
		r.nakAt = now
		s.report(r.expected, r.highest+1)
	}
}

// giveUp is TLPKTDROP on the receiver's side: what is missing is skipped when what
// follows is to be played.
func (s *srt) giveUp() {
	r := &s.r
	for seq := r.expected; seq <= r.highest; seq++ {
		p := r.at(seq)
		if p.got {
			if p.play <= s.clock.now {
				r.expected = seq
				r.advance()
			}
			return
		}
	}
}
