package whip

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// settings are a target taken apart.
type settings struct {
	base    *url.URL // http or https
	servers []webrtc.ICEServer
	local   bool // the endpoint is on this very box
}

// ownOptions are those that request.Client does not take. audio_bitrate is for
// whoever encodes the Opus track.
var ownOptions = []string{"ice_server", "audio_bitrate"}

// read takes a target apart, and gives it as request.New wants it: a bare token
// in authorization is a bearer token (RFC 9725 §4.7, RFC 6750 §2.1).
func read(t output.Target) (settings, output.Target, error) {
	var s settings
	if t.URL == nil {
		return s, t, errors.New("the URL is missing: write whip+https://HOST/PATH")
	}
	base := *t.URL
	base.Scheme = strings.TrimPrefix(strings.ToLower(base.Scheme), "whip+")
	s.base, s.local = &base, isLoopback(base.Hostname())
	t.Options = maps.Clone(t.Options)
	for _, key := range slices.Sorted(maps.Keys(t.Options)) {
		if !request.IsOption(key) && !slices.Contains(ownOptions, key) {
			return s, t, fmt.Errorf("%s is no option of whip; known are authorization, headers, ice_server and audio_bitrate", key)
		}
	}
	if token := t.Options["authorization"]; token != "" && !strings.ContainsFunc(token, unicode.IsSpace) {
		t.Options["authorization"] = "Bearer " + token
	}
	if err := request.Check(output.Target{URL: &base, Options: t.Options}); err != nil {
		return s, t, err
	}
	if v := t.Options["ice_server"]; v != "" && v != "auto" {
		server, err := iceServer(v)
		if err != nil {
			return s, t, err
		}
		s.servers = []webrtc.ICEServer{server}
	}
	return s, t, nil
}

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	_, _, err := read(t)
	return err
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// iceServer reads the option: an RFC 7064 or RFC 7065 URI, with TURN's user
// name and password before an @. Errors never show the value.
func iceServer(v string) (webrtc.ICEServer, error) {
	const form = `ice_server: write "stun:HOST:PORT" or "turn:USER:PASSWORD@HOST:PORT"`
	scheme, rest, ok := strings.Cut(v, ":")
	if !ok || strings.ContainsFunc(v, notPrintable) {
		return webrtc.ICEServer{}, errors.New(form)
	}
	var user, password string
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, _ = strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
	}
	uri, err := stun.ParseURI(scheme + ":" + rest)
	switch {
	case err != nil:
		return webrtc.ICEServer{}, errors.New(form)
	case isTURN(uri) && (user == "" || password == ""):
		return webrtc.ICEServer{}, errors.New("ice_server: a TURN server wants a name and a password: turn:USER:PASSWORD@HOST:PORT")
	case !isTURN(uri) && user != "":
		return webrtc.ICEServer{}, errors.New("ice_server: a STUN server has no name and password: remove what is before the @")
	}
	return server(uri, scheme+":"+rest, user, password), nil
}

func isTURN(u *stun.URI) bool {
	return u.Scheme == stun.SchemeTypeTURN || u.Scheme == stun.SchemeTypeTURNS
}

func server(uri *stun.URI, text, user, password string) webrtc.ICEServer {
	s := webrtc.ICEServer{URLs: []string{text}}
	if isTURN(uri) {
		s.Username, s.Credential, s.CredentialType = user, password, webrtc.ICECredentialTypePassword
	}
	return s
}

func notPrintable(r rune) bool { return r > unicode.MaxASCII || r <= ' ' || r == 0x7f }
