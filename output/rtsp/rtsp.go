// Package rtsp publishes a programme to an RTSP 1.0 server by ANNOUNCE and RECORD
// (RFC 2326 §10.3, §10.11): H.264 in packetization mode 1 (RFC 6184) and AAC in
// mode AAC-hbr (RFC 3640), by RTP over TCP or UDP.
package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/bluenviron/gortsplib/v5"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Kind is RTSP, also over TLS.
var Kind = output.Kind{
	Name: "rtsp", Title: "RTSP publish (ANNOUNCE and RECORD)", Direction: output.Push,
	Schemes: []string{"rtsp", "rtsps"}, Transports: []string{"udp", "tcp", "tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial,
}

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	for key := range t.Options {
		if key != "transport" {
			return fmt.Errorf("unknown option %q: RTSP has transport", key)
		}
	}
	if t.URL == nil {
		return errForm
	}
	_, err := parse(t)
	return err
}

var errForm = errors.New("an RTSP URL reads rtsp://USER:PASSWORD@HOST:PORT/PATH; user, password and port may be missing")

// address is a target taken apart.
type address struct {
	url        *url.URL
	dial       string // host:port
	transports []gortsplib.Protocol
}

func parse(t output.Target) (address, error) {
	u := t.URL
	a := address{url: u}
	switch {
	case u.Scheme != "rtsp" && u.Scheme != "rtsps":
		return a, fmt.Errorf("scheme %q is not rtsp or rtsps", u.Scheme)
	case u.Hostname() == "":
		return a, fmt.Errorf("no host: %w", errForm)
	case u.Fragment != "":
		return a, errors.New("the URL has a # part, which RTSP does not know: remove it, or write %23")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"rtsp": "554", "rtsps": "322"}[u.Scheme]
	}
	a.dial = net.JoinHostPort(u.Hostname(), port)
	switch transport := t.Options["transport"]; {
	case transport != "" && transport != "auto" && transport != "tcp" && transport != "udp":
		return a, fmt.Errorf("transport %q is not auto, tcp or udp", transport)
	case u.Scheme == "rtsps" && transport == "udp":
		return a, errors.New("transport udp is not encrypted: with rtsps:// use tcp or auto")
	case transport == "tcp" || u.Scheme == "rtsps":
		a.transports = []gortsplib.Protocol{gortsplib.ProtocolTCP}
	case transport == "udp":
		a.transports = []gortsplib.Protocol{gortsplib.ProtocolUDP}
	default:
		a.transports = []gortsplib.Protocol{gortsplib.ProtocolUDP, gortsplib.ProtocolTCP}
	}
	return a, nil
}

// Dial connects, announces the tracks and begins to record. By transport auto, a
// server that refuses UDP is connected to again, for TCP.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	a, err := parse(t)
	if err != nil {
		return nil, err
	}
	for i, transport := range a.transports {
		var c *conn
		if c, err = open(ctx, a, t, tracks, transport); err == nil {
			return c, nil
		}
		if i+1 == len(a.transports) || !wantsTCP(err) {
			break
		}
		t.Log.Debug("the server does not take media over UDP", "error", err)
	}
	return nil, err
}
