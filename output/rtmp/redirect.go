package rtmp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"github.com/encoderbox/encoderbox/output"
)

// reconnectRequest is a server's wish for another connection, at any time after
// connect (Enhanced RTMP v2, "Reconnect Request").
const reconnectRequest = "NetConnection.Connect.ReconnectRequest"

// maxRedirect bounds an address that a server sends us to.
const maxRedirect = 512

var errPlain = errors.New("it would take the stream key from an encrypted connection to a plain one")

// redirected is the publishing URL at the server that a redirect names. A
// redirect is another tcUrl, absolute or relative to ours (RFC 3986 §5): the
// key is not part of it; some servers put it there nevertheless.
func (a address) redirected(to string) (*url.URL, error) {
	if len(to) > maxRedirect {
		return nil, errors.New("the address is too long")
	}
	base, err := url.Parse(a.tcURL)
	if err != nil {
		return nil, errors.New("our own address cannot be built upon") // the error would show it
	}
	base.RawQuery = ""
	u, err := base.Parse(strings.TrimSpace(to))
	if err != nil {
		return nil, errors.New("the address makes no sense")
	}
	switch {
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return nil, errors.New("its scheme is neither rtmp nor rtmps")
	case u.Scheme == "rtmp" && a.tls:
		return nil, errPlain
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	stream, _, _ := strings.Cut(a.key, "?")
	if cut, found := strings.CutSuffix(path, "/"+stream); found && cut != "" {
		path = cut
	}
	if path == "" {
		path = "/" + a.name()
	}
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, errors.New("the address makes no sense")
	}
	u.RawPath, u.Fragment, u.RawFragment, u.User, u.Opaque = path, a.key, "", nil, ""
	if a.user != "" {
		u.User = url.UserPassword(a.user, a.password)
	}
	if _, err := parse(u); err != nil {
		return nil, err
	}
	return u, nil
}

// redirect is the error of a connect refused because another server has the
// application: code 302 in the ex object, with the new tcUrl. Nil when the
// refusal is another one.
func (l *link) redirect(args amf0.Data) error {
	ex, ok := object(find(args, "ex"))
	if !ok {
		return nil
	}
	code, _ := ex.Get("code")
	to, _ := ex.GetString("redirect")
	if number, ok := code.(float64); to == "" || !(ok && number == 302 || code == "302") {
		return nil
	}
	u, err := l.addr.redirected(to)
	if err != nil {
		return told{fmt.Errorf("%w: %s sends us to another server, which is not followed: %w", output.ErrRejected, l.addr.dial, err)}
	}
	return &output.ReconnectError{URL: u, Words: l.words(args)}
}

// reconnect is the error of a reconnect request.
func (l *link) reconnect(args amf0.Data) error {
	r := &output.ReconnectError{Words: l.words(args)}
	to := field(args, "tcUrl")
	if to == "" {
		return r
	}
	u, err := l.addr.redirected(to)
	if err != nil { // the server wants us gone all the same
		r.Words = strings.TrimSpace(fmt.Sprintf("%s (the server it names is not followed: %v)", r.Words, err))
		return r
	}
	r.URL = u
	return r
}
