package udp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	// payloadType is MP2T of RFC 3551 §6.
	payloadType = 33
	// reportInterval is that of RTCP, RFC 3550 §6.2, without its randomness: there
	// is one sender.
	reportInterval = 5 * time.Second
	clockRate      = 90_000
)

// session is the RTP side of a connection. packet is called from one goroutine.
type session struct {
	ssrc    uint32
	name    string // CNAME
	control *net.UDPConn
	seq     uint16
	buf     []byte
	quit    chan struct{}
	done    chan struct{}

	mu      sync.Mutex // guards the fields below
	packets uint32
	octets  uint32
	stamp   uint32 // of the last packet
	at      time.Time
	begun   chan struct{} // closed with the first packet
}

// newSession opens the way for RTCP, which has the port behind RTP's.
func newSession(ctx context.Context, w way, port uint16, name string) (*session, error) {
	control, err := w.open(ctx, port+1)
	if err != nil {
		return nil, fmt.Errorf("RTCP: %w", err)
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "encoderbox"
	}
	s := &session{
		ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), name: cname(name + "@" + host), control: control,
		quit: make(chan struct{}), done: make(chan struct{}), begun: make(chan struct{}),
	}
	go s.report()
	return s, nil
}

// cname fits a name into SDES, RFC 3550 §6.5.
func cname(s string) string { return s[:min(len(s), 255)] }

// packet is the RTP packet of a chunk. The time stamp is the programme clock
// itself when the chunk's first byte is sent (RFC 2250 §2); the marker says that
// the clock has jumped.
func (s *session) packet(chunk []byte, clock uint64) []byte {
	stamp := uint32(clock)
	s.mu.Lock()
	jump := int32(stamp - s.stamp)
	h := rtp.Header{
		Version: 2, PayloadType: payloadType, SequenceNumber: s.seq, Timestamp: stamp, SSRC: s.ssrc,
		Marker: s.packets > 0 && (jump < 0 || jump > 10*clockRate),
	}
	first := s.at.IsZero()
	s.packets++
	s.octets += uint32(len(chunk))
	s.stamp, s.at = stamp, time.Now()
	s.mu.Unlock()
	if first {
		close(s.begun)
	}
	s.seq++
	size := h.MarshalSize()
	s.buf = append(s.buf[:0], make([]byte, size)...)
	if _, err := h.MarshalTo(s.buf); err != nil { // a header of fixed size fits
		panic(err)
	}
	s.buf = append(s.buf, chunk...)
	return s.buf
}

// report sends a sender report when the stream begins and then every few
// seconds, so that receivers can tell the stream's clock from the wall's.
func (s *session) report() {
	defer close(s.done)
	select {
	case <-s.begun:
	case <-s.quit:
		return
	}
	every := time.NewTicker(reportInterval)
	defer every.Stop()
	for {
		s.tell()
		select {
		case <-every.C:
		case <-s.quit:
			s.tell(&rtcp.Goodbye{Sources: []uint32{s.ssrc}})
			return
		}
	}
}

// tell sends a report. Whether anybody wants it is not known, nor whether it
// arrives: an error is none of the stream's.
func (s *session) tell(more ...rtcp.Packet) {
	now := time.Now()
	s.mu.Lock()
	r := &rtcp.SenderReport{
		SSRC: s.ssrc, NTPTime: ntp(now), PacketCount: s.packets, OctetCount: s.octets,
		RTPTime: s.stamp + uint32(now.Sub(s.at)*clockRate/time.Second),
	}
	s.mu.Unlock()
	all := append([]rtcp.Packet{r, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: s.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: s.name}},
	}}}}, more...)
	if b, err := rtcp.Marshal(all); err == nil {
		_ = s.control.SetWriteDeadline(now.Add(lastWords))
		_, _ = s.control.Write(b)
	}
}

// ntp is a time as RTCP writes it, RFC 3550 §4.
func ntp(t time.Time) uint64 {
	const from1900 = 2_208_988_800 // seconds to 1970
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func (s *session) close() {
	close(s.quit)
	<-s.done
	_ = s.control.Close()
}
