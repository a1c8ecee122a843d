package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// Bounds of what a server's answer may take.
const (
	maxAnswer       = 4 << 10 // of a body that is shown
	maxAnswerHeader = 64 << 10
	// piece is what is sent between two looks at the priorities.
	piece = 16 << 10
	// connectTimeout also covers the TLS handshake, each.
	connectTimeout = 10 * time.Second
)

// origin is an HTTP server that takes files by PUT or POST and lets them be
// deleted by DELETE, as every HLS and DASH origin does.
type origin struct {
	target output.Target
	base   *url.URL // ends in a slash
	head   http.Header
	method string
	client *http.Client
}

var _ output.Files = (*origin)(nil)

// openOrigin is output.Kind.Files.
func openOrigin(t output.Target) (output.Files, error) {
	o, err := options(t)
	if err != nil {
		return nil, err
	}
	if t.WriteTimeout <= 0 {
		t.WriteTimeout = defaultWriteTimeout
	}
	base := *t.URL
	base.Fragment = ""
	base.RawPath = "" // made anew from Path
	if !strings.HasSuffix(base.Path, "/") {
		// A playlist's address stands for its folder, as players are given it.
		if ext := path.Ext(base.Path); ext == ".m3u8" || ext == ".mpd" {
			base.Path = path.Dir(base.Path)
		}
		base.Path = strings.TrimSuffix(base.Path, "/") + "/"
	}
	trust := t.TLS.Clone()
	if trust == nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	dialer := &net.Dialer{Timeout: connectTimeout, Control: socketOptions(t.WriteTimeout)}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c}, nil
		},
		TLSHandshakeTimeout: connectTimeout, IdleConnTimeout: 90 * time.Second,
		MaxIdleConnsPerHost:    3, // one a track of live, one for the backlog
		MaxResponseHeaderBytes: maxAnswerHeader, DisableCompression: true,
	}
	return &origin{
		target: t, base: &base, head: o.header, method: o.method,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Close implements output.Files.
func (o *origin) Close() error {
	o.client.CloseIdleConnections()
	return nil
}

// url of a file. The query, which may hold a token, is the target's.
func (o *origin) url(name string) *url.URL {
	u := *o.base
	u.User = nil
	u.Path += name
	return &u
}

// Put implements output.Files.
func (o *origin) Put(ctx context.Context, f output.File) error {
	answer, err := o.do(ctx, o.method, f.Name, &f)
	if err != nil {
		return err
	}
	if answer.code/100 != 2 {
		return refusal(o.method, f.Name, answer)
	}
	return nil
}

// Stat implements output.Files.
func (o *origin) Stat(ctx context.Context, name string) (output.FileInfo, error) {
	answer, err := o.do(ctx, http.MethodHead, name, nil)
	switch {
	case err != nil:
		return output.FileInfo{}, err
	case answer.code == http.StatusNotFound, answer.code == http.StatusGone:
		return output.FileInfo{}, fs.ErrNotExist
	case answer.code/100 == 2:
		return output.FileInfo{Size: answer.length, ETag: answer.head.Get("ETag")}, nil
	case answer.code >= 500 && answer.code != http.StatusNotImplemented, answer.code == http.StatusTooManyRequests:
		return output.FileInfo{}, refusal(http.MethodHead, name, answer)
	}
	return output.FileInfo{}, fmt.Errorf("HEAD %s: %s: %w", name, answer.status, errors.ErrUnsupported)
}

// Delete implements output.Files.
func (o *origin) Delete(ctx context.Context, name string) error {
	answer, err := o.do(ctx, http.MethodDelete, name, nil)
	if err != nil {
		return err
	}
	if answer.code/100 != 2 && answer.code != http.StatusNotFound && answer.code != http.StatusGone {
		return refusal(http.MethodDelete, name, answer)
	}
	return nil
}

// answer is a response whose body has been read, as far as anybody wants it.
type answer struct {
	code   int
	status string // "404 Not Found"
	head   http.Header
	length int64
	text   string
}

// do makes one request, and once more where it is sent elsewhere.
func (o *origin) do(ctx context.Context, method, name string, f *output.File) (*answer, error) {
	to := o.url(name)
	for hop := 0; ; hop++ {
		a, err := o.once(ctx, method, to, f)
		if err != nil {
			return nil, err
		}
		switch a.code {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return a, nil
		}
		next, err := to.Parse(a.head.Get("Location"))
		switch {
		case err != nil || a.head.Get("Location") == "" || next.Host == "" || next.Scheme != "http" && next.Scheme != "https":
			return nil, rejected(a.code, fmt.Sprintf("%s %s: the server redirects (%s) to no usable address", method, name, a.status))
		case hop == 1:
			return nil, rejected(a.code, fmt.Sprintf("%s %s: the server redirects twice: use the address it redirects to", method, name))
		case to.Scheme == "https" && next.Scheme != "https":
			return nil, rejected(a.code, fmt.Sprintf("%s %s: the server redirects from https to http: refused, the content and the password would be readable", method, name))
		}
		to = next
	}
}

// once makes one request to one address.
func (o *origin) once(ctx context.Context, method string, to *url.URL, f *output.File) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watch{limit: o.target.WriteTimeout}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, w.trace()), method, to.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	o.dress(req, to, f)
	if f != nil {
		content, err := f.Open()
		if err != nil {
			return nil, errors.Join(output.ErrNotSent, err)
		}
		req.ContentLength = f.Size
		req.Body = &body{ctx: ctx, ReadCloser: content, pace: f.Pace, w: w} // closed by the client, when it has let go of it
	}
	stop := w.start(cancel)
	defer stop()
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, o.failed(ctx, w, to, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && resp.StatusCode/100 != 2 {
		return nil, o.failed(ctx, w, to, err)
	}
	return &answer{resp.StatusCode, resp.Status, resp.Header, resp.ContentLength, string(text)}, nil
}

