package whip

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

const (
	// maxPayload leaves room in 1280 bytes, IPv6's least MTU, for IPv6, UDP, TURN,
	// SRTP and the header extension.
	maxPayload = 1160
	// history is how many packets can be sent again; 1.2 MB of video.
	history = 1024
	// leastAgain is the least time between two sendings of a packet, also while no
	// round trip is known: a receiver that asks on and on gets it no faster.
	leastAgain = 5 * time.Millisecond
)

// stream is one RTP stream of a publication.
type stream struct {
	params webrtc.RTPCodecParameters
	track  *media.Track // the newest; for Write alone
	video  bool
	local  *webrtc.TrackLocalStaticRTP
	sender *webrtc.RTPSender
	clock  int
	offset uint32 // of RTP timestamps (RFC 3550 §5.1)

	payloader codecs.H264Payloader // for Write alone
	seq       uint16               // for Write alone; begins in the lower half, so that SRTP agrees on the rollovers (RFC 3711 §3.3.1)
	last      time.Duration        // PTS of the last picture, for Write alone
	refused   bool                 // the endpoint does not want it; set before anything is sent
	reported  bool                 // a sender report has followed its first packets; for transmit alone

	packets, octets atomic.Uint32 // of the sender report, without headers; they wrap
	lost            atomic.Uint32 // the receiver's count

	mu   sync.Mutex // guards the ring below
	ring [history]*rtp.Packet
	sent [history]time.Time // when a packet was last sent
}

func newStream(t *media.Track) *stream {
	return &stream{track: t, video: t.Kind() == media.Video, params: parameters(t), clock: int(parameters(t).ClockRate), offset: rand.Uint32(), seq: uint16(rand.Uint32() >> 17)}
}

func (s *stream) pionKind() webrtc.RTPCodecType {
	if s.track.Kind() == media.Video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// name of the codec as SDP has it.
func (s *stream) name() string {
	_, name, _ := strings.Cut(s.params.MimeType, "/")
	return name
}

func (s *stream) addTo(pc *webrtc.PeerConnection) (err error) {
	if s.local, err = webrtc.NewTrackLocalStaticRTP(s.params.RTPCodecCapability, s.track.Kind().String(), cname); err != nil {
		return fmt.Errorf("offer %v: %w", s.track.Codec, err)
	}
	t, err := pc.AddTransceiverFromTrack(s.local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("offer %v: %w", s.track.Codec, err)
	}
	s.sender = t.Sender()
	return nil
}

// ssrc is 0 before the offer.
func (s *stream) ssrc() uint32 {
	if e := s.sender.GetParameters().Encodings; len(e) > 0 {
		return uint32(e[0].SSRC)
	}
	return 0
}

// timestamp is a time of the stream's clock in RTP's units.
func (s *stream) timestamp(at time.Duration) uint32 {
	return s.offset + uint32(media.ToTimescale(at, s.clock)) // wraps, as RTP's does
}

// carries says that a new track goes on where the old one was: parameter sets
// are in band, so a change of size or colour needs no new offer; another
// profile or a higher level does.
func (s *stream) carries(t *media.Track) bool {
	if t.Codec != s.track.Codec {
		return false
	}
	if t.Codec != media.H264 {
		return true // an Opus packet says itself what it holds (RFC 6716 §3.1)
	}
	was, is := s.params.SDPFmtpLine, parameters(t).SDPFmtpLine
	n := len(was) - 2
	return n == len(is)-2 && was[:n] == is[:n] && is[n:] <= was[n:]
}

// packetize makes RTP packets of an access unit (RFC 6184 §5, RFC 7587 §4.2).
func (s *stream) packetize(p media.Packet) []*rtp.Packet {
	var payloads [][]byte
	if p.Track.Codec == media.H264 {
		for nal := range units(p) {
			payloads = append(payloads, s.payloader.Payload(maxPayload, nal)...)
		}
	} else {
		payloads = [][]byte{p.Data}
	}
	at := s.timestamp(p.PTS)
	all := make([]*rtp.Packet, len(payloads))
	for i, payload := range payloads {
		all[i] = &rtp.Packet{Header: rtp.Header{
			Version: 2, SequenceNumber: s.seq, Timestamp: at,
			Marker: p.Track.Kind() == media.Video && i == len(payloads)-1, // the end of a picture; of Opus, silence before: none
		}, Payload: payload}
		s.seq++
	}
	return all
}

// units of an access unit, at a key picture with the parameter sets it needs.
func units(p media.Packet) iter.Seq[[]byte] {
	if p.Key {
		return h264.InBand(p.Track.Video, p.Data)
	}
	return h264.Units(p.Data)
}

// send sends a packet, and keeps it to be sent again. It returns the bytes on
// the wire above UDP.
func (s *stream) send(p *rtp.Packet) (int, error) {
	s.mu.Lock()
	i := p.SequenceNumber % history
	s.ring[i], s.sent[i] = p, time.Now()
	s.mu.Unlock()
	if err := s.local.WriteRTP(p); err != nil {
		return 0, err
	}
	s.packets.Add(1)
	s.octets.Add(uint32(len(p.Payload)))
	return wireSize(p), nil
}

// wireSize of a packet with TWCC's header extension and SRTP's tag.
func wireSize(p *rtp.Packet) int { return len(p.Payload) + 12 + 8 + 10 }

// resend sends what the receiver misses (RFC 4585 §6.2.1), a packet not twice
// in half a round trip. It returns how many packets and bytes that were.
func (s *stream) resend(n *rtcp.TransportLayerNack, rtt time.Duration) (packets, bytes int) {
	for i := range n.Nacks {
		for _, seq := range n.Nacks[i].PacketList() {
			p := s.again(seq, rtt)
			if p == nil || packets == history {
				continue
			}
			if s.local.WriteRTP(p) == nil {
				packets, bytes = packets+1, bytes+wireSize(p)
			}
		}
	}
	return packets, bytes
}

// again is a packet that may be sent again now, nil when not.
func (s *stream) again(seq uint16, rtt time.Duration) *rtp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := seq % history
	p := s.ring[i]
	if p == nil || p.SequenceNumber != seq || time.Since(s.sent[i]) < max(rtt/2, leastAgain) {
		return nil
	}
	s.sent[i] = time.Now()
	return p
}
