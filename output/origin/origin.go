// Package origin uploads segments and playlists to an HTTP server that takes
// files by PUT or POST and lets them be deleted by DELETE, as HLS and DASH
// origins do. output/forward decides what is sent when.
package origin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

const (
	defaultWriteTimeout = 10 * time.Second
	cacheSegments       = "public, max-age=31536000, immutable"
	cachePlaylists      = "no-cache" // to be validated each time
)

// origin is one server.
type origin struct {
	settings
	stall  time.Duration
	client *request.Client // its base ends in a slash
	ask    atomic.Bool     // nothing was taken yet at the address that is next: see once
	// unconditional: the server does not know If-None-Match.
	unconditional atomic.Bool

	mu    sync.Mutex // guards the fields below
	route route
}

var _ output.Files = (*origin)(nil)

// open is output.Kind.Files.
func open(t output.Target) (output.Files, error) {
	s, err := read(t)
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
	o := &origin{settings: s, stall: t.WriteTimeout, client: c}
	o.ask.Store(true)
	return o, nil
}

// Close implements output.Files.
func (o *origin) Close() error {
	o.client.Close()
	return nil
}

// Path is what the kernel knows of all connections to the server.
func (o *origin) Path() (output.Path, bool) { return o.client.Path() }

// Put implements output.Files.
func (o *origin) Put(ctx context.Context, f output.File) error {
	f.New = f.New && o.verify == verifyAuto && !o.unconditional.Load()
	a, err := o.do(ctx, o.method, f.Name, &f)
	if err == nil && f.New && refusesCondition(a.Code) {
		o.unconditional.Store(true)
		f.New = false
		a, err = o.do(ctx, o.method, f.Name, &f)
	}
	switch {
	case err != nil:
		return err
	case a.Code/100 != 2:
		return request.Refusal(o.method, f.Name, a)
	}
	return nil
}

// refusesCondition says that a server may have meant If-None-Match by its no.
func refusesCondition(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// Stat implements output.Files.
func (o *origin) Stat(ctx context.Context, name string) (output.FileInfo, error) {
	if o.verify == verifyOff {
		return output.FileInfo{}, fmt.Errorf("HEAD %s: verify_uploads is off: %w", name, errors.ErrUnsupported)
	}
	a, err := o.do(ctx, http.MethodHead, name, nil)
	switch {
	case err != nil:
		return output.FileInfo{}, err
	case a.Code == http.StatusNotFound, a.Code == http.StatusGone:
		return output.FileInfo{}, fs.ErrNotExist
	case a.Code/100 == 2:
		return output.FileInfo{Size: a.Length, ETag: a.Head.Get("ETag")}, nil
	case a.Code >= 500 && a.Code != http.StatusNotImplemented, a.Code == http.StatusTooManyRequests:
		return output.FileInfo{}, request.Refusal(http.MethodHead, name, a)
	}
	return output.FileInfo{}, fmt.Errorf("HEAD %s: %s: %w", name, a.Status, errors.ErrUnsupported)
}

// Delete implements output.Files.
func (o *origin) Delete(ctx context.Context, name string) error {
	a, err := o.do(ctx, http.MethodDelete, name, nil)
	if err != nil {
		return err
	}
	if a.Code/100 != 2 && a.Code != http.StatusNotFound && a.Code != http.StatusGone {
		return request.Refusal(http.MethodDelete, name, a)
	}
	return nil
}

// once makes one request to one address. again says that it is to be made once
// more, with the password in another form.
func (o *origin) once(ctx context.Context, method string, to *url.URL, f *output.File) (_ *request.Answer, again bool, _ error) {
	size := int64(0)
	if f != nil {
		size = f.Size
	}
	ctx, w, stop := request.Watched(ctx, o.stall, size)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", method, err)
	}
	if f != nil {
		o.dress(req, f)
	}
	o.client.Dress(req)
	if f != nil {
		content, err := f.Open()
		if err != nil {
			return nil, false, errors.Join(output.ErrNotSent, err)
		}
		req.ContentLength = f.Size
		req.Body = w.Body(ctx, content, f.Pace) // closed by the client, when it has let go of it
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, false, w.Failed(ctx, to.Host, err)
	}
	defer resp.Body.Close()
	a, err := request.Read(resp)
	if err != nil && a.Code/100 != 2 {
		return nil, false, w.Failed(ctx, to.Host, err)
	}
	return a, o.client.Challenged(req, a), nil
}

// dress sets the headers of an upload.
func (o *origin) dress(req *http.Request, f *output.File) {
	req.Header.Set("Content-Type", f.Type)
	req.Header.Set("Cache-Control", o.cache)
	if f.Volatile {
		req.Header.Set("Cache-Control", cachePlaylists)
	}
	if f.New {
		req.Header.Set("If-None-Match", "*")
	}
	if f.Size > 0 && (o.ask.Load() || o.client.Asks()) {
		// The server may send it elsewhere, or refuse it: the answer comes first.
		req.Header.Set("Expect", "100-continue")
	}
}
