package whip

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/media"
)

const (
	gatherLimit = 2 * time.Second // for candidates, before the offer goes as it is
	stunLimit   = 1500 * time.Millisecond

	// What ICE calls a lost way (RFC 8445 §5 leaves it open): nothing heard for
	// the sum of both. Then ICE is restarted.
	iceDisconnected = 2 * time.Second
	iceFailed       = 4 * time.Second
	iceKeepalive    = time.Second

	payloadH264 = 96
	payloadOpus = 111
	clockH264   = 90_000
	clockOpus   = 48_000 // whatever the coder's (RFC 7587 §4.1)
)

// feedback is what a receiver may tell about a track (RFC 4585 §4.2, RFC 5104
// §7.1).
func feedback(k media.Kind) []webrtc.RTCPFeedback {
	all := []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}, {Type: webrtc.TypeRTCPFBNACK}}
	if k == media.Video {
		all = append(all, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
			webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"}, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBGoogREMB})
	}
	return all
}

// parameters are what is offered for a track: of H.264 the profile and level
// that its SPS has (RFC 6184 §8.1), of Opus stereo (RFC 7587 §6.1).
func parameters(t *media.Track) webrtc.RTPCodecParameters {
	p := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{RTCPFeedback: feedback(t.Kind())}}
	switch t.Codec {
	case media.H264:
		p.PayloadType, p.MimeType, p.ClockRate = payloadH264, webrtc.MimeTypeH264, clockH264
		p.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profileLevel(t)
	case media.Opus:
		p.PayloadType, p.MimeType, p.ClockRate, p.Channels = payloadOpus, webrtc.MimeTypeOpus, clockOpus, 2
		p.SDPFmtpLine = "minptime=10;useinbandfec=1;sprop-stereo=1;stereo=1"
	}
	return p
}

// profileLevel is profile_idc, the constraint flags and level_idc in hex.
func profileLevel(t *media.Track) string {
	if sps := t.Video.SPS; len(sps) >= 4 {
		return hex.EncodeToString(sps[1:4])
	}
	return "42e01f"
}

// mediaPeer is the media side of a publication: pion's connection, and what its
// congestion control estimates.
type mediaPeer struct {
	*webrtc.PeerConnection
	states   chan struct{} // a change of the connection's state; look what it is
	gathered chan struct{} // a change of the gathering's
	estimate cc.BandwidthEstimator
}

// newPeer makes a connection that offers streams. It sends nothing yet.
func newPeer(s settings, servers []webrtc.ICEServer, streams []*stream, log *slog.Logger) (*mediaPeer, error) {
	p := &mediaPeer{states: make(chan struct{}, 1), gathered: make(chan struct{}, 1)}
	var engine webrtc.MediaEngine
	for _, st := range streams {
		if err := engine.RegisterCodec(st.params, st.pionKind()); err != nil {
			return nil, fmt.Errorf("offer %v: %w", st.track.Codec, err)
		}
	}
	registry := &interceptor.Registry{}
	control, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
		e, err := gcc.NewSendSideBWE(gcc.SendSideBWEPacer(gcc.NewNoOpPacer()),
			gcc.SendSideBWEInitialBitrate(initialEstimate), gcc.SendSideBWEMaxBitrate(maxEstimate),
			gcc.WithLoggerFactory(pionLog{log}))
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("congestion control: %w", err)
	}
	control.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { p.estimate = e })
	registry.Add(control)
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(&engine, registry); err != nil {
		return nil, fmt.Errorf("congestion control: %w", err)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(engineSettings(s, log)))
	p.PeerConnection, err = api.NewPeerConnection(webrtc.Configuration{
		ICEServers: servers, BundlePolicy: webrtc.BundlePolicyMaxBundle, RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	})
	if err != nil {
		return nil, err
	}
	p.OnConnectionStateChange(func(webrtc.PeerConnectionState) { signal(p.states) })
	p.OnICEGatheringStateChange(func(webrtc.ICEGatheringState) { signal(p.gathered) })
	for _, st := range streams {
		if err := st.addTo(p.PeerConnection); err != nil {
			return nil, errors.Join(err, p.GracefulClose())
		}
	}
	return p, nil
}

// engineSettings are how pion meets the network. Candidates are addresses, never
// mDNS names, which a server on the internet cannot resolve; loopback is one
// only for an endpoint on this box.
func engineSettings(s settings, log *slog.Logger) webrtc.SettingEngine {
	e := webrtc.SettingEngine{LoggerFactory: pionLog{log}}
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	e.SetSTUNGatherTimeout(stunLimit)
	e.SetIncludeLoopbackCandidate(s.local)
	return e
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// gather waits for the candidates, and returns the offer with those that have
// come within gatherLimit: there is no trickle, nothing more need be sent.
func (p *mediaPeer) gather(ctx context.Context, offer webrtc.SessionDescription) (string, error) {
	if err := p.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("set the offer: %w", err)
	}
	limit := time.NewTimer(gatherLimit)
	defer limit.Stop()
	for p.ICEGatheringState() != webrtc.ICEGatheringStateComplete {
		select {
		case <-p.gathered:
			continue
		case <-limit.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		break
	}
	return p.LocalDescription().SDP, nil
}

// pionLog passes pion's log on for those who look for faults: at debug level.
type pionLog struct{ *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (l pionLog) NewLogger(scope string) logging.LeveledLogger {
	return scopeLog{l.With("pion", scope)}
}

type scopeLog struct{ log *slog.Logger }

func (l scopeLog) Trace(string)              {}
func (l scopeLog) Tracef(string, ...any)     {}
func (l scopeLog) Debug(string)              {}
func (l scopeLog) Debugf(string, ...any)     {}
func (l scopeLog) Info(string)               {}
func (l scopeLog) Infof(string, ...any)      {}
func (l scopeLog) Warn(m string)             { l.log.Debug("pion complains", "words", oneLine(m, 500)) }
func (l scopeLog) Warnf(f string, a ...any)  { l.Warn(fmt.Sprintf(f, a...)) }
func (l scopeLog) Error(m string)            { l.Warn(m) }
func (l scopeLog) Errorf(f string, a ...any) { l.Warn(fmt.Sprintf(f, a...)) }
