package request

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/output"
)

// Causes of output.AnswerError: what a person has to look at.
const (
	CauseAuth     = "auth"      // wrong or missing password, or not allowed to write
	CausePath     = "path"      // the server has no such place
	CauseTooLarge = "too_large" // the server limits the size of files
	CauseFull     = "full"      // the server's disk is full
	CauseBusy     = "busy"      // the server asks to come later
	CauseServer   = "server"    // the server's own failure
	CauseRejected = "rejected"  // another no
)

// maxAnswer bounds what is read of an answer's body.
const maxAnswer = 4 << 10

// Answer is a response whose body has been read, as far as anybody wants it.
type Answer struct {
	Code   int
	Status string // "404 Not Found", by Line: the words are the server's own
	Head   http.Header
	Length int64
	Text   string
}

// Read reads a response's answer. The body stays the caller's to close; the error
// is that of reading it.
func Read(resp *http.Response) (*Answer, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return &Answer{resp.StatusCode, Line(resp.Status), resp.Header, resp.ContentLength, string(text)}, err
}

// Redirects says that the answer sends the request elsewhere.
func (a *Answer) Redirects() bool {
	switch a.Code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// Next is where a redirect sends a request that went to from. what names the
// request in errors, which are *output.AnswerErrors.
func (a *Answer) Next(what string, from *url.URL) (*url.URL, error) {
	next, err := from.Parse(a.Head.Get("Location"))
	switch {
	case err != nil || a.Head.Get("Location") == "" || next.Host == "" || next.Scheme != "http" && next.Scheme != "https":
		return nil, Rejected(a.Code, fmt.Sprintf("%s: the server redirects (%s) to no usable address", what, a.Status))
	case from.Scheme == "https" && next.Scheme != "https":
		return nil, Rejected(a.Code, what+": the server redirects from https to http: refused, the content and the password would be readable")
	}
	return next, nil
}

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = time.Hour

// Rejected is a no with a text of its own.
func Rejected(code int, text string) *output.AnswerError {
	return &output.AnswerError{Status: code, Cause: CauseRejected, Text: text}
}

// Refusal puts a no into words. name is what was asked for, without secrets.
func Refusal(method, name string, a *Answer) *output.AnswerError {
	r := &output.AnswerError{Status: a.Code, RetryAfter: RetryAfter(a.Head)}
	var advice string
	switch code := a.Code; {
	case code == http.StatusUnauthorized:
		r.Cause, advice = CauseAuth, "the server wants a name and password, or others: set them in the URL, or set authorization"
	case code == http.StatusForbidden:
		r.Cause, advice = CauseAuth, "the server does not allow this name, password or address to write there"
	case code == http.StatusProxyAuthRequired:
		r.Cause, advice = CauseAuth, "the proxy on the way wants a password"
	case code == http.StatusNotFound, code == http.StatusGone, code == http.StatusConflict:
		r.Cause, advice = CausePath, "the server has no such folder and makes none: check the path of the URL"
	case code == http.StatusMethodNotAllowed, code == http.StatusNotImplemented:
		r.Cause, advice = CauseRejected, "the server does not take "+method+" there: check the path of the URL, and that uploads are switched on"
	case code == http.StatusRequestEntityTooLarge:
		r.Cause, advice = CauseTooLarge, "the server takes no files of this size: raise its limit (nginx: client_max_body_size), or make segments shorter"
	case code == http.StatusInsufficientStorage:
		r.Cause, advice = CauseFull, "the server's disk is full: make room there, or set delete_old"
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		r.Cause, advice = CauseBusy, "the server asks to come later"
	case code >= 500, code == http.StatusRequestTimeout:
		r.Cause, advice = CauseServer, "the server has failed"
	default:
		r.Cause, advice = CauseRejected, "the server refuses"
	}
	r.Text = fmt.Sprintf("%s %s: %s: %s", method, name, a.Status, advice)
	if words := plain(a); words != "" {
		r.Text += fmt.Sprintf(" (it says: %s)", words)
	}
	return r
}

// plain is the first line of an answer's body when that is text for people.
func plain(a *Answer) string {
	if !strings.HasPrefix(a.Head.Get("Content-Type"), "text/plain") {
		return ""
	}
	return Line(a.Text)
}

// maxWords bounds what is told of a peer's own words.
const maxWords = 120

// Line is the first line of a peer's own words, cut to what a status has room
// for, without what would disturb a terminal.
func Line(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, line)
	if r := []rune(line); len(r) > maxWords {
		line = string(r[:maxWords]) + "…"
	}
	return line
}

// RetryAfter is how long a server asks to be left alone, within bounds; 0 where
// it does not.
func RetryAfter(head http.Header) time.Duration {
	return retryAfter(head.Get("Retry-After"), time.Now())
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
