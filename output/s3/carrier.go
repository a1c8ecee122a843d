package s3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/encoderbox/encoderbox/output/request"
)

// maxAnswer bounds what is read of any answer.
const maxAnswer = 64 << 10

// call is what one request came to, as the wire knows it: minio-go puts the
// errors of connections into words of its own.
type call struct {
	begun bool
	err   error         // without an answer
	code  int           // of the answer; 0: none
	head  http.Header   // of the answer
	freed chan struct{} // closed when the body is no longer read; nil: there was none
}

type callKey struct{}

// noted is a context whose request is noted in the call.
func noted(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// carrier carries minio-go's requests by a transport of ours.
type carrier struct {
	transport *request.Transport
	agent     string
}

var _ http.RoundTripper = (*carrier)(nil)

// RoundTrip implements http.RoundTripper.
func (c *carrier) RoundTrip(req *http.Request) (*http.Response, error) {
	note, _ := req.Context().Value(callKey{}).(*call)
	if note == nil {
		note = &call{}
	}
	note.begun = true
	own := req.Clone(req.Context())
	if c.agent != "" {
		own.Header.Set("User-Agent", c.agent) // not part of the signature
	}
	if req.Body != nil {
		note.freed = make(chan struct{})
		own.Body = &released{ReadCloser: req.Body, freed: note.freed}
	}
	resp, err := c.transport.RoundTrip(own)
	if err != nil {
		note.err = err
		return nil, err
	}
	note.code, note.head = resp.StatusCode, resp.Header
	if resp.StatusCode/100 == 3 && note.freed != nil {
		return letGo(resp, note)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// letGo waits until the transport has let go of the body of a request that is answered
// with a redirection: http.Client closes the body of those itself, and minio-go's is not
// to be closed by two at once.
func letGo(resp *http.Response, note *call) (*http.Response, error) {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what there is of it
	_ = resp.Body.Close()
	select {
	case <-note.freed: // soon, also of a peer that does not read: its answer is over
	case <-resp.Request.Context().Done():
		note.err, note.code = context.Cause(resp.Request.Context()), 0
		return nil, note.err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}

// released tells when the transport has let go of a body: that can be after its
// answer.
type released struct {
	io.ReadCloser
	once  sync.Once
	freed chan struct{}
}

// Close implements io.Closer.
func (r *released) Close() error {
	err := r.ReadCloser.Close()
	r.once.Do(func() { close(r.freed) })
	return err
}
