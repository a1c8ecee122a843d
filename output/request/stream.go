package request

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

const (
	// maxHops bounds the redirects before a stream begins.
	maxHops = 5
	// refusalTime is how long the text of a no is waited for.
	refusalTime = time.Second
)

// Stream is one upload without an end: a request whose body is what is written,
// in chunks as they come (RFC 9112 §7.1). One goroutine writes; Close and Stats
// may be called from any.
type Stream struct {
	host   string
	req    *http.Request
	body   *io.PipeWriter
	cancel context.CancelFunc
	conn   atomic.Pointer[tcpinfo.Conn]
	wanted chan struct{} // closed when the receiver takes the body
	ended  chan struct{} // closed when the request has ended; then err is set
	err    error         // of the request; nil: the receiver has said yes, and so ended it
	close  sync.Once
}

// OpenStream begins an upload, by method, of the media type typ to the address
// to. It returns when the receiver wants the body: it has said 100 (Continue),
// or said nothing against it for a second. Redirects are followed until then,
// with what is secret kept to the configured host, and a server that asks for
// Digest authentication is answered. A no is an
// *output.AnswerError, all else is in words by output.NetworkError.
func (c *Client) OpenStream(ctx context.Context, method string, to *url.URL, typ string) (*Stream, error) {
	for hop := 0; ; hop++ {
		s, answer, err := c.open(ctx, method, to, typ)
		if err != nil {
			return nil, err
		}
		if answer == nil {
			return s, nil
		}
		name := Line(to.Path) // of a redirect it may be anything
		what := method + " " + name
		switch {
		case hop < maxHops && c.Challenged(s.req, answer):
			continue
		case !answer.Redirects() && answer.Code/100 == 2:
			return nil, Rejected(answer.Code, fmt.Sprintf("%s: the server answered %s without taking the stream: is the path right?", what, answer.Status))
		case !answer.Redirects():
			return nil, Refusal(method, name, answer)
		case hop == maxHops:
			return nil, Rejected(answer.Code, fmt.Sprintf("%s: the server redirects in a circle, or more than %d times", what, maxHops))
		}
		if to, err = answer.Next(what, to); err != nil {
			return nil, err
		}
	}
}

// open makes one request. With an answer, which came instead of the wish for the
// body, the stream has ended.
func (c *Client) open(ctx context.Context, method string, to *url.URL, typ string) (*Stream, *Answer, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r, w := io.Pipe()
	s := &Stream{host: to.Host, body: w, cancel: cancel, wanted: make(chan struct{}), ended: make(chan struct{})}
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { s.conn.Store(tcpinfo.Of(i.Conn)) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(life, trace), method, to.String(), &wantedBody{PipeReader: r, wanted: s.wanted})
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("%s: %w", method, err)
	}
	req.ContentLength = -1
	req.Header.Set("Expect", "100-continue")
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	c.Dress(req)
	s.req = req
	answered := make(chan *Answer, 1)
	go s.run(c, answered)
	select {
	case <-s.wanted:
		select {
		case a := <-answered: // both at once: the answer says more
			s.stop()
			return s, a, nil
		default:
		}
		return s, nil, nil
	case a := <-answered:
		s.stop()
		return s, a, nil
	case <-s.ended:
		s.stop()
		select {
		case a := <-answered:
			return s, a, nil
		default:
		}
		return nil, nil, s.err
	case <-ctx.Done():
		s.stop()
		return nil, nil, output.NetworkError(to.Host, context.Cause(ctx))
	}
}

// run makes the request and reads its answer. A no ends the request, whether or not
// its text ever comes to an end.
func (s *Stream) run(c *Client, answered chan<- *Answer) {
	defer close(s.ended)
	resp, err := c.Do(s.req)
	if err != nil {
		switch {
		case errors.Is(err, net.ErrClosed) && s.req.Context().Err() == nil:
			err = errors.Join(io.EOF, err) // the transport closed it, since the peer had, or talked out of turn
		case errors.Is(err, syscall.ETIMEDOUT) && s.conn.Load() != nil: // TCP_USER_TIMEOUT, see tcpinfo.Control
			err = fmt.Errorf("%w: %s has acknowledged nothing: is the server stuck, or the uplink down?", output.ErrStalled, s.host)
		}
		s.err = output.NetworkError(s.host, err)
		_ = s.body.CloseWithError(s.err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		late := time.AfterFunc(refusalTime, s.cancel)
		defer late.Stop()
	}
	a, _ := Read(resp) // what could not be read of its text is no loss
	answered <- a
	if a.Code/100 != 2 {
		s.err = Refusal(s.req.Method, Line(s.req.URL.Path), a)
		_ = s.body.CloseWithError(s.err) // Write is to know now, not with the next byte that the transport cannot send
	}
}

// wantedBody tells when it is read for the first time.
type wantedBody struct {
	*io.PipeReader
	once   sync.Once
	wanted chan struct{}
}

// Read implements io.Reader.
func (b *wantedBody) Read(p []byte) (int, error) {
	b.once.Do(func() { close(b.wanted) })
	return b.PipeReader.Read(p)
}

// Send is Write for a receiver that takes something within limit: where it neither
// takes nor acknowledges a byte for so long, the upload is ended and the error is
// an output.ErrStalled.
func (s *Stream) Send(p []byte, limit time.Duration) error {
	w := watch(s, limit)
	_, err := s.Write(p)
	if w.stop() {
		return fmt.Errorf("%w: %s has accepted nothing for %v: is the server stuck, or the uplink down?", output.ErrStalled, s.host, limit)
	}
	return err
}

// Write sends p. It blocks while the receiver takes data, however slowly. When
// the receiver has ended the request, it says with what answer.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.body.Write(p)
	if err == nil {
		return n, nil
	}
	<-s.ended // the body is closed by the request alone, or by Close, which ends it
	switch {
	case s.err != nil && !errors.Is(s.err, context.Canceled):
		return n, s.err
	case errors.Is(err, net.ErrClosed) || s.err != nil:
		return n, fmt.Errorf("connection to %s: %w", s.host, net.ErrClosed)
	}
	return n, output.InWords(s.host+" ended the upload: it took what was sent and closed it", io.EOF)
}

// Stats of the connection, what TLS and HTTP add included.
func (s *Stream) Stats() output.ConnStats { return s.conn.Load().Stats() }

// Path of the connection, as output.PathConn has it.
func (s *Stream) Path() (output.Path, bool) { return s.conn.Load().Path() }

// Pace bounds what the kernel takes in, as tcpinfo.Conn.Pace does.
func (s *Stream) Pace(bitrate int) error {
	c := s.conn.Load()
	if c == nil {
		return nil
	}
	return c.Pace(bitrate)
}

// Written is how many bytes the kernel has taken by writes that have ended.
func (s *Stream) Written() uint64 { return s.conn.Load().Written() }

// Finish ends the upload in HTTP's own way, and returns the receiver's verdict:
// nil for a yes. ctx bounds the wait for it.
func (s *Stream) Finish(ctx context.Context) error {
	_ = s.body.Close()
	select {
	case <-s.ended:
		return s.err
	case <-ctx.Done():
		return output.NetworkError(s.host, context.Cause(ctx))
	}
}

// Close frees everything and makes a blocked Write return. It ends the upload
// without a verdict unless Finish has been called before.
func (s *Stream) Close() error {
	s.stop()
	return nil
}

func (s *Stream) stop() {
	s.close.Do(func() {
		s.cancel()
		_ = s.body.CloseWithError(net.ErrClosed)
	})
	<-s.ended
}
