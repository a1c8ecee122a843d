package fault_test

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/lab/fault"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// family is how the kinds of one protocol are pushed and faulted.
type family struct {
	kind    string
	secure  bool // TLS always; else only where the fault is of TLS
	udp     bool
	url     func(host string, secure bool) string // host:port
	options func(host string, secure bool) map[string]string
	secret  string // marker where empty
	// after is how many bytes have passed when the publication is on.
	after  int64
	good   fault.Manner
	target string // of good, where it relays
	plays  func(f *family, name, addr string) (play, bool)
	treat  fault.Treatment // of good, over UDP
}

const path = "/live/one"

// userinfo and query have the secret.
const (
	user  = "joe:" + marker + "@"
	query = "?token=" + marker
)

func scheme(plain, secure string) func(string, bool) string {
	return func(host string, s bool) string {
		if s {
			return secure + "://" + user + host + path + query
		}
		return plain + "://" + user + host + path + query
	}
}

// families are all kinds of push.
func families(r *receivers) []*family {
	web := func(kind, plain, secure string) *family {
		return &family{kind: kind, url: scheme(plain, secure), target: r.http, good: fault.Relay(r.http), after: 64 << 10, plays: httpPlay}
	}
	rtmp := func(kind string, secure bool) *family {
		return &family{
			kind: kind, secure: secure, target: r.rtmp, good: fault.Relay(r.rtmp), after: 64 << 10, plays: rtmpPlay,
			url: func(host string, _ bool) string { return kind + "://" + host + "/live/" + marker + query },
		}
	}
	datagrams := func(kind string) *family {
		return &family{
			kind: kind, udp: true, plays: datagramPlay,
			url: func(host string, _ bool) string { return kind + "://" + host },
		}
	}
	s3 := web("s3", "", "")
	s3.url = func(string, bool) string { return "s3://" + peer.MinIOBucket + "/one" }
	s3.secret, s3.target, s3.good = peer.MinIOSecretKey, r.s3, fault.Relay(r.s3)
	s3.options = func(host string, secure bool) map[string]string {
		scheme := "http"
		if secure {
			scheme = "https"
		}
		return map[string]string{"endpoint": scheme + "://" + host, "access_key": peer.MinIOAccessKey, "secret_key": peer.MinIOSecretKey}
	}
	whip := web("whip", "", "")
	whip.url = func(host string, secure bool) string {
		if secure {
			return "whip+https://" + host + "/whip" + query
		}
		return "whip+http://" + host + "/whip" + query
	}
	whip.options = func(string, bool) map[string]string { return map[string]string{"authorization": "Bearer " + marker} }
	whip.target, whip.good = r.whip, fault.Relay(r.whip)
	whip.plays = func(f *family, name, addr string) (play, bool) { return whipPlay(f, r, name, addr) }
	icecast := web("icecast", "", "")
	icecast.url = func(host string, secure bool) string {
		s := "icecast+http://"
		if secure {
			s = "icecast+https://"
		}
		return s + ":" + marker + "@" + host + "/" + strings.ReplaceAll(host, ":", "-")
	}
	icecast.target, icecast.good, icecast.after = r.icecast, fault.Relay(r.icecast), 2<<10
	shoutcast := &family{kind: "shoutcast", plays: shoutcastPlay, url: func(host string, _ bool) string {
		name, p, _ := net.SplitHostPort(host) // of listeners: sources go to the port behind it
		n, _ := strconv.Atoi(p)
		return fmt.Sprintf("shoutcast://:%s@%s:%d", marker, name, n-1)
	}}
	shoutcast.good = icyYes(fault.NeverAnswer)
	rtsp := &family{
		kind: "rtsp", target: r.rtsp, good: fault.Relay(r.rtsp), after: 64 << 10, plays: rtspPlay, url: scheme("rtsp", "rtsps"),
		options: func(string, bool) map[string]string { return map[string]string{"transport": "tcp"} },
	}
	srt := &family{
		kind: "srt", udp: true, treat: fault.Treatment{Target: r.srt},
		url:     func(host string, _ bool) string { return "srt://" + host + "?streamid=publish:" + marker },
		options: func(string, bool) map[string]string { return map[string]string{"passphrase": marker} },
		plays:   func(_ *family, name, _ string) (play, bool) { return srtPlay(r, name) },
	}
	all := []*family{
		rtmp("rtmp", false), rtmp("rtmps", true), srt, web("tshttp", "tshttp", "tshttps"), web("hls", "hls+http", "hls+https"), s3,
		web("cmaf", "cmaf+http", "cmaf+https"), web("dash", "dash+http", "dash+https"), whip, rtsp, datagrams("udp"), datagrams("rtp"), icecast, shoutcast,
	}
	for _, f := range all {
		if f.secret == "" {
			f.secret = marker
		}
		if f.options == nil {
			f.options = func(string, bool) map[string]string { return nil }
		}
		own := f.plays
		f.plays = func(f *family, name, addr string) (play, bool) {
			if p, ok := tlsPlay(r, name); ok {
				return p, true
			}
			if p, ok := own(f, name, addr); ok {
				return p, true
			}
			return tcpPlay(f, name)
		}
	}
	return all
}

// parsed is a URL that is known to be one.
func parsed(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u
}
