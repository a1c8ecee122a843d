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

	user, password string // for servers that ask for them
}

var errForm = errors.New("an RTMP URL reads rtmp://HOST/APPLICATION/KEY, as the platform shows it (put server URL and stream key together with a slash)")

// parse takes apart URLs as platforms give them. The last path element, with
// the query, is the stream key; what lies before it is the application. Where a
// server splits otherwise, a fragment says what the key is:
// rtmp://host/app#some/key. A user name and password go before the host.
func parse(u *url.URL) (address, error) {
	a := address{tls: u.Scheme == "rtmps", host: u.Hostname()}
	switch {
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return a, fmt.Errorf("scheme %q is not rtmp or rtmps", u.Scheme)
	case a.host == "":
		return a, fmt.Errorf("no host: %w", errForm)
	}
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
		if a.user == "" || a.password == "" {
			return a, errors.New("a user name and a password belong together: rtmp://user:password@host/app/key; services that take the stream key alone want neither")
		}
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "1935", true: "443"}[a.tls]
	}
	a.dial = net.JoinHostPort(a.host, port)
	if err := a.split(u); err != nil {
		return a, err
	}
	a.tcURL = u.Scheme + "://" + u.Host + "/" + a.app
	return a, nil
}

// split finds application and key.
func (a *address) split(u *url.URL) error {
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if u.Fragment != "" {
		a.app, a.key = strings.TrimSuffix(path, "/"), u.Fragment
		if u.RawQuery != "" {
			a.app += "?" + u.RawQuery
		}
	} else {
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return fmt.Errorf("no stream key: %w", errForm)
		}
		a.app, a.key = path[:i], path[i+1:]
		if a.key == "" {
			return fmt.Errorf("no stream key behind the last slash: %w", errForm)
		}
		if u.RawQuery != "" {
			a.key += "?" + u.RawQuery
		}
	}
	if a.app == "" || a.app[0] == '?' {
		return fmt.Errorf("no application: %w", errForm)
	}
	return nil
}

// name is the application without a query, which may hold a secret.
func (a address) name() string {
	name, _, _ := strings.Cut(a.app, "?")
	return name
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
