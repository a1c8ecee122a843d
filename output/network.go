package output

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// worded is an error whose text is written for the person who reads status,
// while errors.Is and errors.As still see the cause.
type worded struct {
	words string
	cause error
}

func (e *worded) Error() string { return e.words }
func (e *worded) Unwrap() error { return e.cause }

// InWords is an error with the text words that errors.Is and errors.As see cause
// in. For causes whose own text tells a person nothing.
func InWords(words string, cause error) error { return &worded{words, cause} }

// NetworkError says in words why a connection to address (host:port) could not
// be made or broke, and what to look at. Errors it does not know keep their
// own text. The cause stays reachable by errors.Is and errors.As.
func NetworkError(address string, err error) error {
	if err == nil {
		return nil
	}
	if words := networkWords(address, err); words != "" {
		return InWords(words, err)
	}
	if strings.Contains(err.Error(), address) {
		return err // in words already
	}
	return fmt.Errorf("%s: %w", address, err)
}

func networkWords(address string, err error) string {
	if words := tlsWords(address, err); words != "" {
		return words
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("host %q not found: check the spelling, and that the box has a DNS server", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot look up host %q: no answer from the DNS server: is the network up?", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("connection refused: is the server running on %s?", address)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("connection reset by %s", address)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Sprintf("no route to %s: is the network up?", address)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("%s closed the connection", address)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT):
		return fmt.Sprintf("no answer from %s: is the address right, and does every firewall let it through?", address)
	}
	return ""
}

func tlsWords(address string, err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &authority):
		return fmt.Sprintf("TLS: the certificate of %s is not signed by an authority this box trusts: if the server is the right one, set tls_ca to a file with the certificate of its authority", address)
	case errors.As(err, &name):
		return fmt.Sprintf("TLS: the certificate of %s is not for the name %q: use the name it was made for", address, name.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("TLS: the certificate of %s is out of its dates: renew it, or set the clock of this box", address)
	case errors.As(err, &invalid):
		return fmt.Sprintf("TLS: the certificate of %s is not valid: %v", address, invalid)
	case errors.As(err, &header):
		return fmt.Sprintf("%s does not speak TLS: is the port right?", address)
	case errors.As(err, &alert):
		return fmt.Sprintf("TLS: %s refused the handshake: %v", address, alert)
	}
	return ""
}
