package rtsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"unicode"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"github.com/encoderbox/encoderbox/output"
)

// words is what the server said last, and to what.
type words struct {
	mu       sync.Mutex // guards the fields below
	step     string     // the request it is about
	location string
	teardown bool
	answered bool // at least once
}

func (w *words) at(step string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = step
}

// answer notes where an answer sends the publication.
func (w *words) answer(r *base.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.location, w.answered = "", true
	if at := r.Header["Location"]; len(at) == 1 && r.StatusCode/100 == 3 {
		w.location = at[0]
	}
}

// request notes what the server wants: REDIRECT (RFC 2326 §10.10), or the end.
func (w *words) request(r *base.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch at := r.Header["Location"]; {
	case r.Method == "REDIRECT" && len(at) == 1:
		w.location = at[0]
	case r.Method == base.Teardown:
		w.teardown = true
	}
}

func (w *words) last() (step, location string, teardown bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.step, w.location, w.teardown
}

// explain puts an error in words, unless it is in words already.
func (c *conn) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if c.babbled() { // the library passes over what is no RTSP, for as long as it comes
			return output.WithCause(output.CauseRejected, fmt.Errorf("what answers at %s does not speak RTSP: is the port right? (%w)", c.dial, cause))
		}
		return output.NetworkError(c.dial, cause) // the closed socket is only how ctx cut in
	}
	if end := c.readError(); errors.Is(end, output.ErrStalled) || end != nil && output.CauseOf(err) == output.CauseLocal && !isAnswer(err) {
		err = end
	}
	step, location, teardown := c.said.last()
	var (
		status  liberrors.ErrClientBadStatusCode
		auth    liberrors.ErrClientAuthSetup
		timeout liberrors.ErrClientRequestTimedOut
		strange liberrors.ErrClientUnhandledMethod
		full    liberrors.ErrClientWriteQueueFull
	)
	switch {
	case errors.Is(err, output.ErrRejected), errors.Is(err, output.ErrStalled):
		return err
	case errors.As(err, &full): // Write lets no more in than there is room for
		return fmt.Errorf("%w: the queue to %s is full", output.ErrStalled, c.dial)
	case location != "":
		return c.redirect(location)
	case errors.As(err, &status):
		return &refusal{c.refused(step, status), status.Code}
	case errors.As(err, &auth):
		return output.WithCause(output.CauseAuth, fmt.Errorf("%w: %s wants a password in a way that is not supported (basic and digest are): %w", output.ErrRejected, c.dial, auth.Err))
	case errors.As(err, &timeout):
		return output.NetworkError(c.dial, context.DeadlineExceeded)
	case teardown:
		return output.InWords(c.dial+" has ended the session (TEARDOWN)", io.EOF)
	case errors.As(err, &strange):
		return output.WithCause(output.CauseClosed, fmt.Errorf("%s wants %s of a publisher, which is not supported", c.dial, clean(string(strange.Method))))
	case udpRefused(err):
		return &refusal{output.WithCause(output.CauseRejected, fmt.Errorf(
			"%w: %s takes no media over UDP: set transport to tcp or auto", output.ErrRejected, c.dial)), base.StatusUnsupportedTransport}
	case output.CauseOf(err) == output.CauseLocal && !errors.Is(err, net.ErrClosed):
		return output.WithCause(output.CauseRejected, fmt.Errorf("%s: its answer to %s is no RTSP that we know: is the port right? (%s)", c.dial, step, clean(err.Error())))
	}
	return output.NetworkError(c.dial, err)
}

// babbled says that something came, and that it was no answer.
func (c *conn) babbled() bool {
	c.said.mu.Lock()
	answered := c.said.answered
	c.said.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return !answered && c.sock != nil && c.url.Scheme == "rtsp" && c.sock.read.Load() > 0
}

// readError is what ended reading, where that has ended.
func (c *conn) readError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sock == nil || c.sock.end.Load() == nil {
		return nil
	}
	return *c.sock.end.Load()
}

// isAnswer says that an error is of something that the server said whole.
func isAnswer(err error) bool {
	var (
		status liberrors.ErrClientBadStatusCode
		auth   liberrors.ErrClientAuthSetup
		method liberrors.ErrClientUnhandledMethod
	)
	return errors.As(err, &status) || errors.As(err, &auth) || errors.As(err, &method) || udpRefused(err)
}

func udpRefused(err error) bool {
	var (
		tcp   liberrors.ErrClientServerRequestedTCP
		ports liberrors.ErrClientServerPortsNotProvided
	)
	return errors.As(err, &tcp) || errors.As(err, &ports)
}

// refusal is a no that knows its code.
type refusal struct {
	error
	code base.StatusCode
}

func (r *refusal) Unwrap() error { return r.error }

// wantsTCP says that the transport was refused.
func wantsTCP(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == base.StatusUnsupportedTransport
}

// refused puts a status code into words (RFC 2326 §11).
func (c *conn) refused(step string, s liberrors.ErrClientBadStatusCode) error {
	cause, again := output.CauseRejected, false
	var advice string
	switch s.Code {
	case base.StatusUnauthorized, base.StatusProxyAuthRequired, base.StatusConnectionCredentialsNotAccepted:
		cause, advice = output.CauseAuth, "the server wants a name and password, or others: set them in the URL"
	case base.StatusForbidden:
		cause, advice = output.CauseAuth, "the server does not allow this name, password or address to publish there"
	case base.StatusNotFound, base.StatusGone:
		advice = "the server has no such path, or it may not be published to: check the path of the URL"
	case base.StatusMethodNotAllowed, base.StatusNotImplemented:
		advice = "the server takes no publications there: check the path of the URL, and that publishing is switched on"
	case base.StatusNotAcceptable, base.StatusUnsupportedMediaType:
		advice = "the server does not take these tracks, or another encoder is publishing there"
	case base.StatusSessionNotFound, base.StatusMethodNotValidInThisState:
		advice = "the server has lost the session"
	case base.StatusUnsupportedTransport:
		advice = "the server takes no media over this transport: set transport to auto, tcp or udp"
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		advice, again = "the server is busy", true
	default:
		advice, again = "the server refuses", s.Code/100 == 5
	}
	text := fmt.Sprintf("%s refused %s: %d %s: %s", c.dial, step, s.Code, clean(s.Message), advice)
	if again {
		return output.WithCause(cause, errors.New(text))
	}
	return output.WithCause(cause, fmt.Errorf("%w: %s", output.ErrRejected, text))
}

// redirect is where the server sends the publication. Name and password go along
// to the same host alone.
func (c *conn) redirect(location string) error {
	next, err := url.Parse(location)
	switch {
	case err != nil || next.Hostname() == "" || next.Scheme != "rtsp" && next.Scheme != "rtsps":
		return output.WithCause(output.CauseRejected, fmt.Errorf("%w: %s redirects to no usable address", output.ErrRejected, c.dial))
	case c.url.Scheme == "rtsps" && next.Scheme != "rtsps":
		return output.WithCause(output.CauseRejected, fmt.Errorf("%w: %s redirects from rtsps to rtsp: refused, the content and the password would be readable", output.ErrRejected, c.dial))
	}
	next.Fragment, next.User = "", nil
	if next.Hostname() == c.url.Hostname() {
		next.User = c.url.User
	}
	return &output.ReconnectError{URL: next}
}

// clean is a server's words on one line, and not too many.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:120]) + "…"
	}
	return s
}
