package forward

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// Causes of output.AnswerError and of Status: what a person has to look at.
const (
	CauseAuth     = "auth"      // wrong or missing password, or not allowed to write
	CausePath     = "path"      // the server has no such place
	CauseTooLarge = "too_large" // the server limits the size of files
	CauseFull     = "full"      // the server's disk is full
	CauseBusy     = "busy"      // the server asks to come later
	CauseServer   = "server"    // the server's own failure
	CauseRejected = "rejected"  // another no
	CauseStalled  = "stalled"   // the peer takes nothing, or does not answer
	CauseDNS      = "dns"
	CauseRefused  = "refused"
	CauseTLS      = "tls"
	CauseClosed   = "closed"
	CauseNetwork  = "network"
	CauseLocal    = "local" // the box itself: a segment that cannot be read
)

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = time.Hour

func rejected(code int, text string) *output.AnswerError {
	return &output.AnswerError{Status: code, Cause: CauseRejected, Text: text}
}

// refusal puts a no into words.
func refusal(method, name string, a *answer) *output.AnswerError {
	r := &output.AnswerError{Status: a.code, RetryAfter: retryAfter(a.head.Get("Retry-After"), time.Now())}
	var advice string
	switch code := a.code; {
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
	r.Text = fmt.Sprintf("%s %s: %s: %s", method, name, a.status, advice)
	if words := plain(a); words != "" {
		r.Text += fmt.Sprintf(" (it says: %s)", words)
	}
	return r
}

// plain is the first line of an answer's body when that is text for people.
func plain(a *answer) string {
	if !strings.HasPrefix(a.head.Get("Content-Type"), "text/plain") {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(a.text), "\n")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, line)
	if r := []rune(line); len(r) > 120 {
		line = string(r[:120]) + "…"
	}
	return line
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
