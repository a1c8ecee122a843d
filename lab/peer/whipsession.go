package peer

import (
	"context"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// WHIPSession is one publication at a WHIP endpoint, and what has come of it.
type WHIPSession struct {
	opts  WHIPOptions
	pc    *webrtc.PeerConnection
	path  string
	offer string
	relay *udpRelay
	done  chan struct{}
	end   sync.Once
	wg    sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	tracks map[webrtc.RTPCodecType]*WHIPTrack
}

// WHIPTrack is what has come of one track.
type WHIPTrack struct {
	Codec   webrtc.RTPCodecParameters
	Packets []*rtp.Packet // as they came
	Report  *rtcp.SenderReport
	CName   string
}

// newWHIPSession takes an offer's place; answer answers it.
func newWHIPSession(opts WHIPOptions, offer string) (*WHIPSession, error) {
	s := &WHIPSession{opts: opts, offer: offer, done: make(chan struct{}), tracks: map[webrtc.RTPCodecType]*WHIPTrack{}}
	var engine webrtc.MediaEngine
	if !opts.NoVideo {
		fb := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "transport-cc"}}
		for i, profile := range []string{"42e01f", "42c01f", "4d401f", "64001f"} {
			if err := engine.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(96 + i), RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeH264, ClockRate: 90000, RTCPFeedback: fb,
				SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile,
			}}, webrtc.RTPCodecTypeVideo); err != nil {
				return nil, err
			}
		}
	}
	if !opts.NoAudio {
		if err := engine.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
		}}, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	registry := &interceptor.Registry{}
	if opts.DropEvery > 0 {
		registry.Add(&lossFactory{every: opts.DropEvery})
	}
	if err := webrtc.RegisterDefaultInterceptorsWithOptions(&engine, registry, webrtc.WithInterceptorLoggerFactory(quiet)); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{LoggerFactory: quiet}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.DisableSRTPReplayProtection(true) // what DropEvery loses has been decrypted before
	settings.SetICETimeouts(5*time.Second, 20*time.Second, time.Second)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	var err error
	s.pc, err = api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	s.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { s.record(t, r) })
	if opts.Lifetime > 0 {
		s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
			if st == webrtc.PeerConnectionStateConnected {
				s.wg.Go(s.expire)
			}
		})
	}
	return s, nil
}

// expire ends the media's connection, not the session.
func (s *WHIPSession) expire() {
	select {
	case <-time.After(s.opts.Lifetime):
		_ = s.pc.Close()
	case <-s.done:
	}
}

var candidateLine = regexp.MustCompile(`a=(candidate|end-of-candidates).*\r\n`)

// answer answers the first offer, with the faults that are asked for.
func (s *WHIPSession) answer(ctx context.Context, offer string) (string, error) {
	if s.opts.Relay || s.opts.NoICE {
		offer = candidateLine.ReplaceAllString(offer, "") // the way back is learned from what comes
	}
	answer, err := s.negotiate(ctx, offer)
	if err != nil {
		return "", err
	}
	switch {
	case s.opts.NoDTLS: // both sides take themselves for the client
		answer = strings.ReplaceAll(answer, "a=setup:active", "a=setup:passive")
	case s.opts.NoICE:
		answer = candidateLine.ReplaceAllString(answer, "")
	case s.opts.Relay:
		return s.throughRelay(answer)
	}
	return answer, nil
}

func (s *WHIPSession) throughRelay(answer string) (string, error) {
	for line := range strings.Lines(answer) {
		f := strings.Fields(line)
		if !strings.HasPrefix(line, "a=candidate") || len(f) < 8 {
			continue
		}
		relay, err := startRelay(net.JoinHostPort(f[4], f[5]))
		if err != nil {
			return "", err
		}
		s.relay = relay
		f[4], f[5], _ = strings.Cut(relay.front.LocalAddr().String(), ":")
		bare := candidateLine.ReplaceAllString(answer, "")
		return strings.Replace(bare, "a=mid:0\r\n", "a=mid:0\r\n"+strings.Join(f, " ")+"\r\n", 1), nil
	}
	return "", errors.New("peer: no candidate to relay")
}

// Lose cuts the relay: media come no more on this way.
func (s *WHIPSession) Lose() {
	if s.relay != nil {
		s.relay.stop()
	}
}

// record keeps what comes of a track until the session ends.
func (s *WHIPSession) record(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	kept := &WHIPTrack{Codec: t.Codec()}
	s.mu.Lock()
	s.tracks[t.Kind()] = kept
	s.mu.Unlock()
	s.wg.Go(func() { s.reports(kept, r) })
	if s.opts.AskKey > 0 && t.Kind() == webrtc.RTPCodecTypeVideo {
		s.wg.Go(func() { s.askKeys(t) })
	}
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		s.mu.Lock()
		kept.Packets = append(kept.Packets, p)
		s.mu.Unlock()
	}
}

