package whip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840 §9
	maxHops      = 5
	maxSDP       = 64 << 10
	// answerGrace is how long an answer is waited for when the attempt is over: only
	// it says what is to be deleted.
	answerGrace = time.Second
)

// session is the signalling of one publication: the endpoint that made it, and
// the resource it has there (RFC 9725 §4).
type session struct {
	client   *request.Client
	log      *slog.Logger
	host     string
	resource *url.URL           // nil where the endpoint named none: no PATCH, no DELETE
	servers  []webrtc.ICEServer // that the endpoint names
}

// post makes the publication and returns the endpoint's answer (RFC 9725 §4.2).
func (s *session) post(ctx context.Context, offer string) (string, error) {
	ctx, cancel := outlive(ctx, answerGrace)
	defer cancel()
	to := s.client.Base()
	for hop := 0; ; hop++ {
		a, err := s.exchange(ctx, http.MethodPost, to, typeSDP, offer)
		switch {
		case err != nil:
			return "", err
		case a.Redirects() && hop == maxHops:
			return "", request.Rejected(a.Code, fmt.Sprintf("POST: %s redirects in a circle, or more than %d times", to.Host, maxHops))
		case a.Redirects():
			if to, err = a.Next("POST", to); err != nil {
				return "", err
			}
		case a.Code != http.StatusCreated && a.Code != http.StatusOK: // 200: endpoints older than the standard
			return "", refusal(http.MethodPost, to.Host, a)
		default:
			s.created(to, a)
			return answerSDP(to.Host, a)
		}
	}
}

// outlive is a context that ends a while after ctx, with its cause.
func outlive(ctx context.Context, grace time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}

// created notes what the endpoint says of the new publication.
func (s *session) created(at *url.URL, a *request.Answer) {
	s.host = at.Host
	s.servers = linkServers(a.Head.Values("Link"))
	if s.resource = resource(at, a.Head.Get("Location")); s.resource == nil {
		s.log.Warn("the WHIP endpoint names no usable address of the publication: it cannot be ended there, nor moved to another network", "host", at.Host)
	}
}

// resource is what a Location header names, nil where it is of no use. It may
// be relative (RFC 9110 §10.2.2); it never leads from https to http.
func resource(at *url.URL, location string) *url.URL {
	if location == "" || len(location) > maxLinkSize {
		return nil
	}
	u, err := at.Parse(location)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || at.Scheme == "https") {
		return nil
	}
	u.User, u.Fragment = nil, ""
	return u
}

func answerSDP(host string, a *request.Answer) (string, error) {
	typ, _, _ := mime.ParseMediaType(a.Head.Get("Content-Type"))
	switch {
	case len(a.Text) > maxSDP:
		return "", request.Rejected(a.Code, fmt.Sprintf("POST: the answer of %s is larger than %d KiB", host, maxSDP>>10))
	case !strings.HasPrefix(a.Text, "v=0"):
		return "", request.Rejected(a.Code, fmt.Sprintf("POST: %s answered %s with %q instead of an SDP answer: is the path of the URL a WHIP endpoint?", host, a.Status, oneLine(typ, 60)))
	}
	return a.Text, nil
}

// patch restarts ICE: it sends our new credentials and candidates and returns
// the endpoint's (RFC 9725 §4.3.3). Redirects are not followed: the resource is
// where the endpoint said.
func (s *session) patch(ctx context.Context, fragment string) (string, error) {
	a, err := s.exchange(ctx, http.MethodPatch, s.resource, typeFragment, fragment)
	switch {
	case err != nil:
		return "", err
	case a.Code != http.StatusOK:
		return "", refusal(http.MethodPatch, s.resource.Host, a)
	case len(a.Text) > maxSDP:
		return "", request.Rejected(a.Code, fmt.Sprintf("PATCH: the answer of %s is larger than %d KiB", s.resource.Host, maxSDP>>10))
	}
	return a.Text, nil
}

// delete ends the publication (RFC 9725 §4.2). That the endpoint has ended it
// already is no error.
func (s *session) delete(ctx context.Context) error {
	if s.resource == nil {
		return nil
	}
	a, err := s.exchange(ctx, http.MethodDelete, s.resource, "", "")
	switch {
	case err != nil:
		return err
	case a.Code/100 == 2, a.Code == http.StatusNotFound, a.Code == http.StatusGone:
		return nil
	}
	return refusal(http.MethodDelete, s.resource.Host, a)
}

// exchange makes one request; its answer's text is cut off behind maxSDP.
func (s *session) exchange(ctx context.Context, method string, to *url.URL, typ, body string) (*request.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(body))
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, fmt.Errorf("%s: the address cannot be used", method))
	}
	s.client.Dress(req)
	if typ != "" {
		req.Header.Set("Content-Type", typ)
		req.Header.Set("Accept", typ)
	}
	if method == http.MethodPatch {
		req.Header.Set("If-Match", "*") // a restart, whatever the ICE session is now (RFC 9725 §4.3.3)
	}
	resp, err := s.client.Do(req)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx)) // why it has ended: net/http says only that it has
	}
	if err != nil {
		return nil, output.NetworkError(to.Host, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSDP+1))
	if err != nil && resp.StatusCode/100 == 2 {
		return nil, output.NetworkError(to.Host, err)
	}
	return &request.Answer{Code: resp.StatusCode, Status: request.Line(resp.Status), Head: resp.Header, Length: resp.ContentLength, Text: string(text)}, nil
}
