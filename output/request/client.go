// Package request is what pushes over HTTP share: the client that reaches a
// receiver (trust, name and password, headers), the state of its socket, long
// uploads without an end, redirects, and answers in words.
package request

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

const (
	// ConnectTimeout also covers the TLS handshake, each.
	ConnectTimeout  = 10 * time.Second
	maxAnswerHeader = 64 << 10
	idleConnections = 4 // one a track of live, one a track of the backlog
)

// Client makes requests to one receiver. It may be used from several
// goroutines; Close it when all of them have ended.
type Client struct {
	base   *url.URL // without user information
	user   *url.Userinfo
	header http.Header
	agent  string
	scheme string // of authentication: "" (auto), authBasic, authDigest
	digest digest
	http   *http.Client
	links  *Transport
}

// Values of option auth.
const (
	authAuto   = "auto"
	authBasic  = "basic"
	authDigest = "digest"
)

// New makes a client for a target's receiver; it connects to nothing yet. base
// is the target's URL with the scheme http or https. Of the target's options it
// takes authorization, auth and header.NAME, and leaves the others to the caller.
// auth says what is made of name and password: basic, digest (never in the
// clear, at the price of a question first), or auto, the default: basic, and
// digest once the server asks for that (see Challenged).
//
// streams is for uploads without an end: HTTP/1.1, a connection for each.
func New(t output.Target, base *url.URL, streams bool) (*Client, error) {
	c := &Client{agent: t.Agent, header: http.Header{}, user: base.User}
	c.base = new(url.URL)
	*c.base = *base
	c.base.User, c.base.Fragment = nil, ""
	for key, v := range t.Options {
		if err := c.option(key, v); err != nil {
			return nil, err
		}
	}
	c.links = NewTransport(t, streams)
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     c.links,
	}
	return c, nil
}

// Transport is the connections to one receiver.
type Transport struct {
	*http.Transport
	sockets tcpinfo.Group
}

// Path is what the kernel knows of all connections together, whatever they carry;
// ok is false while none is open. It may be called from any goroutine.
func (t *Transport) Path() (output.Path, bool) { return t.sockets.Path() }

// Path is Transport.Path of the client's connections.
func (c *Client) Path() (output.Path, bool) { return c.links.Path() }

// NewTransport is how a target's receiver is reached: its trust, sockets that
// notice a dead link, bounds. streams as in New. CloseIdleConnections ends it.
func NewTransport(t output.Target, streams bool) *Transport {
	trust := t.TLS.Clone()
	if trust == nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	dialer := &net.Dialer{Timeout: ConnectTimeout, Control: tcpinfo.Control(t.WriteTimeout)}
	links := &Transport{}
	links.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: !streams,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			counting := tcpinfo.New(conn)
			links.sockets.Join(counting)
			return counting, nil
		},
		TLSHandshakeTimeout: ConnectTimeout, IdleConnTimeout: 90 * time.Second,
		ExpectContinueTimeout: patience(t.WriteTimeout), MaxIdleConnsPerHost: idleConnections,
		MaxResponseHeaderBytes: maxAnswerHeader, DisableCompression: true,
	}
	return links
}

// patience is how long a server may say nothing to Expect: 100-continue: many
// do not know it. It must be over before the request counts as stalled.
func patience(stall time.Duration) time.Duration {
	if stall <= 0 {
		return time.Second
	}
	return min(time.Second, stall/2)
}

// Check says what is wrong with a target's authorization and header.NAME, and
// with a URL that has no host.
func Check(t output.Target) error {
	if t.URL == nil || t.URL.Hostname() == "" {
		return errors.New("the URL has no host: write https://HOST/PATH")
	}
	c := &Client{header: http.Header{}}
	for key, v := range t.Options {
		if err := c.option(key, v); err != nil {
			return err
		}
	}
	return nil
}

// IsOption says that New takes an option.
func IsOption(key string) bool {
	return key == "authorization" || key == "auth" || strings.HasPrefix(key, "header.")
}

func (c *Client) option(key, v string) error {
	name, isHeader := strings.CutPrefix(key, "header.")
	switch {
	case isHeader:
		return c.setHeader(name, v)
	case key == "authorization" && v != "":
		return c.setHeader("Authorization", v)
	case key == "auth":
		switch v {
		case "", authAuto:
		case authBasic, authDigest:
			c.scheme = v
		default:
			return fmt.Errorf("auth: %q is not auto, basic or digest", v)
		}
	}
	return nil
}

func (c *Client) setHeader(name, v string) error {
	name = textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(v, unicode.IsControl):
		return fmt.Errorf("header %q: name or value is not allowed in HTTP", name) // the value may be a secret
	case slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "If-None-Match", "Expect"}, name):
		return fmt.Errorf("header %s is set by the box itself", name)
	}
	c.header[name] = []string{v}
	return nil
}

// notToken says whether a header's name may not have r (RFC 9110 §5.6.2).
func notToken(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// Base is the receiver's address, without name and password; its query may
// hold a token. The caller owns the copy.
func (c *Client) Base() *url.URL {
	u := *c.base
	return &u
}

// Dress sets the headers that every request has. What is secret goes to the
// configured host alone, wherever redirects lead.
func (c *Client) Dress(req *http.Request) {
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	if !c.home(req.URL) {
		return
	}
	for name, v := range c.header {
		req.Header[name] = v
	}
	if c.user != nil && req.Header.Get("Authorization") == "" {
		password, _ := c.user.Password()
		if asked := c.digest.header(req, c.user.Username(), password); asked != "" {
			req.Header.Set("Authorization", asked)
		} else if c.scheme != authDigest {
			req.SetBasicAuth(c.user.Username(), password)
		}
	}
}

// home says that an address is the configured server's.
func (c *Client) home(u *url.URL) bool {
	return u.Host == c.base.Host // Answer.Next lets nobody go from https to http
}

// Asks says that the server is to be asked how to authenticate before it is sent
// anything long.
func (c *Client) Asks() bool {
	c.digest.mu.Lock()
	defer c.digest.mu.Unlock()
	return c.scheme == authDigest && c.user != nil && c.digest.asked == nil
}

// Do sends a request that the caller has dressed. Redirects are answers; errors
// are the client's own, without URL.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err // its text has the whole URL
	}
	return resp, foreign(req.URL.Host, err)
}

// spokeFirst is net/http's for bytes that come before anything was asked.
const spokeFirst = "readLoopPeekFailLocked: %!w(<nil>)"

// foreign says what it means when bytes that arrive are no HTTP, or no TLS. The
// library has types for the latter alone.
func foreign(host string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, http.ErrSchemeMismatch):
		return output.WithCause(output.CauseTLS, output.InWords(host+" does not speak TLS, but plain HTTP: is the port right?", err))
	case strings.Contains(err.Error(), "server closed idle connection"):
		return errors.Join(io.EOF, err) // before the request was there
	}
	for _, sign := range []string{"malformed HTTP", "malformed MIME header", "server response headers exceeded", "unexpected EOF reading trailer", spokeFirst} {
		if strings.Contains(err.Error(), sign) {
			return output.WithCause(output.CauseRejected, output.InWords("what answers at "+host+" does not speak HTTP, or not as it should: is the port right?", err))
		}
	}
	return err
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
