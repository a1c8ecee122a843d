package whip

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	maxReport = 1500 // bytes of RTCP in one datagram
	// keyInterval is the least time between two key pictures that are asked for.
	keyInterval = time.Second
	// Of the bandwidth estimate, bits per second.
	initialEstimate = 4_000_000
	maxEstimate     = 200_000_000
)

// listen reads what the receiver tells about a stream, until the connection is
// closed.
func (c *conn) listen(s *stream) {
	buf := make([]byte, maxReport)
	for {
		n, _, err := s.sender.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue // not RTCP, or not as it should be: the rest of the datagram says nothing
		}
		for _, p := range packets {
			c.heard(s, p)
		}
	}
}

func (c *conn) heard(s *stream, p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if s.video {
			c.askKey(time.Now())
		}
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC == s.ssrc() {
			packets, bytes := s.resend(p, c.roundTrip())
			c.retransmitted.Add(uint64(packets))
			c.sent.Add(uint64(bytes))
		}
	case *rtcp.ReceiverReport:
		c.reported(s, p.Reports, time.Now())
	case *rtcp.SenderReport:
		c.reported(s, p.Reports, time.Now())
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		c.remb.Store(int64(min(max(p.Bitrate, 0), maxEstimate)))
	case *rtcp.TransportLayerCC:
		c.hasTWCC.Store(true)
	}
}

// reported takes the receiver's figures (RFC 3550 §6.4.1).
func (c *conn) reported(s *stream, reports []rtcp.ReceptionReport, now time.Time) {
	for _, r := range reports {
		if r.SSRC != s.ssrc() {
			continue
		}
		if lost := r.TotalLost & 0xffffff; lost < 1<<23 { // signed: negative with duplicates
			s.lost.Store(lost)
		}
		if r.LastSenderReport == 0 {
			continue
		}
		// In units of 1/65536 s; the subtraction wraps as the times do.
		units := int32(uint32(ntp(now)>>16) - r.LastSenderReport - r.Delay)
		if d := time.Duration(units) * time.Second >> 16; d > 0 && d < time.Minute {
			c.rtt.Store(int64(d))
		}
	}
}

// askKey asks the encoder for a key picture, at most one a second.
func (c *conn) askKey(now time.Time) {
	if c.target.RequestKey == nil {
		return
	}
	last := c.keyAsked.Load()
	if now.UnixNano()-last < int64(keyInterval) || !c.keyAsked.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	c.target.RequestKey()
}
