package output

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
)

// Cause says which part of the way to a receiver failed: what a person has to
// look at first. The error beside it has the details and the peer's own words.
type Cause string

// The causes: all there are.
const (
	CauseDNS      Cause = "dns"      // the host's name has no address, or nobody answers for it
	CauseRefused  Cause = "refused"  // nothing listens at the address
	CauseTLS      Cause = "tls"      // no trust, or no common protocol
	CauseAuth     Cause = "auth"     // wrong or missing key, password, passphrase, token
	CauseRejected Cause = "rejected" // the receiver answered, and it was another no
	CauseStalled  Cause = "stalled"  // the receiver takes no data
	CauseClosed   Cause = "closed"   // the receiver ended the connection
	CauseNetwork  Cause = "network"  // no route, no answer, the link
	CauseLocal    Cause = "local"    // the box itself: configuration, tracks, storage
)

// Causes lists them in the order in which an attempt meets them.
func Causes() []Cause {
	return []Cause{
		CauseLocal, CauseDNS, CauseNetwork, CauseRefused, CauseTLS,
		CauseAuth, CauseRejected, CauseStalled, CauseClosed,
	}
}

// caused is an error whose cause its maker knows.
type caused struct {
	error
	cause Cause
}

func (c *caused) Unwrap() error { return c.error }

// WithCause is err with the cause that CauseOf shall find. A nil err stays nil.
// CauseAuth does not imply ErrRejected: wrap that too where the same attempt
// repeated will be refused again.
func WithCause(cause Cause, err error) error {
	if err == nil {
		return nil
	}
	return &caused{err, cause}
}

// CauseOf finds the cause of an error of a push: the one given by WithCause, or
// what the errors inside tell. It is "" for nil, and CauseLocal for an error
// that says nothing of a network or a peer.
func CauseOf(err error) Cause {
	var (
		known  *caused
		answer *AnswerError
		dns    *net.DNSError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known):
		return known.cause
	case errors.As(err, &answer):
		return answer.cause()
	case errors.Is(err, ErrStalled):
		return CauseStalled
	case errors.Is(err, ErrRejected):
		return CauseRejected
	case errors.As(err, &dns):
		return CauseDNS
	case isTLS(err):
		return CauseTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return CauseRefused
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return CauseClosed
	case isNetwork(err):
		return CauseNetwork
	}
	return CauseLocal
}

func isTLS(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
		alert     tls.AlertError
	)
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &name) ||
		errors.As(err, &invalid) || errors.As(err, &header) || errors.As(err, &alert)
}

func isNetwork(err error) bool {
	var (
		op  *net.OpError
		url *url.Error
		no  syscall.Errno
	)
	if errors.As(err, &no) {
		switch no {
		case syscall.ENOSPC, syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.ENOENT, syscall.EROFS, syscall.EIO:
			return false // of files, or of what the box lets us do
		}
		return true
	}
	return errors.As(err, &op) || errors.As(err, &url) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// cause maps the finer causes of an answer.
func (a *AnswerError) cause() Cause {
	if a.Cause == string(CauseAuth) {
		return CauseAuth
	}
	return CauseRejected
}

// ReconnectError is a receiver's wish that the publication go on over another
// connection: a redirect, or a server that is about to go down. It is no
// failure: push.Destination dials again at once. With a nil URL, from a Dial that
// has taken all the time it may, it means that nobody has come yet: the wait goes on.
type ReconnectError struct {
	// URL is the address to go to, secrets included; nil for the same one. It holds
	// for the next connection only.
	URL *url.URL
	// Words are the receiver's own, without secrets.
	Words string
}

// Error implements error.
func (r *ReconnectError) Error() string {
	text := "the receiver asks to connect again"
	if r.URL != nil {
		text = "the receiver sends us to " + Redacted(r.URL)
	}
	if r.Words != "" {
		text += ": " + r.Words
	}
	return text
}
