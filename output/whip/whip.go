// Package whip pushes a stream by WebRTC-HTTP ingestion (RFC 9725): an offer by
// POST, media over DTLS-SRTP, DELETE at the end. pion/webrtc speaks ICE, DTLS
// and SRTP; timestamps, sender reports, retransmission and pacing are here.
package whip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// Kind is WHIP over HTTPS, or HTTP in a studio's own network.
var Kind = output.Kind{
	Name: "whip", Title: "WebRTC publish (WHIP)", Direction: output.Push,
	Schemes: []string{"whip+https", "whip+http"}, Transports: []string{"http", "tls", "udp"},
	Codecs: []media.Codec{media.H264, media.Opus},
	Check:  Check, Dial: Dial,
	Takes: func(output.Target) []media.Codec { return []media.Codec{media.H264, media.Opus} }, Live: true,
}

const (
	// directLimit is how long a way without the endpoint's own STUN and TURN servers
	// is looked for, before those are taken.
	directLimit = 3 * time.Second
	// deleteLimit bounds the goodbye.
	deleteLimit = 2 * time.Second
	// cname of both streams, so that receivers play them together (RFC 3550 §6.5.1).
	cname = "encoderbox"
)

// errMoreServers: no way was found, and the endpoint has named servers that
// were not tried.
var errMoreServers = errors.New("no way without the endpoint's own STUN and TURN servers")

// Dial publishes the tracks. Sound that is not Opus is left out.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	s, t, err := read(t)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	if err := publishable(t, tracks); err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	client, err := request.New(t, s.base, false)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	servers := s.servers
	for {
		c := &conn{target: t, signal: &session{client: client, log: t.Log, host: s.base.Host}, queue: make(chan unit, queueUnits), done: make(chan struct{})}
		err := c.open(ctx, s, servers, tracks)
		if err == nil {
			return c, nil
		}
		more := c.signal.servers
		_ = c.Close() // ends the publication at the endpoint, if there is one
		if !errors.Is(err, errMoreServers) {
			return nil, err
		}
		servers = append(servers[:len(servers):len(servers)], more...)
	}
}

// publishable says whether there is anything to publish.
func publishable(t output.Target, tracks []*media.Track) error {
	some := false
	for _, tr := range tracks {
		some = some || tr.Codec == media.H264 || tr.Codec == media.Opus
		if tr.Codec == media.H264 && tr.Video != nil && len(tr.Video.SPS) < 4 {
			return errors.New("WHIP: the video track has no SPS")
		}
	}
	for _, tr := range tracks {
		if tr.Codec == media.H264 || tr.Codec == media.Opus {
			continue
		}
		if !some {
			return fmt.Errorf("WHIP carries H.264 and Opus, and this stream has %v alone", tr.Codec)
		}
		t.Log.Warn("published without sound: WHIP carries Opus", "destination", t.Name, "codec", tr.Codec.String())
	}
	if !some {
		return errors.New("WHIP: no track to publish")
	}
	return nil
}

// open makes the publication, and waits until media can flow.
func (c *conn) open(ctx context.Context, s settings, servers []webrtc.ICEServer, tracks []*media.Track) (err error) {
	var names []string
	for _, t := range tracks {
		if t.Codec == media.H264 || t.Codec == media.Opus {
			st := newStream(t)
			c.streams = append(c.streams, st)
			names = append(names, st.name())
		}
	}
	if c.peer, err = newPeer(s, servers, c.streams, c.target.Log); err != nil {
		return output.WithCause(output.CauseLocal, fmt.Errorf("WHIP: %w", err))
	}
	offer, err := c.peer.CreateOffer(nil)
	if err != nil {
		return output.WithCause(output.CauseLocal, fmt.Errorf("WHIP: make the offer: %w", err))
	}
	local, err := c.peer.gather(ctx, offer)
	if err != nil {
		return fmt.Errorf("WHIP: %w", err)
	}
	if c.answer, err = c.signal.post(ctx, local); err != nil {
		return err
	}
	if err := c.accept(names); err != nil {
		return err
	}
	if err := c.wait(ctx, len(servers) < len(s.servers)+len(c.signal.servers)); err != nil {
		return err
	}
	c.start()
	return nil
}

// accept takes the endpoint's answer.
func (c *conn) accept(names []string) error {
	takes, err := accepted(c.answer, names)
	if err != nil {
		return unusable(c.signal.host, "cannot be used", err)
	}
	for i, st := range c.streams {
		if takes[i] {
			continue
		}
		if st.track.Kind() == media.Video {
			return unusable(c.signal.host, "refuses the video: it does not take H.264 with profile-level-id "+
				profileLevel(st.track)+" and packetization-mode 1: set another profile (baseline, main) for the encoder", nil)
		}
		if len(c.streams) == 1 {
			return unusable(c.signal.host, "refuses the sound: it does not take Opus", nil)
		}
		st.refused = true
		if err := c.peer.RemoveTrack(st.sender); err != nil {
			return output.WithCause(output.CauseLocal, fmt.Errorf("WHIP: leave the sound out: %w", err))
		}
		c.target.Log.Warn("published without sound: the WHIP endpoint does not take Opus", "destination", c.target.Name)
	}
	if err := c.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.answer}); err != nil {
		return unusable(c.signal.host, "cannot be used", err)
	}
	return nil
}

// wait waits until media can flow. more says that the endpoint has named servers
// that could find another way.
func (c *conn) wait(ctx context.Context, more bool) error {
	limit := time.NewTimer(directLimit)
	defer limit.Stop()
	tooLong := limit.C
	if !more {
		tooLong = nil
	}
	for {
		switch c.peer.ConnectionState() {
		case webrtc.PeerConnectionStateConnected:
			return nil
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			if more && c.noWay() {
				return errMoreServers
			}
			return c.unreached(nil)
		}
		select {
		case <-c.peer.states:
		case <-tooLong:
			if tooLong = nil; c.noWay() {
				return errMoreServers
			}
		case <-ctx.Done():
			return c.unreached(context.Cause(ctx))
		}
	}
}

// noWay says that ICE has found none yet.
func (c *conn) noWay() bool {
	switch c.peer.ICEConnectionState() {
	case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
		return false
	}
	return true
}

// unreached says how far the media's connection came. A nil err is pion's own
// giving up.
func (c *conn) unreached(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err == nil {
		err = context.DeadlineExceeded
	}
	host := c.signal.host
	switch {
	case c.noWay():
		err = output.InWords(fmt.Sprintf("%s took the offer, but no way for media was found (ICE): does every firewall let UDP through? Else set ice_server to a TURN server", host), err)
	case c.peer.ConnectionState() == webrtc.PeerConnectionStateClosed:
		return output.WithCause(output.CauseClosed, fmt.Errorf("%s took the offer and ended the connection before it was there", host))
	default:
		err = output.InWords(fmt.Sprintf("%s took the offer and was reached by UDP, but the encryption (DTLS) was not agreed on: is the media server behind the endpoint healthy?", host), err)
	}
	return output.WithCause(output.CauseNetwork, err)
}
