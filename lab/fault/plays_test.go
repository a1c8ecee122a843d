package fault_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/lab/fault"
)

// marker is the secret of each destination: stream key, password, passphrase and a
// part of the query. Bad servers repeat it in what they say.
const marker = "Zq7MarkerSecret42"

// Names of faults that are no manner of a server.
const (
	refuses    = "refuses"
	noSuchName = "no such name"
	nowhere    = "nowhere.invalid"
)

// play is what a server does at a fault.
type play struct {
	manner   fault.Manner
	below    bool             // TLS, if any, is not spoken
	cert     *tls.Certificate // in place of the good one
	distrust bool             // the box does not trust the authority
	patient  bool             // the limits of the destination are long
	packets  *fault.Treatment // over UDP
}

// repeated is what a bad server says of itself: it repeats the secret.
func (f *family) repeated(words string) string { return words + " " + f.secret }

// tcpPlay are the faults of any server of TCP.
func tcpPlay(f *family, name string) (play, bool) {
	takes := func(then fault.Manner) fault.Manner { return fault.After(f.after, f.target, then) }
	p := play{}
	switch name {
	case "silent":
		p.manner, p.below = fault.NeverRead, true
	case "never answers":
		p.manner = fault.NeverAnswer
	case "resets at once":
		p.manner, p.below = fault.Reset, true
	case "resets in the opening":
		p.manner, p.below = fault.Read(12, fault.Reset), true
	case "garbage":
		p.manner = fault.Say(strings.Repeat("\x00\xff\x17garbage "+f.secret+"\r\n", 200), fault.NeverAnswer)
	case "takes it and never reads":
		p.manner = takes(fault.NeverRead)
	case "takes it and closes":
		p.manner = takes(fault.Close)
	case "takes it and resets":
		p.manner = takes(fault.Reset)
	case "takes it and floods":
		p.manner = takes(fault.Flood("nonsense without end " + f.secret + " "))
	default:
		return p, false
	}
	return p, true
}

func tlsPlay(r *receivers, name string) (play, bool) {
	switch name {
	case "TLS: untrusted":
		return play{manner: fault.NeverAnswer, distrust: true}, true
	case "TLS: expired":
		return play{manner: fault.NeverAnswer, cert: &r.expired}, true
	case "TLS: another's name":
		return play{manner: fault.NeverAnswer, cert: &r.elsewhere}, true
	case "TLS: plain HTTP there":
		return play{manner: fault.Say(fault.HTTP(400, "this is HTTP"), fault.NeverAnswer), below: true}, true
	}
	return play{}, false
}

// status is the number that a fault begins with; 0 is none.
func status(name string) int {
	n, err := strconv.Atoi(strings.SplitN(name, ",", 2)[0])
	if err != nil {
		return 0
	}
	return n
}

func httpPlay(f *family, name, addr string) (play, bool) {
	no := f.repeated("no entry for")
	if code := status(name); code != 0 {
		return play{manner: fault.Answer(fault.HTTP(code, no))}, true
	}
	switch name {
	case "endless answer":
		return play{manner: fault.AfterHead(fault.Say("HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\n", fault.Flood(no)))}, true
	case "oversized header":
		return play{manner: fault.AfterHead(fault.Say("HTTP/1.1 200 OK\r\n", fault.Flood("X-Nonsense: "+f.secret+"\r\n")))}, true
	case "endless interim answers":
		return play{manner: fault.AfterHead(fault.Flood("HTTP/1.1 102 Processing\r\n\r\n"))}, true
	case "slow 500":
		return play{manner: fault.AfterHead(fault.Reading(pause(time.Second, fault.Slowly(fault.HTTP(500, no), 2*time.Millisecond, fault.NeverRead)))), patient: true}, true
	case "redirects in a circle":
		return play{manner: circle}, true
	}
	_ = addr
	return play{}, false
}

// circle sends each HTTP request back to where it came.
func circle(ctx context.Context, c net.Conn) {
	fault.Answer(fault.HTTP(307, "", "Location: "+path+"/again"))(ctx, c)
}

func pause(d time.Duration, then fault.Manner) fault.Manner {
	return func(ctx context.Context, c net.Conn) {
		select {
		case <-time.After(d):
			then(ctx, c)
		case <-ctx.Done():
		}
	}
}

func whipPlay(f *family, r *receivers, name, addr string) (play, bool) {
	switch name {
	case "oversized message":
		return play{manner: fault.Relay(r.whipEndless)}, true
	case "takes it and never reads":
		return play{manner: fault.Relay(r.whipDead)}, true
	case "takes it and closes":
		return play{manner: fault.Relay(r.whipEnds)}, true
	case "takes it and floods":
		return play{manner: fault.Relay(r.whipTalks)}, true
	}
	return httpPlay(f, name, addr)
}

func rtmpPlay(f *family, name, addr string) (play, bool) {
	no := func(step, code, words string) (play, bool) {
		answer := "_error"
		if step == "publish" {
			answer = "onStatus"
		}
		return play{manner: fault.RTMP(step, answer, fault.Info("error", code, f.repeated(words)), fault.NeverAnswer)}, true
	}
	switch name {
	case "401, wrong password":
		return no("publish", "NetStream.Publish.BadName", "invalid stream key")
	case "403, forbidden":
		return no("publish", "NetStream.Publish.Denied", "permission denied for")
	case "404, no such place":
		return no("connect", "NetConnection.Connect.InvalidApp", "no application")
	case "409, in use":
		return no("publish", "NetStream.Publish.BadName", "already publishing")
	case "500, fails":
		return no("publish", "NetStream.Failed", "internal error")
	case "503, busy":
		return no("connect", "NetConnection.Connect.Rejected", "overloaded")
	case "redirects in a circle":
		to := f.kind + "://" + addr + "/live"
		info := fault.Info("error", "NetConnection.Connect.Rejected", "moved", amf0.ObjectEntry{
			Key: "ex", Value: amf0.Object{{Key: "code", Value: 302.0}, {Key: "redirect", Value: to}},
		})
		return play{manner: fault.RTMP("connect", "_error", info, fault.NeverAnswer)}, true
	case "endless answer":
		return play{manner: fault.RTMP("connect", "", nil, fault.Flood("\x03\x00\x00\x00\x00\x00\x10\x14\x00\x00\x00\x00\x02\x00\x07unknown\x00\x00\x00\x00\x00\x00"))}, true
	case "oversized message":
		return play{manner: fault.RTMP("connect", "", nil, fault.Say(fault.HugeMessage, fault.Flood(strings.Repeat("x", 1000))))}, true
	}
	return play{}, false
}

