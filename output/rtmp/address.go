package rtmp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/encoderbox/encoderbox/output"
)

// address is a publishing URL taken apart as the protocol wants it.
type address struct {
	tls   bool
	host  string // without port: the name the certificate must be for
	dial  string // host:port
	tcURL string // what connect names: the URL without the key
	app   string
	key   string // with the query; a secret
}

var errForm = errors.New("an RTMP URL reads rtmp://host/app/key, as the platform shows it (put server URL and stream key together with a slash)")

// parse takes apart URLs as platforms give them. The last path element, with
// the query, is the stream key; what lies before it is the application. Where a
// server splits otherwise, a fragment says what the key is:
// rtmp://host/app#some/key.
func parse(u *url.URL) (address, error) {
	a := address{tls: u.Scheme == "rtmps", host: u.Hostname()}
	switch {
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return a, fmt.Errorf("scheme %q is not rtmp or rtmps", u.Scheme)
	case a.host == "":
		return a, fmt.Errorf("no host: %w", errForm)
	case u.User != nil:
		return a, errors.New("a user name in the URL is not supported: RTMP services take the stream key alone; remove what is before the @")
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "1935", true: "443"}[a.tls]
	}
	a.dial = net.JoinHostPort(a.host, port)

	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if u.Fragment != "" {
		a.app, a.key = strings.TrimSuffix(path, "/"), u.Fragment
		if u.RawQuery != "" {
			a.app += "?" + u.RawQuery
		}
	} else {
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return a, fmt.Errorf("no stream key: %w", errForm)
		}
		a.app, a.key = path[:i], path[i+1:]
		if a.key == "" {
			return a, fmt.Errorf("no stream key behind the last slash: %w", errForm)
		}
		if u.RawQuery != "" {
			a.key += "?" + u.RawQuery
		}
	}
	if a.app == "" {
		return a, fmt.Errorf("no application: %w", errForm)
	}
	a.tcURL = u.Scheme + "://" + u.Host + "/" + a.app
	return a, nil
}

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	if t.URL == nil {
		return errForm
	}
	for name := range t.Options {
		return fmt.Errorf("unknown option %q: RTMP has none", name)
	}
	_, err := parse(t.URL)
	return err
}
