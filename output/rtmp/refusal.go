package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"unicode"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"github.com/encoderbox/encoderbox/output"
)

// maxWords bounds what is shown of a server's own words.
const maxWords = 200

// told is an error that is in words already; explain leaves it alone.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

// explain puts an error in words, unless it is in words already.
func explain(a address, err error) error {
	var (
		words told
		again *output.ReconnectError
	)
	switch {
	case errors.As(err, &words), errors.As(err, &again), errors.Is(err, output.ErrStalled):
		return err
	}
	return output.NetworkError(a.dial, err)
}

// cutShort is the error of an opening that the end of ctx has cut.
func cutShort(ctx context.Context, a address) error {
	return output.NetworkError(a.dial, context.Cause(ctx))
}

// stage is how far the opening has come.
type stage string

const (
	connecting stage = "connection"
	creating   stage = "stream"
	publishing stage = "publication"
	streaming  stage = "running publication"
)

// refusal is the error of a server that says no: ErrRejected with its own words
// and what to look at, a challenge, or a redirect.
func (l *link) refusal(at stage, args amf0.Data) error {
	if at == connecting {
		if c, ok := demand(field(args, "description")); ok {
			return c
		}
		if err := l.redirect(args); err != nil {
			return err
		}
	}
	said := l.words(args)
	cause, hint := judge(at, strings.ToLower(said), l.addr)
	if cause == output.CauseClosed {
		return told{output.WithCause(cause, fmt.Errorf("%s ended the %s (%s): %s", l.addr.dial, at, said, hint))}
	}
	if said == "" {
		said = "no reason given"
	}
	return told{output.WithCause(cause, fmt.Errorf("%w: %s refused the %s (%s): %s", output.ErrRejected, l.addr.dial, at, said, hint))}
}

// What servers write of credentials, of a key in use, and of an end that is
// nobody's fault; RTMP has codes for the second and the last alone, and each
// server words of its own.
var (
	authWords = []string{
		"auth", "password", "credential", "token", "signature", "forbidden", "permission", "invalid key", "bad key", "wrong key",
		"streamkey", "stream key", "publish key", "invalid stream name", "401", "403", "usher",
	}
	useWords = []string{"already", "in use", "duplicate", "busy", "another publisher"}
	endWords = []string{"connect.closed", "appshutdown", "idletimeout", "netstream.unpublish", "shutting down"}
)

// judge says which cause the words of a refusal, in lower case, mean and what to look at.
func judge(at stage, said string, a address) (output.Cause, string) {
	has := func(words []string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.Contains(said, "badname") && has(useWords):
		return output.CauseRejected, "is another encoder publishing under this key?"
	case has(authWords) && a.user == "":
		return output.CauseAuth, "is the stream key right, and does the server want a user name and password (rtmp://user:password@host/app/key)?"
	case has(authWords):
		return output.CauseAuth, "are the stream key, the user name and the password right?"
	case strings.Contains(said, "badname"):
		return output.CauseRejected, "is another encoder publishing under this key, or is the key wrong?"
	case at != connecting && has(endWords):
		return output.CauseClosed, "was it shut down, or has somebody thrown us out?"
	case at == connecting:
		return output.CauseRejected, fmt.Sprintf("does the server have the application %q?", a.name())
	}
	return output.CauseRejected, "is the URL right?"
}

// errWordless: a publication ended, and the server gave no reason.
var errWordless = errors.New("no reason given")

// gone is the error of a connection that ended while the server was to speak.
// What the server said before is part of it.
func (l *link) gone(at stage, err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
		!errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	end := l.addr.dial + " closed the connection"
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		end = "connection reset by " + l.addr.dial
	}
	var quiet error
	switch {
	case at == connecting && l.heard == "":
		return told{output.WithCause(output.CauseClosed, output.InWords(end+" instead of answering", errAtConnect))}
	case l.heard != "":
		end += " (" + l.heard + ")"
	case at == publishing:
		end += " without a word after publish, instead of accepting the stream: is the stream key right?"
	case at == streaming && l.young():
		quiet = errWordless
		end += " without a word right after it had accepted the stream: is the stream key right, and no other encoder publishing under it?"
	default:
		return err
	}
	return told{output.WithCause(output.CauseClosed, output.InWords(end, quiet))}
}

// foreign adds what it means when bytes that arrive make no sense.
func foreign(a address, err error) error {
	var (
		network net.Error
		number  syscall.Errno
	)
	if errors.As(err, &network) || errors.As(err, &number) || errors.Is(err, output.ErrStalled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return err
	}
	return told{output.WithCause(output.CauseRejected,
		fmt.Errorf("what answers at %s does not speak RTMP: is the port right? (%w)", a.dial, err))}
}

// words are the server's own, fit for a person's eyes.
func (l *link) words(args amf0.Data) string {
	return l.addr.clean(field(args, "code") + " " + field(args, "description"))
}

// clean makes one bounded line of what a server said, without our secrets if it
// repeats them.
func (a address) clean(s string) string {
	s = plain(s)
	for _, secret := range a.secrets() {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return cut(s, maxWords)
}

// secrets lists what must not be seen, what contains others first.
func (a address) secrets() (all []string) {
	add := func(s string) {
		if s != "" {
			all = append(all, s)
		}
	}
	name, query, _ := strings.Cut(a.key, "?")
	_, appQuery, _ := strings.Cut(a.app, "?")
	for _, s := range []string{a.key, query, appQuery, name, a.password} {
		add(s)
	}
	for _, q := range []string{query, appQuery} {
		for pair := range strings.SplitSeq(q, "&") {
			if _, value, found := strings.Cut(pair, "="); found && len(value) >= 4 {
				add(value)
			}
		}
	}
	for _, s := range all {
		if u, err := url.PathUnescape(s); err == nil && u != s {
			add(u)
		}
	}
	return all
}

// plain is s in one line, without characters that are not for reading.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens s to n bytes, at a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
