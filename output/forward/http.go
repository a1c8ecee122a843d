package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// piece is what is sent between two looks at the priorities.
const piece = 16 << 10

// origin is an HTTP server that takes files by PUT or POST and lets them be
// deleted by DELETE, as every HLS and DASH origin does.
type origin struct {
	target output.Target
	method string
	client *request.Client // its base ends in a slash
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
	if _, scheme, ok := strings.Cut(base.Scheme, "+"); ok {
		base.Scheme = scheme // hls+https
	}
	base.Fragment = ""
	base.RawPath = "" // made anew from Path
	if !strings.HasSuffix(base.Path, "/") {
		// A playlist's address stands for its folder, as players are given it.
		if ext := path.Ext(base.Path); ext == ".m3u8" || ext == ".mpd" {
			base.Path = path.Dir(base.Path)
		}
		base.Path = strings.TrimSuffix(base.Path, "/") + "/"
	}
	c, err := request.New(t, &base, false)
	if err != nil {
		return nil, err
	}
	return &origin{target: t, method: o.method, client: c}, nil
}

// Close implements output.Files.
func (o *origin) Close() error {
	o.client.Close()
	return nil
}

// url of a file. The query, which may hold a token, is the target's.
func (o *origin) url(name string) *url.URL {
	u := o.client.Base()
	u.Path += name
	return u
}

// Put implements output.Files.
func (o *origin) Put(ctx context.Context, f output.File) error {
	answer, err := o.do(ctx, o.method, f.Name, &f)
	if err != nil {
		return err
	}
	if answer.Code/100 != 2 {
		return request.Refusal(o.method, f.Name, answer)
	}
	return nil
}

// Stat implements output.Files.
func (o *origin) Stat(ctx context.Context, name string) (output.FileInfo, error) {
	answer, err := o.do(ctx, http.MethodHead, name, nil)
	switch {
	case err != nil:
		return output.FileInfo{}, err
	case answer.Code == http.StatusNotFound, answer.Code == http.StatusGone:
		return output.FileInfo{}, fs.ErrNotExist
	case answer.Code/100 == 2:
		return output.FileInfo{Size: answer.Length, ETag: answer.Head.Get("ETag")}, nil
	case answer.Code >= 500 && answer.Code != http.StatusNotImplemented, answer.Code == http.StatusTooManyRequests:
		return output.FileInfo{}, request.Refusal(http.MethodHead, name, answer)
	}
	return output.FileInfo{}, fmt.Errorf("HEAD %s: %s: %w", name, answer.Status, errors.ErrUnsupported)
}

// Delete implements output.Files.
func (o *origin) Delete(ctx context.Context, name string) error {
	answer, err := o.do(ctx, http.MethodDelete, name, nil)
	if err != nil {
		return err
	}
	if answer.Code/100 != 2 && answer.Code != http.StatusNotFound && answer.Code != http.StatusGone {
		return request.Refusal(http.MethodDelete, name, answer)
	}
	return nil
}

// do makes one request, and once more where it is sent elsewhere.
func (o *origin) do(ctx context.Context, method, name string, f *output.File) (*request.Answer, error) {
	to := o.url(name)
	for hop := 0; ; hop++ {
		a, err := o.once(ctx, method, to, f)
		if err != nil {
			return nil, err
		}
		if !a.Redirects() {
			return a, nil
		}
		next, err := a.Next(method+" "+name, to)
		if err == nil && hop == 1 {
			err = request.Rejected(a.Code, fmt.Sprintf("%s %s: the server redirects twice: use the address it redirects to", method, name))
		}
		if err != nil {
			return nil, err
		}
		to = next
	}
}

// once makes one request to one address.
func (o *origin) once(ctx context.Context, method string, to *url.URL, f *output.File) (*request.Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watch{limit: o.target.WriteTimeout}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, w.trace()), method, to.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	o.dress(req, f)
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
	a, err := request.Read(resp)
	if err != nil && a.Code/100 != 2 {
		return nil, o.failed(ctx, w, to, err)
	}
	return a, nil
}

// dress sets the headers.
func (o *origin) dress(req *http.Request, f *output.File) {
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
	o.client.Dress(req)
}

// failed is the error of a request that got no answer.
func (o *origin) failed(ctx context.Context, w *watch, to *url.URL, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, output.ErrStalled) {
		err = cause
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
	conn    atomic.Pointer[request.Conn]
	content atomic.Pointer[error] // of the body's Read
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			w.conn.Store(request.ConnOf(i.Conn))
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
			now := [3]int64{w.moved.Load(), c.Sent(), c.Unacknowledged()}
			limit := w.limit
			if c == nil {
				limit += request.ConnectTimeout // its own limits are shorter, and say more
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
