// Package request is what pushes over HTTP share: the client that reaches a
// receiver (trust, name and password, headers), the state of its socket, long
// uploads without an end, redirects, and answers in words.
package request

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/output"
)

const (
	// ConnectTimeout also covers the TLS handshake, each.
	ConnectTimeout  = 10 * time.Second
	maxAnswerHeader = 64 << 10
	idleConnections = 3 // one a track of live, one for the backlog
)

// Client makes requests to one receiver. It may be used from several
// goroutines; Close it when all of them have ended.
type Client struct {
	base   *url.URL // without user information
	user   *url.Userinfo
	header http.Header
	agent  string
	http   *http.Client
}

// New makes a client for a target's receiver; it connects to nothing yet. base
// is the target's URL with the scheme http or https. Of the target's options it
// takes authorization and header.NAME, and leaves the others to the caller.
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
	trust := t.TLS.Clone()
	if trust == nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	dialer := &net.Dialer{Timeout: ConnectTimeout, Control: SocketOptions(t.WriteTimeout)}
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: !streams,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return &Conn{Conn: conn}, nil
			},
			TLSHandshakeTimeout: ConnectTimeout, IdleConnTimeout: 90 * time.Second,
			ExpectContinueTimeout: time.Second, MaxIdleConnsPerHost: idleConnections,
			MaxResponseHeaderBytes: maxAnswerHeader, DisableCompression: true,
		},
	}
	return c, nil
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
	return key == "authorization" || strings.HasPrefix(key, "header.")
}

func (c *Client) option(key, v string) error {
	name, isHeader := strings.CutPrefix(key, "header.")
	switch {
	case isHeader:
		return c.setHeader(name, v)
	case key == "authorization" && v != "":
		return c.setHeader("Authorization", v)
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
	if req.URL.Host != c.base.Host {
		return
	}
	for name, v := range c.header {
		req.Header[name] = v
	}
	if c.user != nil && req.Header.Get("Authorization") == "" {
		password, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), password)
	}
}

// Do sends a request that the caller has dressed. Redirects are answers; errors
// are the client's own, without URL.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err // its text has the whole URL
	}
	return resp, err
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
