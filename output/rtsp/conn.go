package rtsp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

// answerTime bounds the wait for one answer.
const answerTime = 10 * time.Second

// conn is one publication.
type conn struct {
	address
	client *gortsplib.Client
	inBand bool // the media goes over the control connection: TCP
	meter  *meter
	said   words
	ended  chan struct{} // closed when the client has ended
	packs  map[*media.Track]*packer

	// Written by Write's goroutine alone:
	started bool
	base    time.Duration // PTS of the beginning
	zero    time.Time     // time of day at the beginning
	begins  time.Duration // DTS of the beginning

	mu     sync.Mutex // guards the two below
	sock   *socket
	closed bool

	waiter sync.WaitGroup
	close  sync.Once
}

var _ output.PathConn = (*conn)(nil)

// open makes one connection, up to the accepted RECORD.
func open(ctx context.Context, a address, t output.Target, tracks []*media.Track, transport gortsplib.Protocol) (*conn, error) {
	c := &conn{address: a, inBand: transport == gortsplib.ProtocolTCP, meter: newMeter(), ended: make(chan struct{}), packs: map[*media.Track]*packer{}}
	session := &description.Session{Title: "encoderbox"}
	for _, track := range tracks {
		p, err := newPacker(track)
		if err != nil {
			return nil, err
		}
		c.packs[track] = p
		session.Medias = append(session.Medias, p.media)
	}
	c.client = c.newClient(ctx, t, transport)
	if err := c.client.Start(); err != nil {
		return nil, fmt.Errorf("rtsp: %w", err)
	}
	c.waiter.Go(func() {
		_ = c.client.Wait() // Write reports it
		close(c.ended)
	})
	// The opening has no deadline of its own: the end of ctx cuts it.
	stop := context.AfterFunc(ctx, func() { c.cut(); c.client.Close() })
	err := c.record(session)
	if !stop() || err != nil {
		c.cut()
		c.client.Close()
		c.waiter.Wait()
		return nil, c.explain(ctx, err)
	}
	return c, nil
}

func (c *conn) newClient(ctx context.Context, t output.Target, transport gortsplib.Protocol) *gortsplib.Client {
	dial := func(dctx context.Context, network, addr string) (net.Conn, error) {
		return c.connect(dctx, t, network, addr)
	}
	return &gortsplib.Client{
		Scheme: c.url.Scheme, Host: c.url.Host, Protocol: &transport, UserAgent: t.Agent,
		ReadTimeout: answerTime, WriteTimeout: t.WriteTimeout, WriteQueueSize: queueSize,
		DialContext: func(dctx context.Context, network, addr string) (net.Conn, error) {
			s, err := dial(dctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &frames{s, c.meter}, nil
		},
		DialTLSContext: func(dctx context.Context, network, addr string) (net.Conn, error) {
			s, err := dial(dctx, network, addr)
			if err != nil {
				return nil, err
			}
			config := &tls.Config{MinVersion: tls.VersionTLS12}
			if t.TLS != nil {
				config = t.TLS.Clone()
			}
			if config.ServerName == "" {
				config.ServerName = c.url.Hostname()
			}
			secure := tls.Client(s, config)
			if err := secure.HandshakeContext(dctx); err != nil {
				c.cut()
				return nil, err
			}
			return &frames{secure, c.meter}, nil
		},
		ListenPacket: func(network, addr string) (net.PacketConn, error) {
			p, err := (&net.ListenConfig{}).ListenPacket(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &datagrams{p.(*net.UDPConn), c.meter}, nil
		},
		OnResponse:        c.said.answer,
		OnServerRequest:   c.said.request,
		OnTransportSwitch: func(error) {}, // no transport is switched: Dial does that
		OnPacketsLost:     func(uint64) {},
		OnDecodeError:     func(err error) { t.Log.Debug("a report of the server is not understood", "error", err) },
	}
}

func (c *conn) connect(ctx context.Context, t output.Target, network, addr string) (net.Conn, error) {
	raw, err := (&net.Dialer{Control: tcpinfo.Control(t.WriteTimeout)}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: tcpinfo.New(raw), peer: c.dial, since: time.Now()}
	s.limit.Store(int64(t.WriteTimeout))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sock = s
	if c.closed {
		s.cut()
	}
	return s, nil
}

// record is RTSP's opening.
func (c *conn) record(session *description.Session) error {
	to := (*base.URL)(&url.URL{
		Scheme: c.url.Scheme, User: c.url.User, Host: c.url.Host, Path: c.url.Path, RawPath: c.url.RawPath, RawQuery: c.url.RawQuery,
	})
	if to.Path == "" {
		to.Path = "/"
	}
	c.said.at("ANNOUNCE")
	if _, err := c.client.Announce(to, session); err != nil {
		return err
	}
	c.said.at("SETUP")
	if err := c.client.SetupAll(to, session.Medias); err != nil {
		return err
	}
	c.said.at("RECORD")
	if _, err := c.client.Record(); err != nil {
		return err
	}
	c.said.at("the media")
	return nil
}

// cut ends the connection at once.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.sock != nil {
		c.sock.cut()
	}
}