const wantsPassword = `WWW-Authenticate: Basic realm="lab"`

func rtspPlay(f *family, name, addr string) (play, bool) {
	const step = "ANNOUNCE"
	say := func(status string, then fault.Manner, extra ...string) (play, bool) {
		return play{manner: fault.RTSP(step, func(cseq string) fault.Manner { return fault.Say(fault.RTSPAnswer(status, cseq, extra...), then) })}, true
	}
	switch code := status(name); code {
	case 0:
	case 401: // without a password, and then with whatever comes
		again, _ := say("401 Unauthorized", fault.NeverAnswer, wantsPassword)
		return say("401 Unauthorized", again.manner, wantsPassword)
	default:
		return say(f.repeated(fmt.Sprint(code, " ", http.StatusText(code))), fault.NeverAnswer)
	}
	switch name {
	case "endless answer":
		return play{manner: fault.RTSP(step, func(string) fault.Manner { return fault.Flood(strings.Repeat("xyz", 1000)) })}, true
	case "oversized header":
		return play{manner: fault.RTSP(step, func(string) fault.Manner {
			return fault.Say("RTSP/1.0 200 OK\r\n", fault.Flood("X-Nonsense: "+f.secret+"\r\n"))
		})}, true
	case "endless interim answers":
		return play{manner: fault.RTSP(step, func(string) fault.Manner { return fault.Flood("RTSP/1.0 100 Continue\r\nCSeq: 77\r\n\r\n") })}, true
	case "oversized message":
		return say("200 OK", fault.NeverAnswer, "Content-Length: 99999999")
	case "slow 500":
		return play{manner: fault.RTSP(step, func(cseq string) fault.Manner {
			return pause(time.Second, fault.Slowly(fault.RTSPAnswer("500 Oh", cseq), 2*time.Millisecond, fault.NeverAnswer))
		}), patient: true}, true
	case "redirects in a circle":
		return say("302 Found", fault.NeverAnswer, "Location: rtsp://"+addr+path+"/again")
	}
	return play{}, false
}

// icyYes is a SHOUTcast server's yes to any password. (Icecast has one mount point for all
// SHOUTcast sources, which the cells of a table cannot share.)
func icyYes(then fault.Manner) fault.Manner {
	return fault.AfterLine(fault.Say("OK2\r\nicy-caps:11\r\n\r\n", then))
}

func shoutcastPlay(f *family, name, _ string) (play, bool) {
	takes := func(then fault.Manner) (play, bool) { return play{manner: icyYes(fault.Read(2<<10, then))}, true }
	switch name {
	case "401, wrong password":
		return play{manner: fault.AfterLine(fault.Say(f.repeated("invalid password")+"\r\n", fault.NeverAnswer))}, true
	case "409, in use":
		return play{manner: fault.AfterLine(fault.Say(f.repeated("Stream In Use")+"\r\n", fault.NeverAnswer))}, true
	case "endless answer":
		return play{manner: fault.AfterLine(fault.Flood("OK2"))}, true
	case "takes it and never reads":
		return takes(fault.NeverRead)
	case "takes it and closes":
		return takes(fault.Close)
	case "takes it and resets":
		return takes(fault.Reset)
	case "takes it and floods":
		return takes(fault.Flood("nonsense without end " + f.secret + " "))
	}
	return play{}, false
}

func srtPlay(r *receivers, name string) (play, bool) {
	to := func(target string) (play, bool) { return play{packets: &fault.Treatment{Target: target}}, true }
	switch name {
	case "silent":
		return play{packets: &fault.Treatment{}}, true
	case "garbage":
		return play{packets: &fault.Treatment{Answer: []byte(strings.Repeat("garbage "+marker, 8))}}, true
	case "401, wrong password":
		return to(r.srtOtherKey)
	case "403, forbidden":
		return to(r.srtRefuses[gosrt.REJX_FORBIDDEN])
	case "404, no such place":
		return to(r.srtRefuses[gosrt.REJX_NOTFOUND])
	case "409, in use":
		return to(r.srtRefuses[gosrt.REJX_LOCKED])
	case "500, fails":
		return to(r.srtRefuses[gosrt.REJX_ISE])
	case "503, busy":
		return to(r.srtRefuses[gosrt.REJX_DOWN])
	case "takes it and never reads":
		return play{packets: &fault.Treatment{Target: r.srt, Passes: 600}}, true
	case "takes it and closes":
		return to(r.srtEnds)
	case "takes it and floods":
		return play{packets: &fault.Treatment{Target: r.srt, Answer: []byte(strings.Repeat("garbage "+marker, 40)), Flood: 20}}, true
	}
	return play{}, false
}

func datagramPlay(_ *family, name, _ string) (play, bool) {
	if name != "takes it and floods" {
		return play{}, false
	}
	return play{packets: &fault.Treatment{Answer: []byte(strings.Repeat("garbage "+marker, 40)), Flood: 20}}, true
}
