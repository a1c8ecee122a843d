package whip

import (
	"strings"

	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v4"
)

// Bounds of what an endpoint may name.
const (
	maxServers  = 8
	maxLinkSize = 16 << 10
)

// linkServers are the STUN and TURN servers that an endpoint names in Link
// headers with rel="ice-server" (RFC 9725 §4.6, RFC 8288 §3). What cannot be
// used is left out.
func linkServers(headers []string) (all []webrtc.ICEServer) {
	for _, h := range headers {
		if len(h) > maxLinkSize {
			continue
		}
		for h != "" && len(all) < maxServers {
			var l link
			l, h = cutLink(h)
			if s, ok := l.server(); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// link is one of a Link header. Names of parameters are in lower case; of
// several of a name the first counts.
type link struct {
	target string
	params map[string]string
}

func (l link) server() (webrtc.ICEServer, bool) {
	isServer := false
	for _, rel := range strings.Fields(l.params["rel"]) {
		isServer = isServer || strings.EqualFold(rel, "ice-server")
	}
	if !isServer || strings.ContainsFunc(l.target, notPrintable) {
		return webrtc.ICEServer{}, false
	}
	uri, err := stun.ParseURI(l.target)
	if err != nil {
		return webrtc.ICEServer{}, false
	}
	user, password := l.params["username"], l.params["credential"]
	if isTURN(uri) && (user == "" || password == "") {
		return webrtc.ICEServer{}, false // pion would refuse the whole connection
	}
	if t := l.params["credential-type"]; t != "" && !strings.EqualFold(t, "password") {
		return webrtc.ICEServer{}, false
	}
	return server(uri, l.target, user, password), true
}

// cutLink takes the first link off a header's value. A malformed one is passed
// over, up to the next comma.
func cutLink(s string) (l link, rest string) {
	s = strings.TrimLeft(s, " \t,")
	if !strings.HasPrefix(s, "<") {
		_, rest, _ = strings.Cut(s, ",")
		return l, rest
	}
	target, s, ok := strings.Cut(s[1:], ">")
	if !ok {
		return l, ""
	}
	l = link{strings.TrimSpace(target), map[string]string{}}
	for {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ";") {
			_, rest, _ = strings.Cut(s, ",")
			return l, rest
		}
		var name, value string
		name, value, s = cutParam(s[1:])
		if _, known := l.params[name]; name != "" && !known {
			l.params[name] = value
		}
	}
}

// cutParam takes one `name=value`, or `name="quoted"`, off s.
func cutParam(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		end = len(s)
	}
	name, s = strings.ToLower(strings.TrimSpace(s[:end])), s[end:]
	if !strings.HasPrefix(s, "=") {
		return name, "", s
	}
	s = strings.TrimLeft(s[1:], " \t")
	if strings.HasPrefix(s, `"`) {
		value, rest = cutQuoted(s[1:])
		return name, value, rest
	}
	if end = strings.IndexAny(s, ";,"); end < 0 {
		end = len(s)
	}
	return name, strings.TrimSpace(s[:end]), s[end:]
}

// cutQuoted reads a quoted-string after its opening quote (RFC 9110 §5.6.4).
func cutQuoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