// Write sends one packet and returns when the kernel has all of it.
func (c *conn) Write(p media.Packet) error {
	pack := c.packs[p.Track]
	if pack == nil {
		return output.ErrTrackChanged
	}
	if !c.started {
		c.begin(p)
	}
	if p.DTS < c.begins {
		return nil // sound from before the first picture
	}
	packets, err := pack.encode(p)
	if err != nil {
		return output.WithCause(output.CauseLocal, fmt.Errorf("rtsp: packetize %v: %w", p.Track.Kind(), err))
	}
	since := p.PTS - c.base
	for _, pkt := range packets {
		if !c.meter.wait(maxPending, c.ended) {
			return c.failure(c.client.Wait())
		}
		pkt.Timestamp = pack.timestamp(since)
		c.meter.pending.Add(1)
		if err := c.client.WritePacketRTPWithNTP(pack.media, pkt, c.zero.Add(since)); err != nil {
			return c.failure(err)
		}
	}
	if !c.meter.wait(0, c.ended) {
		return c.failure(c.client.Wait())
	}
	return nil
}

// begin tells the receiver how the RTP times of all tracks map to one clock (RFC
// 3550 §6.4.1), before it gets media: one that learns it later has shown the
// beginning out of step. The library goes on with such reports.
func (c *conn) begin(p media.Packet) {
	c.started, c.base, c.begins, c.zero = true, p.PTS, p.DTS, time.Now()
	stats := c.client.Stats()
	for _, pack := range c.packs {
		_ = c.client.WritePacketRTCP(pack.media, &rtcp.SenderReport{ // a failure comes again with the media
			SSRC:    stats.Session.Medias[pack.media].Formats[pack.format].LocalSSRC,
			NTPTime: ntp.Encode(c.zero), RTPTime: pack.timestamp(0),
		})
	}
}

// failure is why a Write has failed.
func (c *conn) failure(err error) error {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return fmt.Errorf("connection to %s: %w", c.dial, net.ErrClosed)
	}
	return c.explain(context.Background(), err)
}

// Stats of the control connection, which also carries the media over TCP, and of
// the datagrams. Loss is what the receiver reports.
func (c *conn) Stats() output.ConnStats {
	c.mu.Lock()
	s := c.sock
	c.mu.Unlock()
	st := s.Stats()
	st.BytesSent += c.meter.bytes.Load()
	st.InFlight = uint64(max(c.meter.pending.Load(), 0))
	for _, m := range c.client.Stats().Session.Medias {
		for _, f := range m.Formats {
			st.Lost += f.OutboundRTPPacketsReportedLost
		}
	}
	return st
}

// Path implements output.PathConn. Over UDP nothing is known: reports of receivers
// come every few seconds, and tell of losses alone.
func (c *conn) Path() (output.Path, bool) {
	s := c.media()
	if s == nil {
		return output.Path{}, false
	}
	return s.Path()
}

// Pace implements output.PathConn.
func (c *conn) Pace(bitrate int) error {
	s := c.media()
	if s == nil {
		return nil
	}
	return s.Pace(bitrate)
}

// Written is Path's, of writes that have ended.
func (c *conn) Written() uint64 {
	s := c.media()
	if s == nil {
		return 0
	}
	return s.Written()
}

// media is the connection that carries the media; nil where datagrams do.
func (c *conn) media() *socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.inBand {
		return nil
	}
	return c.sock
}

// Close ends the session by TEARDOWN where the server takes it quickly, and frees
// everything. It makes a blocked Write return.
func (c *conn) Close() error {
	c.close.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.sock.limit.Store(int64(closeTime))
		s := c.sock
		c.mu.Unlock()
		late := time.AfterFunc(3*closeTime, s.cut)
		if c.meter.pending.Load() > 0 {
			late.Reset(closeTime) // a Write is stuck
		}
		c.client.Close()
		late.Stop()
		c.waiter.Wait()
	})
	return nil
}
