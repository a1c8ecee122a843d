package sim

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// tcpReceiver is the far end of a connection.
type tcpReceiver struct {
	tcp      *tcp
	got      []bool // from expected on
	expected int    // number of the first segment that is missing
	pending  int    // segments that wait for an acknowledgement
	timing   bool
	read     func(end int64) // the stream is there up to this byte
}

func (r *tcpReceiver) arrive(p bottleneck.Packet) {
	number, t := int(p.ID), r.tcp
	i := number - r.expected
	if i < 0 || i < len(r.got) && r.got[i] {
		r.acknowledge(number)
		return
	}
	for len(r.got) <= i {
		r.got = append(r.got, false)
	}
	r.got[i] = true
	n := 0
	for n < len(r.got) && r.got[n] {
		n++
	}
	if n > 0 {
		r.got = r.got[n:]
		r.expected += n
		r.read(t.segments[r.expected-1-t.first].end)
	}
	r.pending++
	switch {
	case i > 0 || n != 1 || len(r.got) > 0 || r.pending >= 2:
		r.acknowledge(number)
	case !r.timing:
		r.timing = true
		t.clock.at(t.clock.now+delayedAck, func() {
			r.timing = false
			if r.pending > 0 {
				r.acknowledge(r.expected - 1)
			}
		})
	}
}

func (r *tcpReceiver) acknowledge(number int) {
	r.pending = 0
	before := r.expected
	r.tcp.back.send(tcpHeader, func() { r.tcp.acknowledged(before, number) })
}

// ack is what an acknowledgement tells a congestion control.
type ack struct {
	segments int           // newly delivered
	rtt      time.Duration // 0: unknown
	rate     float64       // of delivery, segments per second; 0: unknown
	limited  bool          // the sender had no more to send, then
	flight   int           // segments, before it
	round    bool          // a round trip has ended
}

// acknowledged is an acknowledgement at the sender: of all segments before one, and of
// one by itself.
func (t *tcp) acknowledged(before, number int) {
	a := ack{flight: t.flight}
	var newest *tcpSegment
	for n := t.first; n < before && n-t.first < len(t.segments); n++ {
		t.deliver(&t.segments[n-t.first], &a, &newest)
	}
	if i := number - t.first; i >= 0 && i < len(t.segments) {
		t.deliver(&t.segments[i], &a, &newest)
	}
	if newest != nil {
		t.measure(&a, *newest)
	}
	if n := min(before-t.first, len(t.segments)); n > 0 {
		for _, s := range t.segments[:n] {
			if s.sacked {
				t.sacked--
			}
		}
		t.una = t.segments[n-1].end
		t.segments = t.segments[n:]
		t.first += n
		t.arm()
	}
	if t.sacked > 0 {
		t.findLost()
	}
	if a.segments > 0 {
		t.control.acked(t, a)
	}
	t.room()
	t.pump()
}

// deliver counts a segment as delivered, unless it is already.
func (t *tcp) deliver(s *tcpSegment, a *ack, newest **tcpSegment) {
	if s.sacked {
		return
	}
	s.sacked = true
	t.sacked++
	if s.lost {
		s.lost = false
		t.lost--
	} else {
		t.flight--
	}
	t.delivered++
	a.segments++
	t.latest = max(t.latest, s.sentAt)
	if *newest == nil || s.sentAt >= (*newest).sentAt {
		*newest = s
	}
}

// measure takes round trip and delivery rate from the segment sent last (RFC 6298;
// draft-cheng-iccrg-delivery-rate-estimation).
func (t *tcp) measure(a *ack, s tcpSegment) {
	now := t.clock.now
	interval := now - s.deliveredAt
	t.deliveredAt = now
	a.limited = s.limited
	if s.delivered >= t.roundEnd {
		t.roundEnd, a.round = t.delivered, true
	}
	if interval > 0 && interval >= t.minRTT {
		a.rate = float64(t.delivered-s.delivered) / interval.Seconds()
	}
	if s.again {
		return
	}
	a.rtt = now - s.sentAt
	if t.minRTT == 0 || a.rtt < t.minRTT {
		t.minRTT = a.rtt
	}
	if t.srtt == 0 {
		t.srtt, t.rttvar = a.rtt, a.rtt/2
	} else {
		t.rttvar += ((a.rtt - t.srtt).Abs() - t.rttvar) / 4
		t.srtt += (a.rtt - t.srtt) / 8
	}
	t.rto = min(max(t.srtt+4*t.rttvar, leastRTO), mostRTO)
}

// findLost takes for lost what was sent clearly before something that has arrived
// (RACK, RFC 8985).
func (t *tcp) findLost() {
	window := t.minRTT / 4
	cut := false
	for i := range t.segments {
		s := &t.segments[i]
		if s.sacked || s.lost || s.sentAt+window >= t.latest {
			continue
		}
		s.lost = true
		t.lost++
		t.flight--
		t.search = min(t.search, t.first+i)
		cut = cut || t.first+i >= t.recoverTo
	}
	if cut {
		t.recoverTo = t.first + len(t.segments)
		t.control.lost(t)
	}
}
