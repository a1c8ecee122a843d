package flight

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/encoderbox/encoderbox/output"
)

// class is what an error says of its cause, before anything else is known.
type class int

const (
	classNone    class = iota
	classDisk          // storage: full, read-only, failing, gone
	classServer        // somebody answered, or hung up
	classLink          // nobody answered
	classStalled       // the connection stands, and nothing moves
	classTrust         // a certificate is out of its time: the server's fault, or the clock's
	classLocal         // the box itself could not: configuration, tracks
)

// stated is an error of a push as the status passes it on: what it is due to, and
// words.
type stated struct {
	cause output.Cause
	words string
}

func (s stated) Error() string { return s.words }

// causeClasses are those of the causes that say enough. A certificate may be out of
// its time, and storage is a part of the box: there the words say more.
var causeClasses = map[output.Cause]class{
	output.CauseDNS: classLink, output.CauseNetwork: classLink, output.CauseStalled: classStalled,
	output.CauseRefused: classServer, output.CauseAuth: classServer, output.CauseRejected: classServer,
	output.CauseClosed: classServer,
}

func (s stated) class() class {
	if c := causeClasses[s.cause]; c != classNone {
		return c
	}
	c := classifyText(s.words)
	switch {
	case s.cause == output.CauseTLS && c != classTrust:
		return classServer
	case s.cause == output.CauseLocal && c != classDisk:
		return classLocal
	}
	return c
}

var errnoClasses = map[syscall.Errno]class{
	syscall.ENOSPC: classDisk, syscall.EDQUOT: classDisk, syscall.EROFS: classDisk, syscall.EIO: classDisk,
	syscall.ENODEV: classDisk, syscall.ENXIO: classDisk, syscall.ESTALE: classDisk, syscall.EFBIG: classDisk,
	syscall.ECONNREFUSED: classServer, syscall.ECONNRESET: classServer, syscall.EPIPE: classServer,
	syscall.ECONNABORTED: classServer,
	syscall.ETIMEDOUT:    classLink, syscall.EHOSTUNREACH: classLink, syscall.ENETUNREACH: classLink,
	syscall.ENETDOWN: classLink, syscall.ENETRESET: classLink, syscall.EHOSTDOWN: classLink,
	syscall.EADDRNOTAVAIL: classLink,
}

// classify is by the error's own class where it has one, by its cause where it tells
// that, and by its words where a component passes text alone.
func classify(err error, text string) class {
	if err == nil {
		return classifyText(text)
	}
	if c := classifyError(err); c != classNone {
		return c
	}
	return classifyText(err.Error())
}

func classifyError(err error) class {
	var (
		certificate x509.CertificateInvalidError
		errno       syscall.Errno
		resolve     *net.DNSError
		network     net.Error
		path        *os.PathError
		status      stated
	)
	switch {
	case errors.As(err, &status):
		return status.class()
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return classTrust
	case errors.Is(err, output.ErrStalled):
		return classStalled
	case errors.Is(err, output.ErrRejected):
		return classServer
	case errors.As(err, &errno) && errnoClasses[errno] != classNone:
		return errnoClasses[errno]
	case errors.As(err, &path):
		return classDisk
	case errors.As(err, &resolve):
		return classLink
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return classLink
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return classServer
	}
	return causeClasses[output.CauseOf(err)]
}

// phrases are looked for in this order: what a server did comes with words of
// its own, in which those of the network may be.
var phrases = []struct {
	text  string
	class class
}{
	{"expired or is not yet valid", classTrust}, {"out of its dates", classTrust},
	{"no space left", classDisk}, {"read-only file system", classDisk}, {"input/output error", classDisk},
	{"disk quota exceeded", classDisk}, {"no such device", classDisk}, {"structure needs cleaning", classDisk},
	{"has acknowledged nothing", classStalled}, {"has accepted nothing", classStalled}, {"takes no data", classStalled},
	{"was not heard of", classLink}, // SRT cannot tell the two apart, and says both
	{"not connected within", classLink}, {"deadline exceeded", classLink}, {"timeout", classLink}, {"timed out", classLink},
	{"no route to host", classLink}, {"unreachable", classLink}, {"no such host", classLink},
	{"network is down", classLink}, {"server misbehaving", classLink}, {"temporary failure in name resolution", classLink},
	{"refused", classServer}, {"rejected", classServer}, {"reset by peer", classServer}, {"broken pipe", classServer},
	{"closed the connection", classServer}, {"does not speak", classServer}, {"unauthorized", classServer},
	{"forbidden", classServer}, {"certificate", classServer}, {"eof", classServer},
}

// httpStatus finds an HTTP error as people and libraries write it: "HTTP 503",
// "status 404", "500 Internal Server Error".
var httpStatus = regexp.MustCompile(`\b(?:http(?:/\d(?:\.\d)?)?|status(?: code)?:?) ?[45]\d\d\b|` +
	`\b[45]\d\d (?:bad|unauthorized|forbidden|not|method|conflict|gone|length|precondition|payload|request|too|unprocessable|internal|service|gateway|insufficient)\b`)

func classifyText(text string) class {
	text = strings.ToLower(text)
	if text == "" {
		return classNone
	}
	for _, p := range phrases {
		if strings.Contains(text, p.text) {
			return p.class
		}
	}
	if httpStatus.MatchString(text) {
		return classServer
	}
	return classNone
}