// dress sets the headers. What is secret goes to the configured host alone.
func (o *origin) dress(req *http.Request, to *url.URL, f *output.File) {
	if o.target.Agent != "" {
		req.Header.Set("User-Agent", o.target.Agent)
	}
	if f != nil {
		req.Header.Set("Content-Type", f.Type)
		if f.Volatile {
			req.Header.Set("Cache-Control", "no-cache")
		} else {
			req.Header.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if f.New {
			req.Header.Set("If-None-Match", "*")
		}
	}
	if to.Host != o.base.Host {
		return
	}
	for name, v := range o.head {
		req.Header[name] = v
	}
	if u := o.base.User; u != nil && req.Header.Get("Authorization") == "" {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
}

// failed is the error of a request that got no answer.
func (o *origin) failed(ctx context.Context, w *watch, to *url.URL, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, output.ErrStalled) {
		err = cause
	} else if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err // its text has the whole URL
	}
	if e := w.content.Load(); e != nil {
		return *e // reading failed, not the link
	}
	if !w.sending.Load() {
		return &unsent{output.NetworkError(to.Host, err)}
	}
	return output.NetworkError(to.Host, err)
}

// unsent is an error of a request of which nothing reached the server.
type unsent struct{ error }

func (u *unsent) Unwrap() []error { return []error{u.error, output.ErrNotSent} }

// body is the content of a request, in pieces.
type body struct {
	ctx context.Context //nolint:containedctx // an io.Reader has no other way to be told
	io.ReadCloser
	pace func(context.Context, int) error
	w    *watch
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	p = p[:min(len(p), piece)]
	if b.pace != nil {
		b.w.paused.Add(1)
		err := b.pace(b.ctx, len(p))
		b.w.paused.Add(-1)
		if err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.w.moved.Add(1)
	if err != nil && !errors.Is(err, io.EOF) {
		b.w.content.Store(&err)
	}
	return n, err
}

// watch ends a request that does not move.
type watch struct {
	limit   time.Duration
	moved   atomic.Int64
	paused  atomic.Int64 // waiting on purpose
	sending atomic.Bool
	conn    atomic.Pointer[conn]
	content atomic.Pointer[error] // of the body's Read
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			w.conn.Store(connOf(i.Conn))
			w.moved.Add(1)
		},
		WroteHeaders:         func() { w.sending.Store(true); w.moved.Add(1) },
		GotFirstResponseByte: func() { w.moved.Add(1) },
		// What dialling may take is limited by the dialler.
		ConnectStart:      func(string, string) { w.moved.Add(1) },
		TLSHandshakeStart: func() { w.moved.Add(1) },
	}
}

// start watches until stop. A request has stalled when for the whole limit no
// byte of it was taken, by the connection or from it by the peer.
func (w *watch) start(cancel context.CancelCauseFunc) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(max(w.limit/8, time.Millisecond))
		defer tick.Stop()
		var last [3]int64
		since := time.Now()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			c := w.conn.Load()
			now := [3]int64{w.moved.Load(), c.sent(), c.unacknowledged()}
			limit := w.limit
			if c == nil {
				limit += connectTimeout // its own limits are shorter, and say more
			}
			switch {
			case now != last || w.paused.Load() > 0:
				last, since = now, time.Now()
			case time.Since(since) >= limit:
				cancel(fmt.Errorf("%w for %v", output.ErrStalled, w.limit))
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}