func (s *WHIPSession) reports(kept *WHIPTrack, r *webrtc.RTPReceiver) {
	for {
		ps, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		s.mu.Lock()
		for _, p := range ps {
			switch p := p.(type) {
			case *rtcp.SenderReport:
				kept.Report = p
			case *rtcp.SourceDescription:
				kept.CName = p.Chunks[0].Items[0].Text
			}
		}
		s.mu.Unlock()
	}
}

func (s *WHIPSession) askKeys(t *webrtc.TrackRemote) {
	tick := time.NewTicker(s.opts.AskKey)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
		case <-s.done:
			return
		}
	}
}

// Track is what has come of a kind so far, in the order in which it was sent;
// nil for nothing.
func (s *WHIPSession) Track(kind webrtc.RTPCodecType) *WHIPTrack {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tracks[kind]
	if t == nil {
		return nil
	}
	c := *t
	c.Packets = slices.Clone(t.Packets)
	slices.SortStableFunc(c.Packets, func(a, b *rtp.Packet) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	c.Packets = slices.CompactFunc(c.Packets, func(a, b *rtp.Packet) bool { return a.SequenceNumber == b.SequenceNumber })
	return &c
}

// Missing counts the packets between the first and the last that have not come.
func (t *WHIPTrack) Missing() int {
	if len(t.Packets) == 0 {
		return 0
	}
	return int(t.Packets[len(t.Packets)-1].SequenceNumber-t.Packets[0].SequenceNumber) + 1 - len(t.Packets)
}

// AnnexB is the H.264 that has come, up to the last whole picture.
func (t *WHIPTrack) AnnexB() (stream []byte, err error) {
	var (
		d       codecs.H264Packet
		picture []byte
	)
	for _, p := range t.Packets {
		b, err := d.Unmarshal(p.Payload)
		if err != nil {
			return nil, err
		}
		picture = append(picture, b...)
		if p.Marker {
			stream, picture = append(stream, picture...), picture[:0]
		}
	}
	return stream, nil
}

// At is when a timestamp of the track was, by its last sender report.
func (t *WHIPTrack) At(timestamp uint32) time.Duration {
	base := time.Duration(t.Report.NTPTime>>32)*time.Second + time.Duration((t.Report.NTPTime&0xffffffff)*uint64(time.Second)>>32)
	return base + time.Duration(int32(timestamp-t.Report.RTPTime))*time.Second/time.Duration(t.Codec.ClockRate)
}

// Closed says that the session has ended.
func (s *WHIPSession) Closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Close ends the session.
func (s *WHIPSession) Close() {
	s.end.Do(func() {
		close(s.done)
		_ = s.pc.GracefulClose()
		s.Lose()
	})
	s.wg.Wait()
}

// lossFactory makes receivers that lose packets of video.
type lossFactory struct{ every int }

// NewInterceptor implements interceptor.Factory.
func (f *lossFactory) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &loss{every: f.every}, nil
}

type loss struct {
	interceptor.NoOp
	every int
}

// BindRemoteStream implements interceptor.Interceptor.
func (l *loss) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	if !strings.HasPrefix(info.MimeType, "video/") {
		return reader
	}
	var highest uint16
	count := 0
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			n, attr, err := reader.Read(b, a)
			if err != nil || n < 4 {
				return n, attr, err
			}
			seq := uint16(b[2])<<8 | uint16(b[3])
			count++
			if count == 1 || int16(seq-highest) > 0 {
				highest = seq
				if count%l.every == 0 {
					continue
				}
			}
			return n, attr, nil
		}
	})
}

// udpRelay passes datagrams between one caller and a server.
type udpRelay struct {
	front net.PacketConn
	back  net.Conn
	once  sync.Once
	wg    sync.WaitGroup
}

func startRelay(server string) (*udpRelay, error) {
	front, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	back, err := net.Dial("udp4", server)
	if err != nil {
		front.Close()
		return nil, err
	}
	r := &udpRelay{front: front, back: back}
	caller := make(chan net.Addr, 1)
	r.wg.Go(func() {
		defer close(caller)
		buf := make([]byte, 2048)
		for first := true; ; first = false {
			n, from, err := front.ReadFrom(buf)
			if err != nil {
				return
			}
			if first {
				caller <- from
			}
			_, _ = back.Write(buf[:n])
		}
	})
	r.wg.Go(func() {
		to, ok := <-caller
		buf := make([]byte, 2048)
		for ok {
			n, err := back.Read(buf)
			if err != nil {
				return
			}
			_, _ = front.WriteTo(buf[:n], to)
		}
	})
	return r, nil
}

func (r *udpRelay) stop() {
	r.once.Do(func() {
		r.front.Close()
		r.back.Close()
	})
	r.wg.Wait()
}
